"""How a gate comes to a report: the pack of a kind, bound to this release, and the report in it; or the check that says why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.guidance.evidence import (
    EVALUATION_FILE,
    SILENT_FILE,
    Evaluation,
    Kind,
    SilentMonth,
    decode_report,
)
from services.guidance.lifecycle import ENTRY, Check
from services.guidance.release import EvidencePack
from services.guidance.trial_evidence import TRIAL_FILE, TrialReport
from services.registry.decisions.checked import check, met
from services.registry.decisions.gate_facts import GateFacts
from services.timeline.errors import BadInput


def read_evaluation(pack: EvidencePack) -> Evaluation:
    """The training report of a pack; BadInput if there is none or it is not one."""
    return decode_report(file_of(pack, EVALUATION_FILE), Evaluation, place=EVALUATION_FILE)


def read_silent(pack: EvidencePack) -> SilentMonth:
    """The report of the silent month of a pack; BadInput if there is none or it is not one."""
    return decode_report(file_of(pack, SILENT_FILE), SilentMonth, place=SILENT_FILE)


def read_trial_report(pack: EvidencePack) -> TrialReport:
    """The report of a trial; BadInput if there is none or it is not one."""
    return decode_report(file_of(pack, TRIAL_FILE), TrialReport, place=TRIAL_FILE)


def file_of(pack: EvidencePack, name: str) -> bytes:
    """One file of a pack; BadInput if it is not there."""
    if name not in pack.files:
        raise BadInput("the evidence pack has no such file", place=name, remedy="Write the report and pack it again")
    return pack.files[name]


def checked_evidence(
    facts: GateFacts, kind: Kind, checks: Callable[[EvidencePack], Iterator[Check]]
) -> Iterator[Check]:
    """The checks of one kind of evidence, where the step asks for it: that it is there, bound, readable, and what it says."""
    if kind not in ENTRY[facts.to].evidence:
        return
    pack = facts.packs.get(kind)
    if pack is None:
        yield Check(
            name=f"{kind}-evidence",
            asked=f"{kind.capitalize()} evidence for this release",
            found="there is none",
            verdict="does not meet",
        )
        return
    yield check(
        f"{kind}-evidence",
        f"{kind.capitalize()} evidence bound to this release by digest",
        f"pack for {pack.release[:19]}…",
        met(pack.release == facts.release and pack.evidence == kind),
        pack,
    )
    try:
        found = tuple(checks(pack))
    except BadInput as fault:
        found = (check(f"{kind}-report", "The report can be read", str(fault), "does not meet", pack),)
    yield from found
