"""Moments of prediction at orders: one whenever an order of the kind named was written in a stay, as the bedside would ask.

Every order counts, not the first of a stay only: the prescriber is asked each time. Several orders written at the same
moment of the same stay are one question, and so one row. Orders of no stay named have no row, and are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Feature
from services.guidance.reading.plan import sources_of
from services.timeline.codes import ValueSets
from services.timeline.instants import FOREVER, NAT
from services.timeline.timeline import Timeline

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Moments at which such orders were written, by (stay, moment), each once."""

    stay: Ints
    """Which of the stays."""
    at: Ints
    elsewhere: int
    """Orders that belong to none of the stays, or were written outside of their own."""
    together: int
    """Orders written at the same moment of a stay as another one."""


def find_orders(
    timeline: Timeline,
    feature: Feature,
    value_sets: ValueSets,
    *,
    encounter: NDArray[np.int32],
    start: Ints,
    end: Ints,
) -> Orders:
    """The moments of the orders that a feature of this very order counts; `encounter`, `start` and `end` of the stays."""
    fields = [place for place, name in enumerate(timeline.fields) if name in sources_of(feature)]
    rows = np.flatnonzero(np.isin(timeline.field, fields))
    if feature.codes is not None:
        rows = rows[value_sets.resolve(feature.codes).matching(timeline.code_words)[timeline.codes[rows]]]
    if feature.not_by is not None:
        rows = rows[~value_sets.resolve(feature.not_by).matching(timeline.unit_words)[timeline.unit[rows]]]
    at = timeline.time[rows]
    # As it was known at that very moment: an order that was entered later was no question then.
    rows = rows[(at != NAT) & (timeline.known[rows] <= at) & (at < timeline.until[rows])]
    at = timeline.time[rows]
    place = np.full(len(timeline.resource_words) + 1, -1, dtype=np.int64)  # the last for encounter -1
    place[encounter] = np.arange(len(encounter))
    stay = place[timeline.encounter[rows]]
    over = np.where(end == NAT, FOREVER, end)
    inside = (stay >= 0) & (at >= np.append(start, FOREVER)[stay]) & (at <= np.append(over, NAT)[stay])
    pairs = np.unique(np.column_stack((stay[inside], at[inside])), axis=0)
    return Orders(
        stay=pairs[:, 0],
        at=pairs[:, 1],
        elsewhere=int(np.count_nonzero(~inside)),
        together=int(np.count_nonzero(inside)) - len(pairs),
    )
