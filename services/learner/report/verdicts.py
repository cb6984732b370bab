"""What was agreed before the data, and whether it holds: meets, does not meet, or cannot tell.

The whole interval inside a limit meets it, wholly outside does not, across it cannot tell. What was not looked at cannot
be told either: missing is never green.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.guidance.definition import Guidance
from services.guidance.evidence import Estimate, Judged, Validation
from services.guidance.lifecycle import Verdict
from services.guidance.words.figure_messages import reads
from services.guidance.words.rounding import half_up, percent

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.evidence.looks import Looks
    from services.learner.evidence.measured_less import MeasuredLess
    from services.learner.evidence.read_otherwise import ReadOtherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the verdict table."""

    rule: str
    limit: str
    result: str
    verdict: Verdict
    anchor: str
    """Where the page shows it."""
    reason: str
    """The same as a reason for or against, in one sentence."""


def rules_of(guidance: Guidance, name: str, judged: Judged, looks: Looks | None) -> tuple[Rule, ...]:
    """Every rule for one prediction, those that stop a release first."""
    return tuple(_rules(guidance, name, judged, looks))


def _rules(guidance: Guidance, name: str, judged: Judged, looks: Looks | None) -> Iterator[Rule]:
    if judged.leaks is not None:
        yield _leaks(judged)
    if judged.sample_size is not None:
        yield _sample(judged)
    yield from _risks(guidance, judged, looks)
    yield from _elsewhere(guidance, judged)
    if looks is None:
        return
    yield _benefit(looks)
    budget, rate = guidance.policy.alert_budget, looks.work.alert_rate
    found = within(rate, 0.0, budget)
    yield Rule(
        rule="It speaks no more often than agreed",
        limit=f"at most {percent(budget)} of moments",
        result=_shares(rate),
        verdict=found,
        anchor="work",
        reason=_said(
            found,
            f"It would speak at {percent(rate.value)} of moments, within the {percent(budget)} agreed.",
            f"It would speak at {percent(rate.value)} of moments, more than the {percent(budget)} agreed.",
            f"Whether it would speak at no more than {percent(budget)} of moments cannot be told.",
        ),
    )
    yield _groups(looks)
    if looks.measured_less is not None and looks.measured_less.comparisons:
        yield _measured(looks.measured_less)
    if looks.read_otherwise is not None and looks.read_otherwise.comparisons:
        yield _read(looks.read_otherwise)


def _leaks(judged: Judged) -> Rule:
    rang = judged.alarms
    return Rule(
        rule="No input tells the outcome",
        limit="no alarm rings",
        result=f"{len(rang)} rang" if rang else "none rang",
        verdict="does not meet" if rang else "meets",
        anchor="alarms",
        reason=" ".join(rang) or "No alarm rang for an input that tells the outcome.",
    )


def _sample(judged: Judged) -> Rule:
    size = judged.sample_size
    assert size is not None  # noqa: S101 - asked by the caller
    enough = size.rows >= size.needed
    return Rule(
        rule="There were enough patients to learn from",
        limit=f"{size.needed:,} rows (Riley)",
        result=f"{size.rows:,} rows, {size.events:,} events",
        verdict="meets" if enough else "does not meet",
        anchor="sample",
        reason=f"It was learned from {size.rows:,} rows; {size.needed:,} are the least that are sound."
        if enough
        else f"It was learned from only {size.rows:,} rows; {size.needed:,} are the least that are sound.",
    )


