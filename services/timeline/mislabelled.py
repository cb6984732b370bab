"""Units that are not what they say: columns of values that fit their test only in another unit.

Values labelled mg/dL that lie 88 times too high are umol/L. Per test, unit as sent and site, the median is compared
with what can be at all, and with the other units and sites of that test, on a logarithmic scale, where a wrong unit is
a shift. A column is suspected only if it does not fit as labelled and does fit in a unit that the test is sent in.
So is a part of a column that fits: the values that cannot be as labelled, if they would in another unit lie where the
column lies (a laboratory changed its unit for some months). Nothing is corrected: a person must ask the laboratory.

How often this is wrong: honest columns' medians are taken to differ by a factor that is log-normal with a standard
deviation of 0.1 decades (26 %), and what they are compared with by its share of that. A column misfits beyond four
standard deviations: under that model 6 of 100,000 honest columns, of which fewer still fit in another unit (the tests
draw 20,000). The price: a factor below 2.5 (3.7 where there is one other column only) is not seen, unless it leads out
of what can be at all: haemoglobin in mmol/L, 1.6, is not. Nor is an error in less than half of a column's values, unless
30 of them are beyond what can be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite, log10, pi, sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.timeline.events import Coded, EventColumns
from services.timeline.plausible import PLAUSIBLE
from services.timeline.units import ANALYTES, conversion

FEWEST: Final = 30
"""Values that a column needs before it is judged."""
_MEASURED: Final = ("Observation.code", "Observation.component")
_LOINC: Final = "http://loinc.org|"
_BIN: Final = 0.004  # decades: medians to half a percent
_BETWEEN_SITES: Final = 0.1  # decades
_MISFIT, _FIT = 4.0, 2.0  # standard deviations


class Column(NamedTuple):
    """Values that were sent alike."""

    code: str
    """`system|code`."""
    unit: str
    site: str
    """`Organization/id` of the encounter's provider; "" if not said."""


