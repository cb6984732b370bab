"""Only the readings of the latest calendar days that have any: the mean of the last two days of blood pressures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.guidance.reading.kernels import Visible
from services.timeline.instants import DAY, NAT

Ints = NDArray[np.int64]


def keep_latest_days(latest_days: Ints, visible: Visible, rows: int) -> tuple[Visible, Ints, Ints]:
    """What is left of the visible events, and the cells that have all their days, with the first instant of those.

    `latest_days`: event feature → how many calendar days (UTC), 0 = all. An undated reading is of no day. Whoever has all
    the days asked for needs nothing that is older: it is settled if all since the first of them was asked.
    """
    cell, time = visible.cell, visible.time
    wanted = latest_days[cell // rows]
    dated = (wanted == 0) | (time != NAT)
    if np.count_nonzero(dated) < len(dated):
        visible = visible.take(dated.nonzero()[0])
        cell, time, wanted = visible.cell, visible.time, wanted[dated]
    if not len(cell):
        return visible, cell, time
    day = time // DAY
    fresh = np.ones(len(cell), dtype=np.bool_)
    fresh[1:] = (cell[1:] != cell[:-1]) | (day[1:] != day[:-1])
    number = fresh.cumsum()  # of the days of all cells, the cells being in order
    ends = np.ones(len(cell), dtype=np.bool_)
    np.not_equal(cell[1:], cell[:-1], out=ends[:-1])
    last = number[ends]
    sizes = np.diff(ends.nonzero()[0], prepend=-1)
    back = last.repeat(sizes) - number  # 0 on the latest day of the cell
    full = fresh & (wanted > 0) & (back == wanted - 1)
    kept = (wanted == 0) | (back < wanted)
    return visible.take(kept.nonzero()[0]), cell[full], day[full] * DAY