def _risks(guidance: Guidance, judged: Judged, looks: Looks | None) -> Iterator[Rule]:
    limits = guidance.evidence.observed_expected
    if looks is None:
        yield Rule(
            rule="The stated risks are right on average",
            limit=f"observed ÷ expected {limits[0]:g} to {limits[1]:g}",
            result="not judged",
            verdict="cannot tell",
            anchor="believed",
            reason=judged.unevaluated,
        )
        return
    ratio, slope = looks.performance.observed_expected, looks.performance.calibration.slope
    found = within(ratio, *limits)
    yield Rule(
        rule="The stated risks are right on average",
        limit=f"observed ÷ expected {limits[0]:g} to {limits[1]:g}",
        result=_number(ratio),
        verdict=found,
        anchor="believed",
        reason=_said(
            found,
            f"As many events happened as it stated: {_hundred(ratio.value)} for every 100 stated.",
            f"It states the wrong number of events: {_hundred(ratio.value)} happened for every 100 stated.",
            f"Whether as many events happen as it states cannot be told: {_hundred(ratio.value)} for every 100 stated.",
        ),
    )
    least, most = guidance.evidence.calibration_slope
    found = within(slope, least, most)
    extreme = "too extreme" if slope.value < 1 else "too timid"
    yield Rule(
        rule="They are neither too extreme nor too timid",
        limit=f"calibration slope {least:g} to {most:g}",
        result=_number(slope),
        verdict=found,
        anchor="believed",
        reason=_said(
            found,
            "High risks are as high, and low risks as low, as they are stated.",
            f"Its risks are {extreme}: calibration slope {_number(slope)}.",
            f"Whether its risks are {extreme} cannot be told: calibration slope {_number(slope)}.",
        ),
    )


def _elsewhere(guidance: Guidance, judged: Judged) -> Iterator[Rule]:
    if judged.published is not None:
        return
    limits = guidance.evidence.observed_expected
    for scheme, rule, where in (
        ("temporal", "It holds in later time", "in later time"),
        ("site", "It holds at sites that it has not seen", "at a site that it had not seen"),
    ):
        tests = [one for one in judged.validations if one.scheme == scheme]
        known = [one for one in tests if one.observed_expected is not None]
        verdict = _all_of([_of_test(one, limits) for one in tests])
        result = "; ".join(f"{one.name}: {_number(one.observed_expected)}" for one in known if one.observed_expected)
        why = next(
            (one.unjudged for one in tests if one.unjudged), judged.no_later_time if scheme == "temporal" else ""
        )
        failed = [one.name for one in known if _of_test(one, limits) == "does not meet"]
        yield Rule(
            rule=rule,
            limit=f"observed ÷ expected {limits[0]:g} to {limits[1]:g}",
            result=result or "not judged",
            verdict=verdict,
            anchor="elsewhere",
            reason=_said(
                verdict,
                f"It was tested {where}, and its risks held.",
                f"Its risks did not hold {where}: {', '.join(failed)}.",
                f"It was tested {where}, and whether its risks hold cannot be told."
                if known
                else f"It was not judged {where}. {why}".strip(),
            ),
        )


def _of_test(one: Validation, limits: tuple[float, float]) -> Verdict:
    return "cannot tell" if one.observed_expected is None else within(one.observed_expected, *limits)


def _benefit(looks: Looks) -> Rule:
    gain = looks.benefit.gained_near(looks.work.threshold).gain
    low, high = gain.ci
    found: Verdict = "meets" if low > 0 else "does not meet" if high < 0 else "cannot tell"
    said = f"{half_up(gain.value, 1)} ({half_up(low, 1)} to {half_up(high, 1)})"
    return Rule(
        rule="Acting on it beats acting on everybody or on nobody",
        limit="net benefit gained above 0 per 1,000",
        result=said,
        verdict=found,
        anchor="good",
        reason=_said(
            found,
            f"Acting on it is worth {said} more caught per 1,000 than acting on everybody or on nobody.",
            f"Acting on it is worth less than acting on everybody or on nobody: {said} per 1,000.",
            f"Whether acting on it beats acting on everybody or on nobody cannot be told: {said} per 1,000.",
        ),
    )