@dataclass(slots=True)
class Spread:
    """How values are spread, column by column: counts of logarithms. Spreads of parts add up."""

    counts: dict[Column, Counter[int]] = field(default_factory=dict)

    def add(self, other: Spread) -> None:
        """Add the values of another part."""
        for column, counts in other.counts.items():
            self.counts.setdefault(column, Counter()).update(counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A column whose unit is doubted."""

    column: Column
    values: int
    """How many are doubted: all of the column, or those that cannot be."""
    share: float = 1.0
    """Of the column's values."""
    median: float
    """Of those doubted, as sent."""
    looks_like: tuple[str, ...]
    """Units in which it would fit, the best first."""
    against: str
    """What it does not fit: `plausible range` or `other units and sites`."""


def spread_of(events: EventColumns) -> Spread:
    """The positive values of measurements that have a unit and a code of some system."""
    code_words = tuple(map(_code, events.codes.words))
    named = np.array([bool(word) for word in code_words], dtype=np.bool_)
    sent = np.array([bool(word) for word in events.unit.words], dtype=np.bool_)
    measured = np.array([word in _MEASURED for word in events.field.words], dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(
            _of(measured, events.field)
            & _of(named, events.codes)
            & _of(sent, events.unit)
            & np.isfinite(events.value)
            & (events.value > 0)
        )
    sites, site_of = _sites(events)
    place = np.floor(np.log10(events.value[rows]) / _BIN).astype(np.int64)
    lowest = int(place.min(initial=0))
    shape = (len(code_words), len(sent), len(sites), int(place.max(initial=0)) - lowest + 1)
    ways = (events.codes.index[rows], events.unit.index[rows], site_of[events.encounter.index[rows]], place - lowest)
    distinct, counts = np.unique(np.ravel_multi_index(ways, shape), return_counts=True)
    found = Spread()
    for code, unit, site, above, count in zip(*np.unravel_index(distinct, shape), counts.tolist(), strict=True):
        column = Column(code_words[code], events.unit.words[unit], sites[site])
        found.counts.setdefault(column, Counter())[int(above) + lowest] += count
    return found


def find_suspects(spread: Spread) -> list[Suspect]:
    """The columns that do not fit as labelled and would in another unit, by code, unit and site."""
    by_code: dict[str, dict[Column, Counter[int]]] = {}
    for column, counts in sorted(spread.counts.items()):
        if counts.total() >= FEWEST:
            by_code.setdefault(column.code, {})[column] = counts
    return [suspect for code, columns in by_code.items() for suspect in _judged(code, columns)]


def compared_in(spread: Spread) -> dict[str, str]:
    """Test → the unit in which its columns are compared: its canonical one, else the one in which most values came."""
    by_code: dict[str, dict[Column, Counter[int]]] = {}
    for column, counts in spread.counts.items():
        by_code.setdefault(column.code, {})[column] = counts
    return {code: _units(code, columns)[0] for code, columns in by_code.items()}


class _Read(NamedTuple):
    """A column as labelled: its median in the test's canonical unit, and how sure that is, in decades."""

    level: float
    error: float
    values: int


def _judged(code: str, columns: Mapping[Column, Counter[int]]) -> Iterator[Suspect]:
    canonical, candidates = _units(code, columns)
    medians = {column: _median(counts) for column, counts in columns.items()}
    errors = {column: _error(counts) for column, counts in columns.items()}
    read: dict[Column, _Read] = {}
    for column, counts in columns.items():
        if (level := _level(code, medians[column], column.unit, canonical)) is not None:
            read[column] = _Read(level, errors[column], counts.total())
    for column, own in read.items():
        others = [other for name, other in read.items() if name != column and _possible(code, other.level) is not False]
        expected = _middle(others) if sum(other.values for other in others) >= FEWEST else None
        # The others' median varies too: as one column, or as the median of several (pi / 2 of the variance of their mean).
        shared = min(1.0, pi / 2 / len(others)) if others else 0.0
        deviation = sqrt(_BETWEEN_SITES**2 * (1 + shared) + own.error**2)
        impossible = _possible(code, own.level) is False
        strange = expected is not None and abs(own.level - expected) > _MISFIT * deviation
        if not impossible and not strange:
            yield from _judged_in_part(code, column, columns[column], own, canonical, candidates)
            continue
        fits: list[tuple[float, str]] = []
        for unit in candidates:
            level = _level(code, medians[column], unit, canonical)
            if level is None or abs(level - own.level) < 1e-9 or _possible(code, level) is False:
                continue
            if expected is not None and abs(level - expected) > _FIT * deviation:
                continue
            fits.append((abs(level - expected) if expected is not None else 0.0, unit))
        if fits:
            yield Suspect(
                column=column,
                values=own.values,
                median=float(f"{medians[column]:.3g}"),
                looks_like=tuple(unit for _, unit in sorted(fits)),
                against="plausible range" if impossible else "other units and sites",
            )


def _judged_in_part(
    code: str, column: Column, counts: Counter[int], own: _Read, canonical: str, candidates: tuple[str, ...]
) -> Iterator[Suspect]:
    """The values of a fitting column that cannot be, if in another unit they would lie where the column lies."""
    odd: Counter[int] = Counter()
    for place, count in counts.items():
        level = _level(code, 10 ** ((place + 0.5) * _BIN), column.unit, canonical)
        if level is not None and _possible(code, level) is False:
            odd[place] = count
    if odd.total() < FEWEST:
        return
    median = _median(odd)
    fits: list[tuple[float, str]] = []
    for unit in candidates:
        level = _level(code, median, unit, canonical)
        # Only those beyond what can be are seen: what is looked at is the upper, or the lower, part of a shifted column.
        if level is not None and _possible(code, level) and abs(level - own.level) <= _MISFIT * _BETWEEN_SITES:
            fits.append((abs(level - own.level), unit))
    if fits:
        yield Suspect(
            column=column,
            values=odd.total(),
            share=odd.total() / own.values,
            median=float(f"{median:.3g}"),
            looks_like=tuple(unit for _, unit in sorted(fits)),
            against="plausible range",
        )


def _units(code: str, columns: Mapping[Column, Counter[int]]) -> tuple[str, tuple[str, ...]]:
    """The unit in which a test is compared, and those that it may really be in."""
    loinc = code.removeprefix(_LOINC) if code.startswith(_LOINC) else ""
    plausible, analyte = PLAUSIBLE.get(loinc), ANALYTES.get(loinc)
    sent: Counter[str] = Counter()
    for column, counts in columns.items():
        sent[column.unit] += counts.total()
    canonical = plausible.unit if plausible else analyte.canonical if analyte else max(sent, key=lambda u: (sent[u], u))
    known = (*((analyte.canonical, analyte.amount) if analyte else ()), *(plausible.also if plausible else ()))
    return canonical, tuple(dict.fromkeys((canonical, *known, *sorted(sent))))


def _level(code: str, median: float, unit: str, canonical: str) -> float | None:
    """A median in decades of the canonical unit, if it is taken to be in this unit."""
    converted = conversion(token_or_codes=code, from_unit=unit, to_unit=canonical)
    if converted is None:
        return None
    value = median * converted[0] + converted[1]
    return log10(value) if value > 0 and isfinite(value) else None


def _possible(code: str, level: float) -> bool | None:
    """Whether a median can be; None if nobody knows."""
    plausible = PLAUSIBLE.get(code.removeprefix(_LOINC)) if code.startswith(_LOINC) else None
    # A bin is wider than the limits are sharp.
    return None if plausible is None else plausible.low / 1.01 <= 10**level <= plausible.high * 1.01


def _middle(read: list[_Read]) -> float:
    """The median of columns, each with the weight of its values."""
    ordered = sorted(read)
    half = sum(one.values for one in ordered) / 2
    seen = 0
    for one in ordered:
        seen += one.values
        if seen >= half:
            return one.level
    return ordered[-1].level


def _median(counts: Counter[int]) -> float:
    places = sorted(counts)
    half = (np.cumsum([counts[place] for place in places]) * 2).searchsorted(counts.total())
    return float(10 ** ((places[int(half)] + 0.5) * _BIN))


def _error(counts: Counter[int]) -> float:
    """The standard error of the median in decades, by the median absolute deviation (Rousseeuw and Croux 1993)."""
    middle = log10(_median(counts)) / _BIN - 0.5
    away: Counter[int] = Counter()
    for place, count in counts.items():
        away[round(abs(place - middle))] += count
    places = sorted(away)
    half = (np.cumsum([away[place] for place in places]) * 2).searchsorted(counts.total())
    deviation = 1.4826 * places[int(half)] * _BIN
    return float(1.2533 * deviation / sqrt(counts.total()))


def _code(codes: str) -> str:
    """The LOINC token of a fact, else its first token that names a system; texts are no codes."""
    tokens = [one for one in codes.split("\n") if not one.startswith("|")]
    return next((one for one in tokens if one.startswith(_LOINC)), tokens[0] if tokens and "|" in tokens[0] else "")


def _sites(events: EventColumns) -> tuple[list[str], NDArray[np.int64]]:
    """The names of the sites, "" first; and the site of every encounter word."""
    sites = {"": 0}
    of = np.zeros(max(len(events.encounter.words), 1), dtype=np.int64)
    if "Encounter.serviceProvider" in events.field.words:
        rows = np.flatnonzero(events.field.index == events.field.words.index("Encounter.serviceProvider"))
        place = {word: number for number, word in enumerate(events.encounter.words)}
        for row in rows.tolist():
            encounter = place.get(events.resource.words[events.resource.index[row]])
            if encounter is not None:
                name = events.answer.words[events.answer.index[row]]
                of[encounter] = sites.setdefault(name, len(sites))
    return list(sites), of


def _of(verdicts: NDArray[np.bool_], column: Coded) -> NDArray[np.bool_]:
    """A verdict on words, row by row."""
    return verdicts[column.index] if len(verdicts) else np.zeros(len(column.index), dtype=np.bool_)
