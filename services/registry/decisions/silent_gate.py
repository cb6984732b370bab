"""What the silent period must show before anybody sees a card: its risks hold, it does not speak too often, no skew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.definition import Guidance
from services.guidance.evidence import SilentMonth
from services.guidance.lifecycle import Check, Role
from services.guidance.policies import Policy
from services.guidance.release import EvidencePack
from services.registry.decisions.bedside_gate import bedside_checks
from services.registry.decisions.checked import check, met, within
from services.registry.decisions.gate_facts import GateFacts
from services.registry.decisions.reports import checked_evidence, read_silent
from services.registry.decisions.training_gate import NUMBERS

BURDEN: Final[frozenset[Role]] = frozenset({"clinical-reviewer", "operations"})


def silent_gate(facts: GateFacts) -> Iterator[Check]:
    """Asked wherever silent evidence is."""
    return checked_evidence(
        facts, "silent", lambda pack: _silent(pack, read_silent(pack), facts.guidance, facts.policy)
    )


def _silent(pack: EvidencePack, report: SilentMonth, guidance: Guidance, policy: Policy) -> Iterator[Check]:
    floors, budget = policy.floors, guidance.policy.alert_budget
    yield check(
        "silent-report-bound",
        "The report is about this guidance and this release, against its own alert budget",
        f"it is about {report.guidance}, {report.release[:19]}…, budget {report.alert_budget:g}",
        met(report.guidance == guidance.id and report.release == pack.release and report.alert_budget == budget),
        pack,
    )
    unknown = guidance.model.published is not None and report.calibration is None
    matured, events = (0, 0) if unknown else (floors.silent_matured, floors.silent_events)
    yield check(
        "silent-size",
        f"At least {floors.silent_decisions:,} decisions, {matured:,} with a known outcome, {events:,} events",
        f"{report.decisions:,} decisions, {report.matured:,} with a known outcome, {report.events:,} events",
        met(report.decisions >= floors.silent_decisions and report.matured >= matured and report.events >= events),
        pack,
        decisions=report.decisions,
        matured=report.matured,
        events=report.events,
    )
    yield from bedside_checks(report.bedside, policy, pack)
    yield _calibration(report, policy.narrowed(guidance.evidence.observed_expected), pack)
    rate = report.alert_rate
    yield check(
        "alert-burden",
        f"At most {budget:.0%} of calls carry a card",
        f"{rate.value:.1%} ({rate.ci[0]:.1%} to {rate.ci[1]:.1%})",
        within(rate, 0.0, budget),
        pack,
        accepted_by=BURDEN,
        alert_rate=rate.value,
        low=rate.ci[0],
        high=rate.ci[1],
        budget=budget,
    )
    skew = report.skew
    causes = ", ".join(f"{cause} {count:,}" for cause, count in sorted(skew.causes.items()))
    yield check(
        "feature-skew",
        "Features at the bedside equal the rebuild from history, or differ by a named cause",
        f"{skew.different:,} of {skew.compared:,} differ" + (f" ({causes})" if causes else ""),
        met(skew.compared > 0 and skew.unexplained == 0),
        pack,
        compared=skew.compared,
        different=skew.different,
        unexplained=skew.unexplained,
    )
    limit = guidance.policy.max_unknown_share
    yield check(
        "unknown-data",
        f"At most {limit:.0%} of feature values unknown",
        f"{report.unknown_share:.1%}",
        met(report.unknown_share <= limit),
        pack,
        unknown_share=report.unknown_share,
    )


def _calibration(report: SilentMonth, limits: tuple[float, float], pack: EvidencePack) -> Check:
    """Events observed against expected; where the outcome takes longer than the month, somebody must answer for it."""
    low, high = limits
    asked = f"Events observed against expected within {low:g} to {high:g}"
    if report.calibration is None:
        said = "no outcome of these decisions is known yet"
        return check("calibration", asked, said, "cannot tell", pack, accepted_by=NUMBERS)
    ratio = report.calibration.o_e
    return check(
        "calibration",
        asked,
        f"{report.calibration.observed:g} against {report.calibration.expected:.1f}: "
        f"{ratio.value:.2f} ({ratio.ci[0]:.2f} to {ratio.ci[1]:.2f})",
        within(ratio, low, high),
        pack,
        accepted_by=NUMBERS,
        observed_expected=ratio.value,
        low=ratio.ci[0],
        high=ratio.ci[1],
    )
