"""From facts to advice: population, required data, bands; three-valued throughout."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.advice.advise import advise
from services.cds.governed.site_policy import site_policy
from services.cds.patient.facts import Facts
from services.guidance.errors import MissingPatientData
from services.guidance.ready import open_release
from tests.cds.tea import tea_bundle

RELEASE = open_release(tea_bundle())
HERE = site_policy(RELEASE.guidance, {}, "")
ABSTAINING = site_policy(RELEASE.guidance, {"*": {"when_unknown": "abstain"}}, "")
STRICT = site_policy(RELEASE.guidance, {"*": {"max_unknown_share": 0.4}}, "")


def facts(**values: Any) -> Facts:
    """Facts of an old woman with little haemoglobin, unless changed; None is unknown, "absent" is known absent."""
    given: dict[str, Any] = {"age": 85.0, "hb": 8.5, "dialysis": 0.0, "hb_low": 0.0} | values
    state = {None: "unknown", "absent": "absent"}
    return Facts(
        values={name: value if isinstance(value, float) else None for name, value in given.items()},
        states={name: "value" if isinstance(value, float) else state[value] for name, value in given.items()},
        sources={},
    )


def test_the_first_band_that_holds_is_taken_and_the_contributions_add_up() -> None:
    """Risk, band, and exact shares in it."""
    advice = advise(RELEASE, HERE, facts(), hook="patient-view")
    assert advice.risk is not None
    assert advice.log_odds is not None
    assert (advice.verdict, advice.band.name if advice.band else "") == ("card", "high")
    assert advice.risk == 1 / (1 + math.exp(-advice.log_odds))
    assert advice.contributions == {"age": 1.5, "hb": 0.75}
    assert sum(advice.contributions.values()) + (-2.5 + 0.75) == pytest.approx(advice.log_odds, abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"age": 17.0}, "not included: age >= 18"),
        ({"age": 17.0, "dialysis": None}, "not included: age >= 18"),
        ({"dialysis": 1.0}, "excluded: dialysis"),
        ({"dialysis": 1.0, "age": None}, "excluded: dialysis"),
    ],
)
def test_who_is_surely_outside_is_outside_whatever_else_is_unknown(changes: Any, reason: str) -> None:
    """No data is demanded for a patient that the guidance is not for."""
    advice = advise(RELEASE, HERE, facts(**changes), hook="encounter-discharge")
    assert (advice.verdict, advice.reason, advice.risk) == ("outside", reason, None)


@pytest.mark.parametrize("value", [None, "absent"])
def test_required_data_without_a_value_stops_the_call(value: Any) -> None:
    """Named as a clinician reads it."""
    with pytest.raises(MissingPatientData, match="age"):
        advise(RELEASE, HERE, facts(age=value), hook="patient-view")


def test_an_unknown_exclusion_is_recorded_and_does_not_exclude() -> None:
    """Three-valued: unknown is neither yes nor no."""
    advice = advise(RELEASE, HERE, facts(dialysis=None), hook="patient-view")
    assert (advice.verdict, advice.reason) == ("card", "exclusion not known: dialysis")


def test_a_hook_speaks_only_when_its_condition_surely_holds() -> None:
    """`when` is of that hook alone; unknown does not open it."""
    strange = facts(age=10.0)
    assert advise(RELEASE, HERE, strange, hook="patient-view").verdict == "outside"
    when = RELEASE.guidance.hooks[0].when
    assert when is not None
    assert RELEASE.conditions[when].evaluate_one({"age": None, "hb_low": 0.0}) is None


@pytest.mark.parametrize(("here", "verdict"), [(HERE, "card"), (ABSTAINING, "abstained"), (STRICT, "abstained")])
def test_unknown_inputs_are_answered_or_abstained_by_policy(here: Any, verdict: str) -> None:
    """One of two inputs unknown: half is tolerated by default, not at all by the others."""
    assert advise(RELEASE, here, facts(hb=None), hook="patient-view").verdict == verdict


@pytest.mark.parametrize("here", [HERE, ABSTAINING, STRICT])
def test_what_is_known_to_be_absent_is_not_unknown(here: Any) -> None:
    """Asked, and nothing there: the model knows what to make of it."""
    advice = advise(RELEASE, here, facts(hb="absent"), hook="patient-view")
    assert (advice.verdict, advice.contributions["hb"]) == ("card", 0.0)


def test_a_band_that_cannot_be_decided_does_not_hold_is_recorded_and_is_not_taken_for_no_risk() -> None:
    """The next one is tried; where that one is silent, the service abstains and says what it does not know."""
    here = site_policy(
        RELEASE.guidance,
        {"*": {"bands": [{"name": "low", "when": "hb < 9", "card": "tea"}, {"name": "usual", "when": "risk >= 0"}]}},
        "",
    )
    advice = advise(RELEASE, here, facts(hb=None), hook="patient-view")
    assert (advice.verdict, advice.reason) == ("abstained", "not known whether: hb < 9")
    assert advice.risk is not None


numbers = st.one_of(st.none(), st.just("absent"), st.floats(0, 200))


@given(age=numbers, hb=numbers, dialysis=st.sampled_from([None, 0.0, 1.0]))
def test_every_set_of_facts_ends_in_one_verdict(age: Any, hb: Any, dialysis: Any) -> None:
    """A card needs a risk, a risk needs an age, an adult and no dialysis."""
    try:
        advice = advise(RELEASE, HERE, facts(age=age, hb=hb, dialysis=dialysis), hook="encounter-discharge")
    except MissingPatientData:
        assert not isinstance(age, float)
        return
    if advice.risk is not None:
        assert age >= 18
        assert dialysis != 1.0
        assert 0 <= advice.risk <= 1
    assert (advice.verdict == "card") == (advice.band is not None and advice.band.card == "tea")