def _groups(looks: Looks) -> Rule:
    lines = looks.groups.groups
    verdicts: list[Verdict] = [one.verdict for one in lines]
    everyone = [*lines, *looks.groups.intersections]
    worse = [f"{one.attribute}: {one.value}" for one in everyone if one.verdict == "does not meet"]
    counts = {kind: verdicts.count(kind) for kind in ("meets", "does not meet", "cannot tell")}
    found = "does not meet" if worse else _all_of(verdicts)
    return Rule(
        rule="No group of patients is worse off than agreed",
        limit="every limit, in every group",
        result=f"{counts['meets']} meet, {counts['does not meet']} do not, {counts['cannot tell']} cannot be told",
        verdict=found,
        anchor="whom",
        reason=_said(
            found,
            f"All {len(lines)} groups of patients keep every limit.",
            f"It is worse than agreed for {', '.join(worse[:3])}{f' and {len(worse) - 3} more' if len(worse) > 3 else ''}.",
            f"Of {len(lines)} groups, {counts['cannot tell']} are too small, or too close to a limit, to be told.",
        ),
    )


def _measured(found: MeasuredLess) -> Rule:
    verdicts: list[Verdict] = [one.verdict for _, one in found.lines]
    less = [f"{one.label} ({group.name})" for group, one in found.found]
    unknown = verdicts.count("cannot tell")
    verdict = _all_of(verdicts)
    return Rule(
        rule="Inputs are measured in every group as its needs ask",
        limit=f"at most {half_up(100 * found.limit)} points more without a value",
        result=f"{len(less)} measured less; {unknown:,} of {found.comparisons:,} comparisons cannot be told",
        verdict=verdict,
        anchor="measured-less",
        reason=_said(
            verdict,
            "In every group inputs are measured as its recorded needs ask.",
            f"Measured less than needs explain: {', '.join(less[:3])}{f' and {len(less) - 3} more' if len(less) > 3 else ''}.",
            f"Whether every group's inputs are measured as its needs ask: {unknown:,} of {found.comparisons:,} comparisons cannot be told.",
        ),
    )


def _read(found: ReadOtherwise) -> Rule:
    verdicts: list[Verdict] = [line.verdict for _, line in found.lines]
    apart = [reads(one.label, one.unit, line.apart.value, line.name) for one in found.inputs for line in one.found]
    unknown = verdicts.count("cannot tell")
    verdict = _all_of(verdicts)
    return Rule(
        rule="Devices read in every group as other findings explain",
        limit="; ".join(f"{one.label}: {one.limit:g} {one.unit} apart" for one in found.inputs),
        result=f"{len(apart)} read otherwise; {unknown:,} of {found.comparisons:,} comparisons cannot be told",
        verdict=verdict,
        anchor="read-otherwise",
        reason=_said(
            verdict,
            "In every group devices read as other findings explain.",
            f"{_capital('; '.join(apart[:3]))}{f'; and {len(apart) - 3} more' if len(apart) > 3 else ''}. Device or body, a reference measurement tells.",
            f"Whether devices read in every group as other findings explain: {unknown:,} of {found.comparisons:,} comparisons cannot be told.",
        ),
    )


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def within(estimate: Estimate, low: float, high: float) -> Verdict:
    """The whole interval inside meets, wholly outside does not, across a limit cannot tell."""
    if low <= estimate.ci[0] and estimate.ci[1] <= high:
        return "meets"
    return "does not meet" if estimate.ci[1] < low or high < estimate.ci[0] else "cannot tell"


def _all_of(verdicts: list[Verdict]) -> Verdict:
    if "does not meet" in verdicts:
        return "does not meet"
    return "meets" if verdicts and set(verdicts) == {"meets"} else "cannot tell"


def _said(verdict: Verdict, meets: str, does_not: str, cannot: str) -> str:
    return {"meets": meets, "does not meet": does_not, "cannot tell": cannot}[verdict]


def _number(estimate: Estimate) -> str:
    low, high = estimate.ci
    return f"{estimate.value:z.2f} ({low:z.2f} to {high:z.2f})"


def _shares(estimate: Estimate) -> str:
    return f"{percent(estimate.value)} ({percent(estimate.ci[0])} to {percent(estimate.ci[1])})"


def _hundred(ratio: float) -> str:
    return f"{half_up(100 * ratio)}"
