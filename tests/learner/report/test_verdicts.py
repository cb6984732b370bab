"""Meets, does not meet, cannot tell: the interval decides, and what was not looked at is never green."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from services.guidance.definition import PRIMARY, Guidance
from services.guidance.evidence import Estimate, Judged, Validation
from services.guidance.policies import POLICIES
from services.learner.evidence.read_otherwise import InputRead, ReadInGroup, ReadOtherwise
from services.learner.learn import Found
from services.learner.report.verdicts import Rule, rules_of, within
from tests.learner.report.samples import about, validations


def rule(guidance: Guidance, judged: Judged, found: Found, name: str) -> Rule:
    """One of the table."""
    return next(one for one in rules_of(guidance, PRIMARY, judged, found.looks) if name in one.rule)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.9, 1.1, "meets"), (0.8, 1.25, "meets"), (0.7, 0.79, "does not meet"), (1.3, 2, "does not meet"), (0.7, 1, "cannot tell"), (0.5, 2, "cannot tell")],
)  # fmt: skip
def test_the_whole_interval_decides(low: float, high: float, verdict: str) -> None:
    """Inside meets, outside does not, across cannot tell."""
    assert within(Estimate(value=(low + high) / 2, ci=(low, high)), 0.8, 1.25) == verdict


def test_too_few_rows_do_not_meet(guidance: Guidance, found: Found) -> None:
    """Riley's number is the limit."""
    size = found.judged.sample_size
    assert size is not None
    short = msgspec.structs.replace(found.judged, sample_size=msgspec.structs.replace(size, needed=size.rows + 1))
    enough = msgspec.structs.replace(found.judged, sample_size=msgspec.structs.replace(size, needed=size.rows))
    assert rule(guidance, short, found, "enough patients").verdict == "does not meet"
    assert rule(guidance, enough, found, "enough patients").verdict == "meets"


def test_an_alarm_does_not_meet_and_is_the_reason(guidance: Guidance, found: Found) -> None:
    """In its own words."""
    assert found.judged.leaks is not None
    rang = msgspec.structs.replace(found.judged.leaks, found=("creatinine alone tells it.",))
    line = rule(guidance, msgspec.structs.replace(found.judged, leaks=rang), found, "No input tells")
    assert (line.verdict, line.reason) == ("does not meet", "creatinine alone tells it.")


def test_what_was_not_tested_elsewhere_cannot_be_told(guidance: Guidance, found: Found) -> None:
    """No test, or a test that could not be judged: never green, and the reason is given."""
    none = msgspec.structs.replace(found.judged, validations=())
    assert rule(guidance, none, found, "later time").verdict == "cannot tell"
    tested = msgspec.structs.replace(found.judged, validations=validations())
    assert rule(guidance, tested, found, "later time").verdict == "meets"
    site = rule(guidance, tested, found, "sites")
    assert site.verdict == "does not meet"
    assert "north" in site.reason
    few = Validation(scheme="site", name="south", fitted_rows=9, rows=4, events=1, patients=4, unjudged="Too few.")
    unjudged = rule(guidance, msgspec.structs.replace(found.judged, validations=(few,)), found, "sites")
    assert unjudged.verdict == "cannot tell"
    assert "Too few." in unjudged.reason


def test_the_guidance_and_the_gates_hold_it_against_one_limit(guidance: Guidance, found: Found) -> None:
    """The report's limits are the guidance's, which are the gates' unless it asks for more; the slope's too."""
    assert guidance.evidence.observed_expected is POLICIES["standard"].observed_expected
    narrow = guidance.evidence.model_copy(update={"calibration_slope": (0.999, 1.001)})
    strict = guidance.model_copy(update={"evidence": narrow})
    line = rule(strict, found.judged, found, "too extreme")
    assert line.limit == "calibration slope 0.999 to 1.001"
    assert line.verdict != "meets"


def test_a_group_that_is_worse_is_named(guidance: Guidance, found: Found) -> None:
    """One that does not meet is enough, also of two attributes together."""
    looks = found.looks
    assert looks is not None
    line = looks.groups.groups[0]
    bad = replace(line, observed_expected=replace(line.observed_expected, estimate=about(2.0), verdict="does not meet"))
    table = replace(looks.groups, intersections=(bad,))
    one = rule(guidance, found.judged, replace(found, looks=replace(looks, groups=table)), "No group")
    assert one.verdict == "does not meet"
    assert f"{bad.attribute}: {bad.value}" in one.reason


def test_whoever_is_read_otherwise_is_named_with_how_much(guidance: Guidance, found: Found) -> None:
    """By the group, in the input's unit, and with what could tell device from body; without such readings there is no line."""
    looks = found.looks
    assert looks is not None
    assert not any("Devices read" in one.rule for one in rules_of(guidance, PRIMARY, found.judged, looks))
    line = ReadInGroup(
        attribute="race", value="Black or African American", rows=900, patients=300, mean=about(98.2), explained=96.1,
        apart=Estimate(value=2.1, ci=(1.7, 2.5)), verdict="does not meet",
    )  # fmt: skip
    well = replace(line, attribute="sex", value="female", apart=Estimate(value=0.1, ci=(-0.2, 0.4)), verdict="meets")
    read = InputRead(
        name="oxygen", label="oxygen saturation", unit="%", beside=("breaths",), limit=1, rows=1800, groups=(line, well),
        too_few=(),
    )  # fmt: skip
    looked = replace(looks, read_otherwise=ReadOtherwise(level=0.975, comparisons=2, inputs=(read,)))
    rule_of = next(
        one for one in rules_of(guidance, PRIMARY, found.judged, looked) if one.rule.startswith("Devices read")
    )
    assert rule_of.verdict == "does not meet"
    assert rule_of.limit == "oxygen saturation: 1 % apart"
    assert rule_of.reason == (
        "Oxygen saturation reads 2.1 points higher than other findings explain in race: Black or African American. "
        "Device or body, a reference measurement tells."
    )
