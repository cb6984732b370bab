"""How fast one address and one identity may go: sign-in, tokens and writes are counted, reading is not.

Token buckets in the memory of this process, filling up evenly; and, where several processes share a PostgreSQL, a count of
each minute there (`shared_counts`), so that many processes allow no more than one.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import Request

from services.guidance.errors import TooMany
from services.registry.people.shared_counts import SharedCounts

Kind = Literal["sign-in", "token", "write", "write-address"]
SIGN_INS: Final = 30  # a minute from one address: a ward behind one address signs in at the change of shifts
TOKENS: Final = 60
MOST_KEPT: Final = 10_000
STOPS: Final = ("/suspend", "/stop")
"""Stopping guidance is never too fast, whoever else shares the address."""
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Buckets:
    """One bucket for each kind and subject; it holds a minute's worth and fills up evenly."""

    def __init__(self, rates: Mapping[Kind, int], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`rates`: how many a minute."""
        self._rates = rates
        self._clock = clock
        self._buckets: OrderedDict[tuple[Kind, str], _Bucket] = OrderedDict()

    def take(self, kind: Kind, subject: str) -> None:
        """Count one; TooMany, with the seconds until there is room again."""
        rate, now = self._rates[kind], self._clock()
        bucket = self._buckets.pop((kind, subject), None) or _Bucket(rate, now)
        bucket.left = min(float(rate), bucket.left + (now - bucket.at) * rate / 60)
        bucket.at = now
        self._buckets[kind, subject] = bucket  # the newest last
        while len(self._buckets) > MOST_KEPT:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            raise TooMany("too many calls", seconds=math.ceil((1 - bucket.left) * 60 / rate), place=kind)
        bucket.left -= 1


class RateLimits:
    """What one process allows, and where counts are shared all of them together."""

    def __init__(self, *, writes: int, shared: SharedCounts | None = None) -> None:
        """`writes`: of one identity in a minute; one address may have five times as many, for it may be a proxy's."""
        self._rates: Mapping[Kind, int] = {
            "sign-in": SIGN_INS, "token": TOKENS, "write": writes, "write-address": 5 * writes,
        }  # fmt: skip
        self._buckets = Buckets(self._rates)
        self._shared = shared

    async def take(self, kind: Kind, subject: str) -> None:
        """Count one; TooMany, with the seconds until there is room again. Unavailable if shared counts cannot be read."""
        self._buckets.take(kind, subject)
        if self._shared is not None:
            await self._shared.take(kind, subject, rate=self._rates[kind])


def address_of(request: Request) -> str:
    """The address that a request came from, as the server tells it (a proxy's word counts only if it is trusted)."""
    return request.client.host if request.client else ""


async def count_write(request: Request, name: str) -> None:
    """Count a call that may change something, but a stop, by who makes it and from where; TooMany if there are too many."""
    if request.method not in READING and not request.url.path.endswith(STOPS):
        limits: RateLimits = request.app.state.limits
        await limits.take("write", name)
        await limits.take("write-address", address_of(request))
