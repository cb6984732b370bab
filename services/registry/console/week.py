"""The last seven days: what was shown and answered, by guidance, and what was decided. From the feed and the memory only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from services.guidance.lifecycle import Person
from services.registry.decisions.blind import withheld_from
from services.registry.memory import ledger
from services.registry.tables import instant_text, reports

DAYS: Final = 7
TOLD: Final = 5
_LOOKED_AT: Final = 500  # entries; a week with more of them is told from its last 500
_QUIET: Final = frozenset(
    {"voted", "person added", "token replaced", "person deactivated", "session ended", "sessions ended"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Counts of one guidance in seven days, over all sites and releases, and the days on which anything was reported."""

    calls: int = 0
    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    days: int = 0

    @property
    def answered(self) -> int:
        """Cards that were accepted or overridden."""
        return self.accepted + self.overridden


def weeks(connection: Connection, now: datetime) -> dict[str, Week]:
    """Guidance → its week up to today; a guidance of which nothing was reported is left out."""
    first = instant_text(now - timedelta(days=DAYS - 1))[:10]
    sums: dict[str, Counter[str]] = {}
    days: dict[str, set[str]] = {}
    rows = connection.execute(select(reports.c.guidance, reports.c.day, reports.c.counts).where(reports.c.day >= first))
    for guidance, day, counts in rows:
        sums.setdefault(guidance, Counter()).update(counts)
        days.setdefault(guidance, set()).add(day)
    return {guidance: _week(found, len(days[guidance])) for guidance, found in sums.items()}


def total(found: Mapping[str, Week]) -> Week:
    """All guidance together; the days are those of the guidance that reported most."""
    return Week(
        calls=sum(one.calls for one in found.values()),
        shown=sum(one.shown for one in found.values()),
        accepted=sum(one.accepted for one in found.values()),
        overridden=sum(one.overridden for one in found.values()),
        days=max((one.days for one in found.values()), default=0),
    )


def changed(connection: Connection, reader: Person, now: datetime) -> list[dict[str, Any]]:
    """The last entries of seven days that this reader of the overview asks for, the newest first."""
    since = instant_text(now - timedelta(days=DAYS))
    after = max(0, ledger.head(connection).number - _LOOKED_AT)
    withheld = withheld_from(connection, reader)
    found = [
        entry
        for entry in ledger.entries(connection, after=after, limit=_LOOKED_AT)
        if entry["at"] >= since and entry["action"] not in _QUIET and entry["number"] not in withheld
    ]
    return found[::-1][:TOLD]


def _week(counts: Mapping[str, int], days: int) -> Week:
    return Week(
        # What a silent release computed beside the one that answered is no further call.
        calls=counts.get("calls", 0) - counts.get("beside", 0),
        shown=counts.get("shown", 0),
        accepted=counts.get("accepted", 0),
        overridden=counts.get("overridden", 0),
        days=days,
    )
