"""How long it takes from evidence to effect: the figure that a learning health system is for.

    data until → candidate → silent → pilot → general → effect known

Each moment is read from the ledger or from the evidence that it names; nothing is typed in. What has not happened yet
has no moment, and a span without both ends is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection, select

from services.registry.decisions import proposals
from services.registry.decisions.gates import read_evaluation
from services.registry.tables import acknowledgements, instant_of, ledger

Moment = Literal["signal", "candidate", "approved", "deployed", "speaking", "effect"]
SPANS: Final[tuple[tuple[Moment, Moment, str], ...]] = (
    ("signal", "candidate", "from the last data that it learned from to the proposal"),
    ("candidate", "approved", "from the proposal to the vote that lets it compute"),
    ("approved", "deployed", "from that vote to the first worker that serves it"),
    ("approved", "speaking", "from that vote to the first card at the bedside"),
    ("speaking", "effect", "from the first card to evidence of what it does"),
    ("signal", "effect", "the whole way, from data to known effect"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """The moments of one release."""

    guidance: str
    release: str
    moments: Mapping[Moment, datetime] = field(default_factory=dict)

    def span(self, start: Moment, end: Moment) -> timedelta | None:
        """How long it took; None if one of the two has not happened. Never negative: clocks of two machines differ."""
        if start not in self.moments or end not in self.moments:
            return None
        return max(self.moments[end] - self.moments[start], timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long one part of the way took, over all releases that have gone it."""

    start: Moment
    end: Moment
    said: str
    releases: int
    median: timedelta | None
    longest: timedelta | None


def cycles(connection: Connection, guidance: str = "") -> list[Cycle]:
    """The moments of every release, the newest proposal first; of one guidance, or of all."""
    return [
        Cycle(
            guidance=one.guidance,
            release=one.release,
            moments=_moments(connection, one.release, instant_of(one.added_at)),
        )
        for one in proposals.every(connection, guidance=guidance or None)
    ]


def spans(found: Iterable[Cycle]) -> list[Span]:
    """Each part of the way, over all these releases."""
    every = list(found)
    told = []
    for start, end, said in SPANS:
        took = sorted(span for cycle in every if (span := cycle.span(start, end)) is not None)
        told.append(
            Span(
                start=start,
                end=end,
                said=said,
                releases=len(took),
                median=timedelta(seconds=median(span.total_seconds() for span in took)) if took else None,
                longest=took[-1] if took else None,
            )
        )
    return told


def _moments(connection: Connection, release: str, candidate: datetime) -> dict[Moment, datetime]:
    moments: dict[Moment, datetime] = {"candidate": candidate}
    if (signal := _signal(connection, release)) is not None:
        moments["signal"] = signal
    for text in connection.execute(select(ledger.c.entry).where(ledger.c.subject == release).order_by(ledger.c.number)):
        entry = msgspec.json.decode(text.entry)
        at, detail = instant_of(entry["at"]), entry["detail"]
        if entry["action"] == "moved" and detail["to"] == "silent":
            moments.setdefault("approved", at)
        if entry["action"] == "moved" and detail["to"] in ("pilot", "general"):
            moments.setdefault("speaking", at)
        if entry["action"] == "evidence added" and detail["kind"] == "trial":
            moments.setdefault("effect", at)
    said = connection.execute(select(acknowledgements.c.at).where(acknowledgements.c.release == release)).scalars()
    confirmed = sorted(_instants(said))
    if confirmed:
        moments["deployed"] = confirmed[0]
    return moments


def _instants(texts: Iterable[str]) -> Iterable[datetime]:
    """Moments as workers wrote them; one that says no time zone cannot be compared and is left out."""
    for text in texts:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            yield moment


def _signal(connection: Connection, release: str) -> datetime | None:
    """The last moment of the data in its training evidence."""
    pack = proposals.latest_packs(connection, release).get("training")
    if pack is None:
        return None
    moment = datetime.fromisoformat(read_evaluation(pack).until)
    return moment if moment.tzinfo is not None else None
