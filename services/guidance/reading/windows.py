"""When an event must have happened: the windows of guidance.yaml as columns, and as instants for every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.feature_definition import Window
from services.timeline.instants import DAY, FOREVER, HOUR, NAT

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The index moments of one chunk, ordered by patient."""

    person: Ints
    """Which of the chunk's patients."""
    at: Ints
    start: Ints
    encounter: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The distinct windows of a plan, as columns; lengths in microseconds."""

    from_start: Ints
    """1: counted back from the start of the stay, 0: from the index."""
    length: Ints
    ever: Ints
    """Those that reach back for ever."""
    last_of_stay: Ints
    """Those of a length, as far as it is of this stay."""
    joined: Ints
    """Those back from the index that take in this stay, too."""
    near: Ints
    """So long before its anchor a window ends; 0 = at the anchor."""
    before: Ints
    """Those that end where the stay begins."""
    of_stay: Bools
    """Without a stay there is no such window."""


def window_columns(windows: Sequence[Window]) -> Windows:
    """The windows of guidance.yaml as columns."""

    def those(holds: Callable[[Window, int], bool]) -> Ints:
        chosen = [place for place, window in enumerate(windows) if holds(window, length_of(window))]
        return np.array(chosen, dtype=np.int64)

    return Windows(
        from_start=np.array([_from_start(window) for window in windows], dtype=np.int64),
        length=np.array([length_of(window) for window in windows], dtype=np.int64),
        ever=those(lambda window, length: not length and not window.this_stay and not window.this_order),
        last_of_stay=those(lambda window, length: bool(length) and window.this_stay),
        joined=those(lambda window, length: bool(length) and window.or_this_stay and not of_stay(window)),
        near=np.array([near_end_of(window) for window in windows], dtype=np.int64),
        before=those(lambda window, _: _before_stay(window)),
        of_stay=np.array([of_stay(window) for window in windows], dtype=np.bool_),
    )


def length_of(window: Window) -> int:
    """How long it is, in microseconds; 0 = no length is said."""
    return round((window.days or 0.0) * DAY + (window.hours or 0.0) * HOUR)


def near_end_of(window: Window) -> int:
    """How long before its anchor it ends, in microseconds. What takes in this stay ends at the index."""
    if window.or_this_stay:
        return 0
    return round((window.until_days or 0.0) * DAY + (window.until_hours or 0.0) * HOUR)


def of_stay(window: Window) -> bool:
    """Whether there is no such window without a stay."""
    return window.this_stay or window.before == "admission"


def _before_stay(window: Window) -> bool:
    return window.before == "admission" and not window.this_stay and not window.or_this_stay


def _from_start(window: Window) -> bool:
    """A length within this stay is counted back from the index."""
    return not length_of(window) if window.this_stay else window.before == "admission"


def window_bounds(windows: Windows, rows: Rows) -> tuple[Ints, Ints, Bools]:
    """Window x row: its first and its last instant (both within), and whether the row has such a window at all."""
    stay = rows.start != NAT
    start = np.where(stay, rows.start, rows.at)
    low = np.array((rows.at, start))[windows.from_start] - windows.length[:, None]
    low[windows.ever] = NAT
    if len(windows.last_of_stay):
        low[windows.last_of_stay] = np.maximum(low[windows.last_of_stay], start)
    if len(windows.joined):
        low[windows.joined] = np.minimum(low[windows.joined], start)
    high = rows.at - windows.near[:, None]
    # Before admission means before the stay began: its own first instant is not within.
    high[windows.before] = np.minimum(start - np.maximum(windows.near[windows.before], 1)[:, None], rows.at)
    there = stay | ~windows.of_stay[:, None]
    if np.count_nonzero(stay) < len(stay):
        low[~there] = high[~there] = FOREVER
    return low, high, there
