"""Claims about `guidance.reading.kernels`: the order of every sum, to the last bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.reading.kernels import KERNELS, Groups, Visible
from services.timeline.instants import DAY

AT = 1_700_000_000_000_000
READING = st.tuples(st.integers(-400 * DAY, 0), st.floats(-1e6, 1e6))
CELLS = st.lists(st.lists(READING, min_size=1, max_size=200), min_size=1, max_size=8)


def groups_of(cells: list[list[tuple[int, float]]]) -> Groups:
    """The readings of some cells, each in the order of time."""
    flat = [reading for cell in cells for reading in sorted(cell)]
    sizes = np.array([len(cell) for cell in cells])
    count = np.arange(len(flat))
    seen = Visible(
        cell=np.arange(len(cells)).repeat(sizes), event=count, value=np.array([value for _, value in flat]), counted=count,
        time=np.array([AT + ago for ago, _ in flat]), at=np.full(len(flat), AT), start=np.full(len(flat), AT),
    )  # fmt: skip
    ends = sizes.cumsum()
    return Groups(seen=seen, first=ends - sizes, last=ends - 1)


def plain_sum(numbers: list[float]) -> float:
    """One after the other."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def plainly(kind: str, cell: list[tuple[int, float]]) -> float:
    """What the docstrings of the kernels say, in plain Python."""
    times, values = [AT + ago for ago, _ in sorted(cell)], [value for _, value in sorted(cell)]
    size = len(values)
    match kind:
        case "sum":
            return plain_sum(values)
        case "mean":
            return plain_sum(values) / size
        case "median":
            ordered = sorted(values)
            return ordered[size // 2] if size % 2 else (ordered[size // 2 - 1] + ordered[size // 2]) / 2.0
        case "rise":
            return values[-1] - min(values)
    days = [(time - AT) / DAY for time in times]
    middle, mean = plain_sum(days) / size, plain_sum(values) / size
    days, values = [day - middle for day in days], [value - mean for value in values]
    spread = plain_sum([day * day for day in days])
    rise = plain_sum([day * value for day, value in zip(days, values, strict=True)])
    return rise / spread if times[0] != times[-1] and spread > 0.0 else float("nan")


@given(CELLS)
def test_every_sum_goes_from_the_first_to_the_last_one_after_the_other(cells: list[list[tuple[int, float]]]) -> None:
    """A second implementation, in plain Python, gives the same bits, whatever the neighbours of a cell."""
    groups = groups_of(cells)
    for kind in ("sum", "mean", "median", "rise", "slope"):
        expected = np.array([plainly(kind, cell) for cell in cells])
        np.testing.assert_array_equal(KERNELS[kind](groups)[0], expected, err_msg=kind, strict=True)
