"""The gates: what evidence must show before a release may move, as checked facts with numbers, never as a tick box.

Three answers: meets, does not meet, cannot tell. An interval that crosses its limit cannot tell; what is missing does
not meet. Nothing here is an opinion, and no flag skips a check: a policy only says how small a sample may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from services.guidance.definition import Guidance
from services.guidance.evidence import EVALUATION_FILE, SILENT_FILE, Evaluation, Kind, SilentMonth, decode_report
from services.guidance.lifecycle import ENTRY, Check, Role, State
from services.guidance.policies import Policy
from services.guidance.release import EvidencePack
from services.registry.decisions.checked import check, met, within
from services.registry.decisions.training_gate import NUMBERS, training_checks
from services.timeline.errors import BadInput

BURDEN: Final[frozenset[Role]] = frozenset({"clinical-reviewer", "operations"})


def check_gate(
    to: State, *, guidance: Guidance, release: str, packs: Mapping[Kind, EvidencePack], policy: Policy
) -> tuple[Check, ...]:
    """Every check of the gate before `to`, on the latest evidence pack of each kind."""
    found: list[Check] = []
    for kind in ENTRY[to].evidence:
        pack = packs.get(kind)
        if pack is None:
            found.append(_missing(kind))
            continue
        found.append(_bound(kind, pack, release))
        try:
            if kind == "training":
                found.extend(training_checks(pack, read_evaluation(pack), guidance, policy))
            elif kind == "silent":
                found.extend(_silent(pack, read_silent(pack), guidance, policy))
            else:
                found.append(_for_people(kind, pack))
        except BadInput as fault:
            found.append(check(f"{kind}-report", "The report can be read", str(fault), "does not meet", pack))
    return tuple(found)


def read_evaluation(pack: EvidencePack) -> Evaluation:
    """The training report of a pack; BadInput if there is none or it is not one."""
    return decode_report(_report(pack, EVALUATION_FILE), Evaluation, place=EVALUATION_FILE)


def read_silent(pack: EvidencePack) -> SilentMonth:
    """The report of the silent month of a pack; BadInput if there is none or it is not one."""
    return decode_report(_report(pack, SILENT_FILE), SilentMonth, place=SILENT_FILE)


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
    yield _calibration(report, policy, pack)
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


def _calibration(report: SilentMonth, policy: Policy, pack: EvidencePack) -> Check:
    """Events observed against expected; where the outcome takes longer than the month, somebody must answer for it."""
    low, high = policy.observed_expected
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


def _for_people(kind: Kind, pack: EvidencePack) -> Check:
    """Evidence whose numbers no rule reads yet: a person must accept it by name."""
    return check(
        f"{kind}-result", f"The {kind} result", "to be judged by a person", "cannot tell", pack, accepted_by=NUMBERS
    )


def _missing(kind: Kind) -> Check:
    return Check(
        name=f"{kind}-evidence", asked=f"{kind.capitalize()} evidence for this release", found="there is none",
        verdict="does not meet",
    )  # fmt: skip


def _bound(kind: Kind, pack: EvidencePack, release: str) -> Check:
    return check(
        f"{kind}-evidence",
        f"{kind.capitalize()} evidence bound to this release by digest",
        f"pack for {pack.release[:19]}…",
        met(pack.release == release and pack.evidence == kind),
        pack,
    )


def _report(pack: EvidencePack, name: str) -> bytes:
    if name not in pack.files:
        raise BadInput("the evidence pack has no such file", place=name, remedy="Write the report and pack it again")
    return pack.files[name]
