"""The decisions that CDS exported, as NDJSON: only what the learner needs of each. A broken line is a fault with its place.

A file, an archive or a folder of exports that may overlap: a decision counts once, however often it was exported.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from services.learner.intake.sources import Source
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

LIVE: Final = 24 * 3600 * 1_000_000
"""Microseconds between the moment of a decision and its keeping: what is further apart was replayed. A discharge is judged at
the end of its stay, and the call may come some hours later."""
_DUE: Final = frozenset({"silent", "shown", "masked"})
_RULE: Final = frozenset({"rule", "policy"})  # logs of before say `policy: …`
_PSEUDONYM: Final = re.compile("pseudonym-[0-9a-f]{32}")
_EXPORT: Final = "Export again with `knowdo cds decisions export`"


class LoggedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as it was logged at the bedside."""

    decision: str
    index_at: str
    guidance: str
    release: str
    stage: str
    patient: str
    encounter: str
    status: str
    at: str = ""
    user: str = ""
    beside: str = ""
    """The decision that answered the call, where this one was only computed beside it."""
    reason: str = ""
    risk: float | None = None
    features: dict[str, float | None] = {}
    states: dict[str, str] = {}
    sources: dict[str, str] = {}
    latency: dict[str, int] = {}
    """Microseconds by part of the call."""
    feedback: list[dict[str, Any]] = []

    @property
    def would_have_spoken(self) -> bool:
        """Whether a card was due: not if a rule of the policy silenced it; all other reasons follow a card that was due."""
        return self.status in _DUE or (self.status == "suppressed" and self.reason.partition(":")[0] not in _RULE)

    @property
    def moment(self) -> int:
        """The index in microseconds."""
        return parse_instant(self.index_at)

    @property
    def live(self) -> bool:
        """Whether it was kept in the time that it is about; one that does not say when it was kept is not."""
        kept = parse_instant(self.at) if self.at else NAT
        return kept != NAT and abs(kept - self.moment) <= LIVE

    @property
    def person(self) -> str:
        """The bare id of the patient."""
        return self.patient.removeprefix("Patient/")

    @property
    def pseudonymous(self) -> bool:
        """Whether the log had replaced the patient by a pseudonym when this was exported."""
        return _PSEUDONYM.fullmatch(self.person) is not None

    @property
    def stay(self) -> str:
        """The bare id of the encounter; "" if none was named."""
        return self.encounter.removeprefix("Encounter/")

    @property
    def computed(self) -> tuple[Any, ...]:
        """What no later export of the same decision may tell otherwise."""
        return self.index_at, self.release, self.stage, self.status, self.risk, self.features, self.states


@dataclass(frozen=True, slots=True)
class Other:
    """What counts of a decision of another release."""

    release: str
    due: bool
    shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export holds of one release."""

    decisions: list[LoggedDecision]
    """Oldest first, each once."""
    repeated: int
    """Lines that told a decision again."""
    others: dict[str, int]
    """Decisions of this guidance that are of another release, by its digest; "" where none was open."""
    answers: dict[str, Other]
    """Of these, by its id, each that answered a call which the release was computed beside."""


def read_decisions(path: Path, *, guidance: str, release: str) -> list[LoggedDecision]:
    """The decisions of one release, oldest first."""
    return read_export(path, guidance=guidance, release=release).decisions


def read_export(
    path: Path, *, guidance: str, release: str, since: int | None = None, until: int | None = None
) -> Exported:
    """The decisions of one release in a span of moments (microseconds; `until` is not part of it), and what else is there."""
    found: dict[str, LoggedDecision] = {}
    others: dict[str, Other] = {}
    repeated = 0
    for place, one in _lines(path):
        if one.guidance != guidance or not _within(one.moment, since, until):
            continue
        if one.release != release:
            others[one.decision] = Other(one.release, one.would_have_spoken, one.status == "shown")
            continue
        if (before := found.get(one.decision)) is not None:
            repeated += 1
            one = _same(before, one, place)
        found[one.decision] = one
    if not found:
        there = f"; it has {len(others):,} of other releases" if others else ""
        span = "" if since is None and until is None else " in this span"
        raise BadInput(
            f"no decision of {guidance} with this release{span} is in it{there}",
            place=str(path),
            remedy="Export them with `knowdo cds decisions export`, and name the release that was silent",
        )
    return Exported(
        decisions=sorted(found.values(), key=lambda one: (one.moment, one.decision)),
        repeated=repeated,
        others=dict(sorted(Counter(one.release for one in others.values()).items())),
        answers={one.beside: others[one.beside] for one in found.values() if one.beside in others},
    )


def _within(moment: int, since: int | None, until: int | None) -> bool:
    return (since is None or since <= moment) and (until is None or moment < until)


def _same(one: LoggedDecision, other: LoggedDecision, place: str) -> LoggedDecision:
    """Of two exports of one decision that which names its patient; else the one that tells of more answers."""
    if one.computed != other.computed:
        raise BadInput(
            "a decision that is told otherwise elsewhere in this export",
            place=place,
            remedy="These files are not of one log: weigh what each service decided by itself, and export again",
        )
    return max(one, other, key=lambda each: (not each.pseudonymous, len(each.feedback)))


def _lines(path: Path) -> Iterator[tuple[str, LoggedDecision]]:
    """Every decision with its place; a file that cannot be read to its end is a fault."""
    decoder = msgspec.json.Decoder(LoggedDecision)
    source = Source(path)
    try:
        for chunk in source.chunks():
            if chunk.kind != "lines":
                raise _no_decisions(str(path) if path.is_file() else f"{path}: {chunk.file}")
            for number, line in enumerate(chunk.data.split(b"\n"), start=chunk.first_line):
                if line.strip():
                    place = f"{chunk.file}:{number}"
                    yield place, _decision(decoder, line, place)
    except OSError as fault:
        raise BadInput(f"cannot be read ({fault.strerror})", place=str(path)) from fault
    if broken := next((one for one in source.troubles if one.serious), None):
        raise BadInput(broken.message, place=broken.place, remedy=_EXPORT)


def _decision(decoder: msgspec.json.Decoder[LoggedDecision], line: bytes, place: str) -> LoggedDecision:
    try:
        decision = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _no_decisions(place) from None
    if decision.moment == NAT:
        raise BadInput("`index_at` is no instant", place=place, remedy="Export again with this version")
    return decision


def _no_decisions(place: str) -> BadInput:
    return BadInput(
        "not a decision as CDS exports them",
        place=place,
        remedy=f"{_EXPORT} (FHIR's `$export` is for auditors); the file may have been cut short",
    )
