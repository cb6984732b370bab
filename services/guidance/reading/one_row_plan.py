"""A feature plan taken apart, feature by feature and window by window: for reading one row in plain Python."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import nan

import numpy as np

from services.guidance.reading.one_row_kernels import ONE, Reduction
from services.guidance.reading.one_row_steps import OneStep, one_step
from services.guidance.reading.plan import FeaturePlan
from services.timeline.instants import FOREVER, NAT


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFeature:
    """What the columns of a plan say of one event feature (see `FeaturePlan`)."""

    name: str
    place: int
    """Among the plan's names."""
    kind: str
    reduce: Reduction
    """How its kind is reduced."""
    window: int
    query: int
    low: float
    high: float
    measured: bool
    sure: bool
    this_encounter: bool
    leading: int
    active: bool
    selective: bool
    """It minds the encounter, what led to the stay, or what has ended."""
    not_during: int
    particular: bool
    """It minds more of an event than how it is coded and when it was."""
    latest_days: int
    by_resource: bool
    levelled: bool
    nothing: float
    """Its number where nothing is found."""
    asserting: bool
    latest: bool
    bounds: tuple[float, float] | None
    """Within these the result must lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWindow:
    """What the columns of `Windows` say of one window."""

    from_start: bool
    length: int
    ever: bool
    last_of_stay: bool
    joined: bool
    near: int
    before: bool
    of_stay: bool

    def bounds(self, at: int, start: int) -> tuple[int, int, bool]:
        """Its first and last instant at an index (both within), and whether there is such a window."""
        if start == NAT:
            if self.of_stay:
                return FOREVER, FOREVER, False
            start = at
        low = NAT if self.ever else (start if self.from_start else at) - self.length
        if self.last_of_stay:
            low = max(low, start)
        if self.joined:
            low = min(low, start)
        return low, min(start - max(self.near, 1), at) if self.before else at - self.near, True


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRowPlan:
    """All that is asked of one row."""

    features: tuple[EventFeature, ...]
    windows: tuple[OneWindow, ...]
    steps: tuple[OneStep, ...]


@lru_cache(maxsize=256)
def taken_apart(plan: FeaturePlan) -> OneRowPlan:
    """The plan for one row; the same object for the same plan."""
    kinds = {place: kind for kind, stretch in plan.kinds.items() for place in range(stretch.start, stretch.stop)}
    ranges = zip(plan.ranged.tolist(), plan.floor.tolist(), plan.ceiling.tolist(), strict=True)
    bounds = {place: (floor, ceiling) for place, floor, ceiling in ranges}
    sure = np.zeros(len(plan.places), dtype=np.bool_) if plan.sure is None else plan.sure
    selective = plan.this_encounter | (plan.leading > 0) | plan.active
    features = tuple(
        EventFeature(
            name=plan.names[plan.places[place]],
            place=int(plan.places[place]),
            kind=kinds[place],
            reduce=ONE[kinds[place]],
            window=int(plan.window[place]),
            query=int(plan.query[place]),
            low=float(plan.low[place]),
            high=float(plan.high[place]),
            measured=bool(plan.measured[place]),
            sure=bool(sure[place]),
            this_encounter=bool(plan.this_encounter[place]),
            leading=int(plan.leading[place]),
            active=bool(plan.active[place]),
            selective=bool(selective[place]),
            not_during=int(plan.not_during[place]),
            particular=bool(sure[place] or selective[place] or plan.not_during[place] >= 0),
            latest_days=int(plan.latest_days[place]) if plan.latest_days is not None else 0,
            by_resource=bool(plan.by_resource[place]),
            levelled=bool(plan.levelled[place]),
            nothing=0.0 if plan.zero[place] else nan,
            asserting=bool(plan.asserting[place]),
            latest=bool(plan.latest[place]),
            bounds=bounds.get(place),
        )
        for place in range(len(plan.places))
    )
    windows = plan.windows
    ever, last_of_stay, joined, before = (
        frozenset(those.tolist()) for those in (windows.ever, windows.last_of_stay, windows.joined, windows.before)
    )
    return OneRowPlan(
        features=features,
        steps=tuple(map(one_step, plan.steps)),
        windows=tuple(
            OneWindow(
                from_start=bool(windows.from_start[place]),
                length=int(windows.length[place]),
                ever=place in ever,
                last_of_stay=place in last_of_stay,
                joined=place in joined,
                near=int(windows.near[place]),
                before=place in before,
                of_stay=bool(windows.of_stay[place]),
            )
            for place in range(len(windows.length))
        ),
    )
