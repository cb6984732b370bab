"""The timeline's front door: `assemble` events, then place `index_rows` in it. Pure, and the same for any input order."""

from __future__ import annotations

from services.timeline.assemble_large import assemble_large
from services.timeline.assemble_small import SMALL, SMALL_COLUMNS, assemble_small
from services.timeline.coverage import COMPLETE, Coverage
from services.timeline.events import EventBatch, EventColumns
from services.timeline.index import IndexRows, index_rows
from services.timeline.instants import ALWAYS, FOREVER, NAT
from services.timeline.shape import Timeline

__all__ = ["ALWAYS", "COMPLETE", "FOREVER", "NAT", "Coverage", "IndexRows", "Timeline", "assemble", "index_rows"]


def assemble(
    events: EventColumns | EventBatch, *, coverage: Coverage = COMPLETE, all_known: bool = False
) -> Timeline:  # fmt: skip
    """The timeline of some events.

    `all_known`: at the bedside everything that was fetched is known, and of each resource the latest version counts.
    """
    if len(events) <= (SMALL if isinstance(events, EventBatch) else SMALL_COLUMNS):
        timeline = assemble_small(events, coverage=coverage, all_known=all_known)
        if timeline is not None:
            return timeline
    columns = events.columns() if isinstance(events, EventBatch) else events
    return assemble_large(columns, coverage=coverage, all_known=all_known)
