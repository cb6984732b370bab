"""Decisions of calls whose token had been used before: such a call is answered with 401, so nothing of it was shown.

Decision and token are written in one batch to save a commit, so a decision may be made before its call is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from services.cds.decisions.records import Entry, Record, Token

# A decision follows its token by a batch or two.
MOST: Final = 10_000


class Replays:
    """The tokens that turned out to be used lately."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], None] = {}

    def note(self, records: Sequence[Record], unseen: Collection[int]) -> None:
        """Take note of the tokens among the records that are not at the places of those that were unseen."""
        for place, record in enumerate(records):
            if isinstance(record, Token) and place not in unseen:
                self._used[record.iss, record.jti] = None
        while len(self._used) > MOST:
            del self._used[next(iter(self._used))]

    def settled(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The entries, those of replayed calls as what became of them: no card, and so no cool-down for the next."""
        if not self._used:
            return entries
        return [_unanswered(one) if (one.decision.issuer, one.jti) in self._used else one for one in entries]


def _unanswered(entry: Entry) -> Entry:
    decision = msgspec.structs.replace(
        entry.decision,
        status="failed",
        reason="the caller's token was used before: nothing was answered",
        suppressed_because="",
        card=None,
        card_uuid="",
    )
    return msgspec.structs.replace(entry, decision=decision)
