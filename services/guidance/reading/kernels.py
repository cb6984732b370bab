"""One reduction per kind of feature: the visible events of every (feature, row) cell become one number.

The events come flat, cell after cell, each cell's in the order of the timeline. What a cell becomes depends on its own
events alone, in float64 operations of a stated order, so that one row alone, a million of them, and any other way to
write this down give the same bits. Sums start at 0.0 and add one number after the other in the order of the timeline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.timeline.instants import DAY, NAT

VALUE: Final = 0
"""There is a value."""
ABSENT: Final = 1
"""It was asked for, and nothing usable is there."""
UNKNOWN: Final = 2
"""It was not asked for, or not in full: nobody can say."""

Ints = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The visible, usable events of some cells, flat; the cells of one kind are one stretch."""

    cell: Ints
    """Feature * rows + row, ascending."""
    event: Ints
    """Row of the timeline."""
    value: Numbers
    counted: Ints
    """What it is counted as, where distinct ones are counted."""
    time: Ints
    at: Ints
    """The index of the row."""
    start: Ints
    """The start of the row's stay."""

    def take(self, places: Ints) -> Visible:
        """Some of them, in that order."""
        return Visible(
            cell=self.cell[places],
            event=self.event[places],
            value=self.value[places],
            counted=self.counted[places],
            time=self.time[places],
            at=self.at[places],
            start=self.start[places],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The cells that have events: where each one's stretch begins and ends in `Visible`."""

    seen: Visible
    first: Ints
    last: Ints

    @property
    def sizes(self) -> Ints:
        """Events per cell."""
        return self.last - self.first + 1

    def stretch(self) -> tuple[slice, Ints]:
        """The events of all these cells, and where in it each begins."""
        begin, end = int(self.first[0]), int(self.last[-1]) + 1
        return slice(begin, end), self.first - begin

    def owners(self) -> Ints:
        """For each of those events, the cell that it is of."""
        return np.arange(len(self.first)).repeat(self.sizes)


Reduced = tuple[Numbers, Ints]
"""A number per cell, and the event (its place in `Visible`) that it came from; -1 = from several."""


def _several(groups: Groups) -> Ints:
    return np.full(len(groups.first), -1, dtype=np.int64)


def _last(groups: Groups) -> Reduced:
    """The last in the order of the timeline."""
    return groups.seen.value[groups.last], groups.last


def _first(groups: Groups) -> Reduced:
    """The first in the order of the timeline."""
    return groups.seen.value[groups.first], groups.first


def _extreme(reduce: np.ufunc) -> Callable[[Groups], Reduced]:
    def extreme(groups: Groups) -> Reduced:
        stretch, begins = groups.stretch()
        value = groups.seen.value[stretch]
        best = reduce.reduceat(value, begins)
        # Of several equal ones the latest is named as the source.
        where = np.where(value == best.repeat(groups.sizes), np.arange(len(value)), -1)
        place = np.maximum.reduceat(where, begins)
        return best, np.where(place < 0, -1, place + stretch.start)

    return extreme


def _totals(value: Numbers, owners: Ints, cells: int) -> Numbers:
    """The sum of each cell: ((0.0 + first) + second) + ... in the order of the timeline."""
    # Not `add.reduceat`, which adds in pairs and in blocks: nobody could say its order in a sentence.
    totals: Numbers = np.bincount(owners, weights=value, minlength=cells).astype(np.float64, copy=False)
    return totals


def _sum(groups: Groups) -> Reduced:
    stretch, _ = groups.stretch()
    return _totals(groups.seen.value[stretch], groups.owners(), len(groups.first)), _several(groups)


def _mean(groups: Groups) -> Reduced:
    """The sum divided by how many there are."""
    total, several = _sum(groups)
    return total / groups.sizes, several


def _median(groups: Groups) -> Reduced:
    """The middle one by size; of an even number half of the sum of the two in the middle, the smaller one first."""
    stretch, begins = groups.stretch()
    value, sizes = groups.seen.value[stretch], groups.sizes
    ordered = value[np.lexsort((value, groups.owners()))]
    lower, upper = ordered[begins + (sizes - 1) // 2], ordered[begins + sizes // 2]
    return np.where(sizes % 2 == 1, lower, (lower + upper) / 2.0), _several(groups)


def _rise(groups: Groups) -> Reduced:
    """The last minus the lowest, the last being one of them: never negative."""
    stretch, begins = groups.stretch()
    lowest = np.minimum.reduceat(groups.seen.value[stretch], begins)
    return groups.seen.value[groups.last] - lowest, _several(groups)


def _slope(groups: Groups) -> Reduced:
    """Least squares, per day; fewer than two different times have no slope.

    Days are (time - index) / DAY. Both days and values have their mean taken off; then the sum of day * value is divided
    by the sum of day * day. All sums in the order of the timeline.
    """
    stretch, _ = groups.stretch()
    seen, sizes, owners, cells = groups.seen, groups.sizes, groups.owners(), len(groups.first)
    dated = seen.time[stretch] != NAT
    day = np.where(dated, seen.time[stretch] - seen.at[stretch], 0) / DAY
    value = seen.value[stretch]
    day = day - (_totals(day, owners, cells) / sizes)[owners]
    value = value - (_totals(value, owners, cells) / sizes)[owners]
    spread = _totals(day * day, owners, cells)
    rise = _totals(day * value, owners, cells)
    # Undated ones come first in the order of the timeline.
    usable = (seen.time[groups.first] != NAT) & (seen.time[groups.first] != seen.time[groups.last])
    return np.divide(rise, spread, out=np.full(cells, np.nan), where=usable & (spread > 0.0)), _several(groups)


def _days_since(groups: Groups) -> Reduced:
    """Microseconds from the last event to the index, divided by those of a day."""
    time, at = groups.seen.time[groups.last], groups.seen.at[groups.last]
    return np.where(time == NAT, np.nan, np.where(time == NAT, 0, at - time) / DAY), groups.last


_ERA, _FIRST_MARCH = 146_097, 719_468  # days in 400 years; days from 1 March of the year 0 to 1970
_YEAR = 512  # more than the days of a year


def _calendar() -> Ints:
    """Day of an era → year * 512 + day of the year; years begin in March.

    A leap day is then the last of its year, so that every date has one and the same day of the year in all of them.
    """
    day = np.arange(_ERA)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    dates: Ints = year * _YEAR + day - (365 * year + year // 4 - year // 100)
    return dates


_CALENDAR = _calendar()


def _age(groups: Groups) -> Reduced:
    """Whole years by the calendar; who was born on 29 February has a birthday on 1 March of a common year."""
    born = groups.seen.time[groups.last]
    era, day = np.divmod(np.array((born, groups.seen.at[groups.last])) // DAY + _FIRST_MARCH, _ERA)
    dates = _CALENDAR[day] + era * (400 * _YEAR)
    return np.where(born == NAT, np.nan, (dates[1] - dates[0]) // _YEAR), groups.last


def age_in_years(born: int, at: int) -> int:
    """The same for one person."""
    years = []
    for moment in (born, at):
        era, day = divmod(moment // DAY + _FIRST_MARCH, _ERA)
        years.append(int(_CALENDAR[day]) + era * (400 * _YEAR))
    return (years[1] - years[0]) // _YEAR


def _duration(groups: Groups) -> Reduced:
    """Calendar days from the start of the stay to the index: the same day is 0."""
    days = groups.seen.at[groups.last] // DAY - groups.seen.start[groups.last] // DAY
    return np.where(days < 0, np.nan, days.astype(np.float64)), groups.last


def _exists(groups: Groups) -> Reduced:
    return np.ones(len(groups.first)), groups.last


def _tally(groups: Groups) -> Reduced:
    """How many distinct ones (resources, codes or categories) each cell holds."""
    stretch, _ = groups.stretch()
    what = groups.seen.counted[stretch]
    width = int(what.max()) + 1
    pairs = groups.owners() * width + what
    pairs.sort()
    fresh = np.ones(len(pairs), dtype=np.bool_)
    np.not_equal(pairs[1:], pairs[:-1], out=fresh[1:])
    number = np.bincount(pairs[fresh] // width, minlength=len(groups.first))
    return number.astype(np.float64), _several(groups)


KERNELS: dict[str, Callable[[Groups], Reduced]] = {
    "last": _last, "first": _first, "min": _extreme(np.minimum), "max": _extreme(np.maximum), "mean": _mean,
    "median": _median, "rise": _rise, "sum": _sum, "slope": _slope, "days_since": _days_since, "age": _age, "duration": _duration, "exists": _exists, "tally": _tally,
}  # fmt: skip
"""Kind of reduction → how."""
