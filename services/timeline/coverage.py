"""How far back each prefetch query's answer reaches: past it, nothing found is *unknown*, not *absent*.

Fifty rows sorted by date may hold no row of a rarer code, and a query may fail or not have been asked at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.timeline.instants import ALWAYS, FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Query name → everything from this time on to the index was answered.

    ALWAYS: the whole record was answered. FOREVER: nothing was (not asked, failed).
    """

    since: Mapping[str, int] = field(default_factory=dict)
    otherwise: int = FOREVER
    """What holds for a query that is not named."""

    def of(self, query: str) -> int:
        """The time from which on this query's answer is complete."""
        return self.since.get(query, self.otherwise)


COMPLETE = Coverage(otherwise=ALWAYS)
"""History: the store holds all that there is, so every query is covered."""
