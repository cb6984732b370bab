"""Whether it is known what showing it does: a protocol before anybody sees a card, a result read by rule before general use.

The difference is reckoned again from the counts. Wholly on the wanted side of nothing it meets; wholly on the other it
does not, and nobody may accept that; across it nobody can tell, and somebody must answer for going on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.lifecycle import SPEAKING, Check, Role, Verdict
from services.guidance.policies import Floors
from services.guidance.release import EvidencePack
from services.guidance.trial_evidence import Effect, Harm, TrialReport
from services.registry.decisions.checked import check, met
from services.registry.decisions.gate_facts import GateFacts
from services.registry.decisions.reports import checked_evidence, read_trial_report
from services.registry.decisions.training_gate import NUMBERS

UNPROVEN: Final[frozenset[Role]] = frozenset({"clinical-reviewer", "statistician"})
HARMS: Final[frozenset[Role]] = frozenset({"clinical-reviewer", "patient-representative"})
TOLERANCE: Final = 1e-4  # between a stated difference and the counts: what rounding may do
ADJUSTED: Final = "adjusted"


def trial_gate(facts: GateFacts) -> Iterator[Check]:
    """The protocol wherever it is to speak; the result wherever trial evidence is asked for."""
    if facts.to in SPEAKING:
        yield _protocol(facts)
    yield from checked_evidence(facts, "trial", lambda pack: _result(facts, pack, read_trial_report(pack)))


def _protocol(facts: GateFacts) -> Check:
    asked = "It is filed who is drawn into which arm, so that its effect can be known"
    trial = facts.around.trial
    if trial is None:
        return Check(name="trial-protocol", asked=asked, found="no trial is filed", verdict="does not meet")
    arms = ", ".join(f"{arm.name} {trial.probability_of(arm):.0%}" for arm in trial.arms)
    compares = {arm.shows for arm in trial.arms} == {True, False}
    return Check(
        name="trial-protocol",
        asked=asked,
        found=f"{trial.id}, by {trial.unit}: {arms}" + ("" if compares else "; nobody to compare with"),
        verdict="meets" if compares else "cannot tell",
        evidence=trial.digest,
        accepted_by=UNPROVEN,
    )


def _result(facts: GateFacts, pack: EvidencePack, report: TrialReport) -> Iterator[Check]:
    trial = facts.around.trials.get(report.trial)
    arms = {(arm.name, arm.shows) for arm in trial.arms} if trial is not None else set()
    told = {(arm.arm, arm.shows) for arm in report.primary.arms}
    about = report.guidance == facts.guidance.id and report.release == facts.release
    yield check(
        "trial-report-bound",
        "The report is about this release and a trial of it that was filed, with its arms",
        f"it is about {report.release[:19]}…, trial {report.trial[:19]}…",
        met(about and trial is not None and report.unit == trial.unit and told == arms),
        pack,
    )
    yield _size(report, facts.policy.floors, pack)
    primary = report.primary
    yield _adds_up("trial-counts", [primary, *report.secondary, *(harm.effect for harm in report.harms)], pack)
    yield check(
        "trial-effect",
        f"{primary.outcome}: {primary.wanted} where it is shown",
        _said(primary),
        _effect(primary),
        pack,
        accepted_by=UNPROVEN,
        difference=primary.difference.value,
        low=primary.difference.ci[0],
        high=primary.difference.ci[1],
    )
    if not report.harms:
        yield check(
            "trial-harms", "Harms were looked for", "the report names none", "cannot tell", pack, accepted_by=HARMS
        )
    for number, harm in enumerate(report.harms, start=1):
        yield _harm(number, harm, pack)


def _size(report: TrialReport, floors: Floors, pack: EvidencePack) -> Check:
    arms = report.primary.arms
    units, events = sum(arm.units for arm in arms), sum(arm.events for arm in arms)
    least = min(arm.followed for arm in arms)
    return check(
        "trial-size",
        f"The {report.planned_units:,} units planned, at least {floors.trial_units:,} followed in each arm, "
        f"{floors.trial_events:,} events",
        f"{units:,} units, {least:,} followed in the smallest arm, {events:,} events",
        met(units >= report.planned_units and least >= floors.trial_units and events >= floors.trial_events),
        pack,
        units=units,
        smallest_arm=least,
        events=events,
    )


def _adds_up(name: str, effects: list[Effect], pack: EvidencePack) -> Check:
    """A difference that is called adjusted may differ from the counts: then somebody who knows numbers answers for it."""
    off = [one for one in effects if abs(one.from_counts - one.difference.value) > TOLERANCE]
    wrong = [one.outcome for one in off if ADJUSTED not in one.method]
    found = "; ".join(f"{one.outcome}: {one.difference.value:.4f}, by the counts {one.from_counts:.4f}" for one in off)
    return check(
        name,
        "Each difference is what the counts give, or is called adjusted",
        found or "all are",
        "does not meet" if wrong else "cannot tell" if off else "meets",
        pack,
        accepted_by=NUMBERS,
    )


def _effect(effect: Effect) -> Verdict:
    low, high = effect.gain
    return "meets" if low > 0 else "does not meet" if high < 0 else "cannot tell"


def _harm(number: int, harm: Harm, pack: EvidencePack) -> Check:
    low, high = harm.effect.difference.ci
    verdict: Verdict = "meets" if high <= harm.at_most else "does not meet" if low > harm.at_most else "cannot tell"
    return check(
        f"trial-harm-{number}",
        f"{harm.effect.outcome}: at most {1000 * harm.at_most:g} more per 1,000 where it is shown",
        _said(harm.effect),
        verdict,
        pack,
        accepted_by=HARMS,
        difference=harm.effect.difference.value,
        low=low,
        high=high,
        at_most=harm.at_most,
    )


def _said(effect: Effect) -> str:
    arms = ", ".join(f"{arm.arm} {arm.events:,} of {arm.followed:,}" for arm in effect.arms)
    value, (low, high) = effect.difference.value, effect.difference.ci
    return f"{arms}: {1000 * value:+.1f} per 1,000 ({1000 * low:+.1f} to {1000 * high:+.1f}), {effect.method}"
