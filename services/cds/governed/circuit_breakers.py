"""Which guidance is over its hard cap, as this worker has met it: for the log, for readiness, and to hurry a report.

Whether a card is over the cap is decided in the decision log, which all workers share; what is kept here only tells
of it. A breaker closes by itself with the hour of the clock, or when a policy without that cap is approved.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from services.plumbing.logs import get_logger

_log = get_logger("cds")


def utc_now() -> datetime:
    """Now."""
    return datetime.now(UTC)


class CircuitBreakers:
    """The breakers that are open, until when."""

    def __init__(self, *, clock: Callable[[], datetime] = utc_now, on_open: Callable[[], None] = lambda: None) -> None:
        """`on_open` is called when one opens, not again while it is open."""
        self._clock = clock
        self._on_open = on_open
        self._until: dict[str, datetime] = {}

    def met(self, guidance: str, *, reason: str, policy: str) -> datetime:
        """A card was over the cap: say so loudly if it is the first in this hour; answers when it closes."""
        now = self._clock()
        until = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        if self._until.get(guidance) != until:
            self._until[guidance] = until
            _log.error(
                "circuit breaker open: this guidance answers 503 where a card is due",
                guidance=guidance,
                reason=reason,
                policy=policy,
                until=until.isoformat(),
                remedy="Look at why so many cards are due (`knowdo cds alerts`); stop the guidance, or approve a policy",
            )
            self._on_open()
        return until

    def readiness(self) -> dict[str, object]:
        """The open ones, as readiness says it. They are no reason to send calls elsewhere: the cap is the site's."""
        now = self._clock()
        return {
            f"{guidance} circuit breaker": f"OPEN until {until.isoformat()}"
            for guidance, until in sorted(self._until.items())
            if now < until
        }
