"""The gates: what evidence must show before a release may move, as checked facts with numbers, never as a tick box.

Three answers: meets, does not meet, cannot tell. An interval that crosses its limit cannot tell; what is missing does
not meet. Nothing here is an opinion, and no flag skips a check: a policy only says how small a sample may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from services.guidance.definition import Guidance
from services.guidance.evidence import (
    EVALUATION_FILE,
    SILENT_FILE,
    Estimate,
    Evaluation,
    Kind,
    SilentMonth,
    decode_report,
)
from services.guidance.lifecycle import ENTRY, Check, Role, State, Verdict
from services.guidance.policies import Policy
from services.guidance.release import EvidencePack
from services.timeline.errors import BadInput

NUMBERS: Final[frozenset[Role]] = frozenset({"data-science-reviewer", "statistician"})
BURDEN: Final[frozenset[Role]] = frozenset({"clinical-reviewer", "operations"})
SHUFFLED: Final = (0.4, 0.6)  # where the AUROC of shuffled labels must be able to lie


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
                found.extend(_training(pack, read_evaluation(pack), guidance, policy))
            elif kind == "silent":
                found.extend(_silent(pack, read_silent(pack), guidance, policy))
            else:
                found.append(_for_people(kind, pack))
        except BadInput as fault:
            found.append(_check(f"{kind}-report", "The report can be read", str(fault), "does not meet", pack))
    return tuple(found)


def read_evaluation(pack: EvidencePack) -> Evaluation:
    """The training report of a pack; BadInput if there is none or it is not one."""
    return decode_report(_report(pack, EVALUATION_FILE), Evaluation, place=EVALUATION_FILE)


def read_silent(pack: EvidencePack) -> SilentMonth:
    """The report of the silent month of a pack; BadInput if there is none or it is not one."""
    return decode_report(_report(pack, SILENT_FILE), SilentMonth, place=SILENT_FILE)


def within(estimate: Estimate, low: float, high: float) -> Verdict:
    """The whole interval inside the limits meets, wholly outside does not, across a limit cannot tell."""
    at_least, at_most = estimate.ci
    if low <= at_least and at_most <= high:
        return "meets"
    if at_most < low or high < at_least:
        return "does not meet"
    return "cannot tell"


def _training(pack: EvidencePack, report: Evaluation, guidance: Guidance, policy: Policy) -> Iterator[Check]:
    floors, model = policy.floors, report.model
    size = report.sample_size
    needed = max(floors.training_rows, round(size.needed * floors.riley_share))
    yield _check(
        "training-report-bound",
        "The report is about this guidance and this release",
        f"it is about {report.guidance}, {report.release[:19]}…",
        _met(report.guidance == guidance.id and report.release == pack.release),
        pack,
    )
    yield _check(
        "sample-size",
        f"At least {needed:,} rows (Riley: {size.needed:,}) and {floors.training_events:,} events",
        f"{report.rows:,} rows, {report.events:,} events",
        _met(report.rows >= needed and report.events >= floors.training_events),
        pack,
        rows=report.rows,
        events=report.events,
        needed=needed,
    )
    yield _check(
        "leak-alarms",
        "No alarm for a leak of the outcome into the inputs",
        "; ".join(report.leaks.found) or "none rang",
        _met(not report.leaks.found),
        pack,
    )
    alarm = guidance.model.auroc_alarm
    best = max(one.auroc for one in report.models.values())
    alone = report.leaks.largest_feature_auroc
    yield _check(
        "too-good",
        f"No AUROC above {alarm:g}, of any model or of one input alone",
        f"best model {best:.3f}; {report.leaks.largest_feature} alone {alone:.3f}",
        _met(best <= alarm and alone <= alarm),
        pack,
        best_auroc=best,
        largest_feature_auroc=alone,
    )
    shuffled = report.leaks.shuffled_auroc
    yield _check(
        "shuffled-labels",
        "With shuffled labels nothing is learnt (AUROC about 0.5)",
        f"{shuffled.value:.3f} ({shuffled.ci[0]:.3f} to {shuffled.ci[1]:.3f})",
        _met(shuffled.ci[0] <= SHUFFLED[1] and shuffled.ci[1] >= SHUFFLED[0]),
        pack,
        shuffled_auroc=shuffled.value,
    )
    low, high = model.auroc_ci
    yield _check(
        "intervals",
        "Discrimination and calibration of the chosen model, each with its interval",
        f"{report.chosen}: AUROC {model.auroc:.3f} ({low:.3f} to {high:.3f}), calibration slope "
        f"{model.calibration_slope.value:.2f} ({model.calibration_slope.ci[0]:.2f} to {model.calibration_slope.ci[1]:.2f})",
        _met(low <= model.auroc <= high and low < high),
        pack,
        auroc=model.auroc,
        auroc_low=low,
        auroc_high=high,
    )


def _silent(pack: EvidencePack, report: SilentMonth, guidance: Guidance, policy: Policy) -> Iterator[Check]:
    floors, budget = policy.floors, guidance.policy.alert_budget
    yield _check(
        "silent-report-bound",
        "The report is about this guidance and this release, against its own alert budget",
        f"it is about {report.guidance}, {report.release[:19]}…, budget {report.alert_budget:g}",
        _met(report.guidance == guidance.id and report.release == pack.release and report.alert_budget == budget),
        pack,
    )
    yield _check(
        "silent-size",
        f"At least {floors.silent_decisions:,} decisions, {floors.silent_matured:,} with a known outcome, "
        f"{floors.silent_events:,} events",
        f"{report.decisions:,} decisions, {report.matured:,} with a known outcome, {report.events:,} events",
        _met(
            report.decisions >= floors.silent_decisions
            and report.matured >= floors.silent_matured
            and report.events >= floors.silent_events
        ),
        pack,
        decisions=report.decisions,
        matured=report.matured,
        events=report.events,
    )
    low, high = policy.observed_expected
    ratio = report.calibration.o_e
    yield _check(
        "calibration",
        f"Events observed against expected within {low:g} to {high:g}",
        f"{report.calibration.observed:g} against {report.calibration.expected:.1f}: "
        f"{ratio.value:.2f} ({ratio.ci[0]:.2f} to {ratio.ci[1]:.2f})",
        within(ratio, low, high),
        pack,
        accepted_by=NUMBERS,
        observed_expected=ratio.value,
        low=ratio.ci[0],
        high=ratio.ci[1],
    )
    rate = report.alert_rate
    yield _check(
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
    yield _check(
        "feature-skew",
        "Features at the bedside equal the rebuild from history, or differ by a named cause",
        f"{skew.different:,} of {skew.compared:,} differ" + (f" ({causes})" if causes else ""),
        _met(skew.compared > 0 and skew.unexplained == 0),
        pack,
        compared=skew.compared,
        different=skew.different,
        unexplained=skew.unexplained,
    )
    limit = guidance.policy.max_unknown_share
    yield _check(
        "unknown-data",
        f"At most {limit:.0%} of feature values unknown",
        f"{report.unknown_share:.1%}",
        _met(report.unknown_share <= limit),
        pack,
        unknown_share=report.unknown_share,
    )


def _for_people(kind: Kind, pack: EvidencePack) -> Check:
    """Evidence whose numbers no rule reads yet: a person must accept it by name."""
    return _check(
        f"{kind}-result", f"The {kind} result", "to be judged by a person", "cannot tell", pack, accepted_by=NUMBERS
    )


def _missing(kind: Kind) -> Check:
    return Check(
        name=f"{kind}-evidence", asked=f"{kind.capitalize()} evidence for this release", found="there is none",
        verdict="does not meet",
    )  # fmt: skip


def _bound(kind: Kind, pack: EvidencePack, release: str) -> Check:
    return _check(
        f"{kind}-evidence",
        f"{kind.capitalize()} evidence bound to this release by digest",
        f"pack for {pack.release[:19]}…",
        _met(pack.release == release and pack.evidence == kind),
        pack,
    )


def _report(pack: EvidencePack, name: str) -> bytes:
    if name not in pack.files:
        raise BadInput("the evidence pack has no such file", place=name, remedy="Write the report and pack it again")
    return pack.files[name]


def _met(holds: bool) -> Verdict:
    return "meets" if holds else "does not meet"


def _check(
    name: str,
    asked: str,
    found: str,
    verdict: Verdict,
    pack: EvidencePack,
    *,
    accepted_by: frozenset[Role] = frozenset(),
    **numbers: float,
) -> Check:
    return Check(
        name=name,
        asked=asked,
        found=found,
        verdict=verdict,
        evidence=pack.digest,
        numbers=numbers,
        accepted_by=accepted_by,
    )
