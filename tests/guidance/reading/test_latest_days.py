"""Claims about `guidance.reading.latest_days`."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.reading.kernels import Visible
from services.guidance.reading.latest_days import keep_latest_days
from services.timeline.instants import DAY, HOUR, NAT

HOURS = st.lists(st.one_of(st.none(), st.integers(-60, 60)), max_size=12)


@given(st.lists(HOURS, min_size=1, max_size=6), st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_each_cell_keeps_its_own_latest_days(cells: list[list[int | None]], wanted: list[int]) -> None:
    """Day by day in plain Python: features of 0 days keep all, others the dated readings of so many days."""
    rows = 2
    cells = (cells * 6)[: rows * len(wanted)]
    times = [sorted(NAT if hour is None else hour * HOUR for hour in cell) for cell in cells]
    flat = [(cell, time) for cell, those in enumerate(times) for time in those]
    count = np.arange(len(flat))
    visible = Visible(
        cell=np.array([cell for cell, _ in flat], dtype=np.int64), event=count, value=count.astype(np.float64), counted=count,
        time=np.array([time for _, time in flat], dtype=np.int64), at=count, start=count,
    )  # fmt: skip
    left, full, begins = keep_latest_days(np.array(wanted), visible, rows)
    expected, whole = [], []
    for cell, those in enumerate(times):
        days = sorted({time // DAY for time in those if time != NAT})
        asked = wanted[cell // rows]
        kept = days[-asked:] if asked else []
        expected += [(cell, time) for time in those if not asked or (time != NAT and time // DAY in kept)]
        if asked and len(kept) == asked:
            whole.append((cell, kept[0] * DAY))
    assert list(zip(left.cell.tolist(), left.time.tolist(), strict=True)) == expected
    assert list(zip(full.tolist(), begins.tolist(), strict=True)) == whole
