"""What the data in a store are like, before anything is learned from them: a report for a person, which corrects nothing.

Codes and units are named only from ten events on, and texts never: what is rare or free text could tell of one patient.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.plumbing.event_store import EventStore, MapInOrder
from services.timeline.codes import is_standard
from services.timeline.events import RETRACTED, EventColumns
from services.timeline.instants import NAT
from services.timeline.mislabelled import Spread, Suspect, compared_in, find_suspects, spread_of
from services.timeline.units import conversion

FEWEST: Final = 10
Ints = NDArray[np.int64]
LISTED: Final = 20
"""So many codes and units are listed, the most frequent first."""
_OWN_WORDS: Final = frozenset({RETRACTED, "QuestionnaireResponse.item"})
"""Fields whose codes are nobody's terminology."""


class Unmapped(msgspec.Struct, frozen=True, kw_only=True):
    """A code of a site's own that no concept map translates."""

    field: str
    code: str
    events: int


class Unconverted(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that cannot be converted to the one in which its test is compared."""

    code: str
    unit: str
    compared_in: str
    events: int


class Doubted(msgspec.Struct, frozen=True, kw_only=True):
    """Values that fit their test only in another unit than the one they say."""

    code: str
    unit: str
    site: str
    events: int
    share: float = 1.0
    """Of all values of that test in that unit at that site."""
    median: float
    looks_like: list[str]
    against: str


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the store, and what is doubtful about it."""

    by_year: dict[str, dict[str, int]]
    """Field → year in which it happened → events; not of patients themselves, whose years are those of their birth."""
    with_known_time: float
    """Share of events that say when they were known."""
    unmapped: list[Unmapped]
    unmapped_events: int
    text_only: int
    """Events that are coded by a text alone, or by a code without a system."""
    unconverted: list[Unconverted]
    without_unit: int
    """Measurements that are numbers without a unit."""
    mislabelled: list[Doubted]


@dataclass(slots=True)
class Weighed:
    """What was counted in a part of the store. Parts add up."""

    years: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: int = 0
    known: int = 0
    unmapped: Counter[tuple[str, str]] = field(default_factory=Counter)
    text_only: int = 0
    without_unit: int = 0
    spread: Spread = field(default_factory=Spread)

    def add(self, other: Weighed) -> None:
        """Add another part."""
        self.years.update(other.years)
        self.events += other.events
        self.known += other.known
        self.unmapped.update(other.unmapped)
        self.text_only += other.text_only
        self.without_unit += other.without_unit
        self.spread.add(other.spread)


def weigh(store: EventStore, *, each: MapInOrder = map) -> Quality:
    """The report on a whole store, bucket by bucket."""
    whole = Weighed()
    for part in each(_weigh_bucket, [(str(store.folder), number) for number in range(store.buckets)]):
        whole.add(part)
    return report_of(whole)


def _weigh_bucket(task: tuple[str, int]) -> Weighed:
    folder, number = task
    return weigh_events(EventStore.open(Path(folder)).read_bucket(number))


def weigh_events(events: EventColumns) -> Weighed:
    """Count what is in some events; a site is known where the encounters are among them."""
    found = Weighed(spread=spread_of(events))
    if not len(events):
        return found
    # What belongs to no patient (a Medication, a Location) comes with every bucket that points to it.
    kept = np.flatnonzero(
        np.array([word != RETRACTED for word in events.field.words])[events.field.index]
        & np.array([bool(word) for word in events.patient.words])[events.patient.index]
    )
    fields, codes = events.field.index[kept].astype(np.int64), events.codes.index[kept].astype(np.int64)
    dated = events.time[kept] != NAT
    years = np.where(
        dated, events.time[kept].astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970, 0
    )
    for (name, year), count in _counted(fields, years):
        if events.field.words[name].startswith("Patient."):
            continue  # the year in which someone was born
        found.years[events.field.words[name], f"{year:04d}" if year else "undated"] += count
    found.events = len(kept)
    found.known = int(np.count_nonzero(~events.assumed[kept]))
    for (name, code), count in _counted(fields, codes):
        _count_code(found, events.field.words[name], events.codes.words[code], count)
    measured = np.array([word.startswith("Observation.") for word in events.field.words])[fields]
    unitless = np.array([not word for word in events.unit.words])[events.unit.index[kept]]
    found.without_unit = int(np.count_nonzero(measured & unitless & np.isfinite(events.value[kept])))
    return found


def _counted(first: Ints, second: Ints) -> list[tuple[tuple[int, int], int]]:
    width = int(second.max(initial=0)) + 1
    pairs, counts = np.unique(first * width + second, return_counts=True)
    return [(divmod(pair, width), count) for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True)]


def _count_code(found: Weighed, name: str, codes: str, count: int) -> None:
    tokens = codes.split("\n") if "|" in codes and name not in _OWN_WORDS else []
    if not tokens or any(map(is_standard, tokens)):
        return
    named = [one for one in tokens if not one.startswith("|")]
    if named:
        found.unmapped[name, named[0]] += count
    else:
        found.text_only += count


def report_of(whole: Weighed) -> Quality:
    """The report on what was counted."""
    by_year: dict[str, dict[str, int]] = {}
    for (name, year), count in sorted(whole.years.items()):
        by_year.setdefault(name, {})[year] = count
    return Quality(
        by_year=by_year,
        with_known_time=whole.known / max(whole.events, 1),
        unmapped=[Unmapped(field=name, code=code, events=count) for (name, code), count in _most(whole.unmapped)],
        unmapped_events=whole.unmapped.total(),
        text_only=whole.text_only,
        unconverted=_unconverted(whole.spread),
        without_unit=whole.without_unit,
        mislabelled=[_doubted(suspect) for suspect in find_suspects(whole.spread)],
    )


def _most(counts: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(named, count) for named, count in ordered if count >= FEWEST][:LISTED]


def _unconverted(spread: Spread) -> list[Unconverted]:
    sent: Counter[tuple[str, str]] = Counter()
    for column, counts in spread.counts.items():
        sent[column.code, column.unit] += counts.total()
    wanted = compared_in(spread)
    failed = Counter({
        (code, unit): count
        for (code, unit), count in sent.items()
        if conversion(token_or_codes=code, from_unit=unit, to_unit=wanted[code]) is None
    })  # fmt: skip
    return [
        Unconverted(code=code, unit=unit, compared_in=wanted[code], events=count)
        for (code, unit), count in _most(failed)
    ]


def _doubted(suspect: Suspect) -> Doubted:
    return Doubted(
        code=suspect.column.code,
        unit=suspect.column.unit,
        site=suspect.column.site,
        events=suspect.values,
        share=round(suspect.share, 4),
        median=suspect.median,
        looks_like=list(suspect.looks_like),
        against=suspect.against,
    )
