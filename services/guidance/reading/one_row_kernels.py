"""One reduction per kind of feature, for one cell, in plain Python: what `kernels` says of each kind, to the last bit.

Every sum starts at 0.0 and adds one number after the other: not `sum`, which from Python 3.12 on corrects what it loses.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan

from services.guidance.reading.kernels import age_in_years
from services.timeline.instants import DAY, NAT

Seen = tuple[float, int, int, int | str]
"""Value, time, row of the timeline, and what it is counted as."""
Cell = list[Seen]
"""What one feature sees at one index, in the order of the timeline; at least one event."""


Reduced = tuple[float, int]
"""The number, and the place of the event that it came from; -1 = from several."""
Reduction = Callable[[Cell, int, int], Reduced]
"""From a cell, the index and the start of the stay."""

_DAY = float(DAY)


def _total(numbers: list[float]) -> float:
    total = 0.0
    for number in numbers:
        total += number
    return total


def _values(cell: Cell) -> list[float]:
    return [one[0] for one in cell]


def _last(cell: Cell, at: int, start: int) -> Reduced:
    return cell[-1][0], len(cell) - 1


def _first(cell: Cell, at: int, start: int) -> Reduced:
    return cell[0][0], 0


def _extreme(reduce: Callable[[list[float]], float]) -> Reduction:
    def extreme(cell: Cell, at: int, start: int) -> Reduced:
        values = _values(cell)
        if any(map(isnan, values)):
            return nan, -1
        best = reduce(values)
        # Of several equal ones the latest is named as the source.
        return best, len(values) - 1 - values[::-1].index(best)

    return extreme


def _sum(cell: Cell, at: int, start: int) -> Reduced:
    return _total(_values(cell)), -1


def _mean(cell: Cell, at: int, start: int) -> Reduced:
    return _total(_values(cell)) / len(cell), -1


def _median(cell: Cell, at: int, start: int) -> Reduced:
    ordered = sorted(_values(cell), key=lambda value: (isnan(value), value))
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return lower if len(ordered) % 2 else (lower + upper) / 2.0, -1


def _rise(cell: Cell, at: int, start: int) -> Reduced:
    values = _values(cell)
    return (nan if any(map(isnan, values)) else values[-1] - min(values)), -1


def _slope(cell: Cell, at: int, start: int) -> Reduced:
    first, last = cell[0][1], cell[-1][1]
    if NAT in (first, last) or first == last:
        return nan, -1
    size = len(cell)
    days = [float(one[1] - at) / _DAY if one[1] != NAT else 0.0 for one in cell]
    values = _values(cell)
    day, value = _total(days) / size, _total(values) / size
    days, values = [one - day for one in days], [one - value for one in values]
    spread = _total([one * one for one in days])
    rise = _total([one * other for one, other in zip(days, values, strict=True)])
    return rise / spread if spread > 0.0 else nan, -1


def _days_since(cell: Cell, at: int, start: int) -> Reduced:
    time = cell[-1][1]
    return nan if time == NAT else float(at - time) / _DAY, len(cell) - 1


def _age(cell: Cell, at: int, start: int) -> Reduced:
    born = cell[-1][1]
    return nan if born == NAT else float(age_in_years(born, at)), len(cell) - 1


def _duration(cell: Cell, at: int, start: int) -> Reduced:
    days = at // DAY - start // DAY
    return float(days) if days >= 0 else nan, len(cell) - 1


def _exists(cell: Cell, at: int, start: int) -> Reduced:
    return 1.0, len(cell) - 1


def _tally(cell: Cell, at: int, start: int) -> Reduced:
    return float(len({one[3] for one in cell})), -1


ONE: dict[str, Reduction] = {
    "last": _last, "first": _first, "min": _extreme(min), "max": _extreme(max), "mean": _mean, "median": _median,
    "rise": _rise, "sum": _sum, "slope": _slope, "days_since": _days_since, "age": _age, "duration": _duration,
    "exists": _exists, "tally": _tally,
}  # fmt: skip
"""Kind of reduction → how."""
