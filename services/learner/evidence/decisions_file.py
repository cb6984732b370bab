"""The decisions that CDS exported, as NDJSON: only what the learner needs of each. A broken line is a fault with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

_DUE: Final = frozenset({"silent", "shown", "masked"})
_RULE: Final = frozenset({"rule", "policy"})  # logs of before say `policy: …`


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
    reason: str = ""
    risk: float | None = None
    features: dict[str, float | None] = {}
    states: dict[str, str] = {}
    sources: dict[str, str] = {}

    @property
    def would_have_spoken(self) -> bool:
        """Whether a card was due: not if a rule of the policy silenced it; all other reasons follow a card that was due."""
        return self.status in _DUE or (self.status == "suppressed" and self.reason.partition(":")[0] not in _RULE)

    @property
    def moment(self) -> int:
        """The index in microseconds."""
        return parse_instant(self.index_at)

    @property
    def person(self) -> str:
        """The bare id of the patient."""
        return self.patient.removeprefix("Patient/")

    @property
    def stay(self) -> str:
        """The bare id of the encounter; "" if none was named."""
        return self.encounter.removeprefix("Encounter/")


def read_decisions(path: Path, *, guidance: str, release: str) -> list[LoggedDecision]:
    """The decisions of one release, oldest first."""
    found = [one for one in _lines(path) if one.guidance == guidance and one.release == release]
    if not found:
        raise BadInput(
            f"no decision of {guidance} with this release is in it",
            place=str(path),
            remedy="Export them with `knowdo cds decisions export`, and name the release that was silent",
        )
    return sorted(found, key=lambda one: (one.moment, one.decision))


def _lines(path: Path) -> Iterator[LoggedDecision]:
    decoder = msgspec.json.Decoder(LoggedDecision)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _decision(decoder, line, f"{path}:{number}")
    except OSError as fault:
        raise BadInput(f"cannot be read ({fault.strerror})", place=str(path)) from fault


def _decision(decoder: msgspec.json.Decoder[LoggedDecision], line: bytes, place: str) -> LoggedDecision:
    try:
        decision = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadInput(
            "not a decision as CDS exports them", place=place, remedy="Export again; the file may have been cut short"
        ) from None
    if decision.moment == NAT:
        raise BadInput("`index_at` is no instant", place=place, remedy="Export again with this version")
    return decision
