"""What a training run is told: logged with it, and enough to do it again."""

from __future__ import annotations

import msgspec

from services.guidance.words.evidence_wording import DataKind
from services.timeline.errors import BadInput
from services.timeline.instants import FOREVER, NAT, parse_instant


class TrainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Folds, seed, workers, the period (dates as they were typed), and what runs now."""

    folds: int = 5
    seed: int = 0
    workers: int = 1
    since: str = ""
    until: str = ""
    data_end: str = ""
    data: DataKind = "patients"
    """Whose records they are; what is no patient's is said in every sentence of the report."""
    against: str = ""
    """Digest of the release that runs now: the evidence shows old and new side by side."""

    def moments(self) -> tuple[int, int, int | None]:
        """From, until, and the end of the data (None: the last known event)."""
        end = moment_of(self.data_end, "--data-until", NAT)
        return (
            moment_of(self.since, "--from", NAT),
            moment_of(self.until, "--until", FOREVER),
            None if end == NAT else end,
        )


def moment_of(text: str, place: str, otherwise: int) -> int:
    """The instant that an option names; empty is `otherwise`."""
    if not text:
        return otherwise
    moment = parse_instant(text)
    if moment == NAT:
        raise BadInput("no date", place=place, remedy="Write it as 2026-01-31 or 2026-01-31T12:00:00Z")
    return moment
