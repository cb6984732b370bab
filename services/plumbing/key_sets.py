"""The door to a client's JWK set at its URL: fetched ahead, kept while the server is down, never asked for in a crowd.

Only URLs of the trust list come here. https alone (http on loopback in development), no redirects, public addresses
(or private ones that the operator named), limits on size and time.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx

from services.plumbing.addresses import LOOPBACK, AddressGuard, GuardedTransport, Resolve
from services.plumbing.logs import get_logger
from services.plumbing.public_keys import PublicKeys, read_jwks_text
from services.timeline.errors import BadInput

_log = get_logger("cds")
# A client that rotates its keys waits at most this long for us; a stranger with made-up key ids costs one fetch in it.
REFETCH_SECONDS: Final = 30.0
FETCH_SECONDS: Final = 3.0  # what a call waits for that cannot do without
PATIENCE: Final = 0.25  # and one that has the key, of a set that is no longer fresh; CDS Hooks asks for 500 ms in all
LARGEST: Final = 256_000  # bytes; a set of two keys has 1-2 kB
# How long an answer is fresh: what its Cache-Control says, within these bounds, and this if it says nothing.
SHORTEST_FRESH, USUAL_FRESH, LONGEST_FRESH = 60.0, 900.0, 86_400.0
AHEAD: Final = 0.8  # of its fresh time, after which a set that is in use is fetched anew beside the calls
# Keys of a server that is down go on being trusted for a day: no longer, for one of them may have been withdrawn.
STALE_SECONDS: Final = 86_400.0
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})(?:$|[,\s])")


@dataclass(slots=True)
class _Kept:
    """What is known of one URL; instants are those of the clock."""

    keys: PublicKeys = field(default_factory=PublicKeys)
    fetched: float = float("-inf")
    refresh: float = float("-inf")
    fresh_until: float = float("-inf")
    tried: float = float("-inf")
    fetching: asyncio.Task[None] | None = None


class KeySets:
    """The sets behind any number of URLs; one for a process."""

    def __init__(self, http: httpx.AsyncClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`http` must not follow redirects, and must guard its addresses: see `guarded_http`."""
        self._http = http
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def find(self, url: str, kid: str) -> PublicKeys:
        """The set at a URL, fetched anew if that may bring the key `kid`; an empty one if nothing is known.

        Waits only if the key is not there or its set is no longer fresh, and for one fetch at most.
        """
        kept = self._kept.setdefault(url, _Kept())
        now = self._clock()
        known = kid in kept.keys.ids
        if known and now < kept.fresh_until:
            if now >= kept.refresh:
                self._fetch(url, kept, now)
            return kept.keys
        task = self._fetch(url, kept, now)
        if task is not None:
            # `wait`, not `await`: a caller who goes away must not take the fetch from the others.
            await asyncio.wait([task], timeout=PATIENCE if known else FETCH_SECONDS)
        return kept.keys if self._clock() < kept.fetched + STALE_SECONDS else PublicKeys()

    def warm(self, urls: Iterable[str]) -> None:
        """Begin to fetch what was never fetched, so that no clinician waits for it."""
        for url in urls:
            kept = self._kept.setdefault(url, _Kept())
            if not kept.keys:
                self._fetch(url, kept, self._clock())

    async def close(self) -> None:
        """Let go of fetches under way."""
        tasks = [kept.fetching for kept in self._kept.values() if kept.fetching is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fetch(self, url: str, kept: _Kept, now: float) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one; None if the last one was too short a while ago."""
        if kept.fetching is not None and not kept.fetching.done():
            return kept.fetching
        if now < kept.tried + REFETCH_SECONDS:
            return None
        kept.tried = now
        kept.fetching = asyncio.create_task(self._renew(url, kept))
        return kept.fetching

    async def _renew(self, url: str, kept: _Kept) -> None:
        """Replace what is kept; if that fails, keep it and say so. A set that came empties nothing by being faulty."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                body, age = await self._get(url)
            keys = read_jwks_text(body, place=url)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as fault:
            cause = type(fault.__cause__ or fault).__name__
            _log.error("key set not fetched", url=url, error=cause, remedy="Look at the client's key server")
        except BadInput as fault:
            _log.error("key set not usable", url=url, message=fault.message, remedy=fault.remedy)
        else:
            now = self._clock()
            if kept.keys.ids != keys.ids:
                _log.info("key set fetched", url=url, keys=list(keys.ids), fresh_seconds=age)
            kept.keys, kept.fetched = keys, now
            kept.refresh, kept.fresh_until = now + age * AHEAD, now + age

    async def _get(self, url: str) -> tuple[bytes, float]:
        """The body, and for how many seconds it is fresh."""
        # Nothing compressed: a small answer must not become a large one here.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._http.stream("GET", url, headers=headers, follow_redirects=False) as answer:
            if answer.status_code != 200:
                raise BadInput(f"its server answers {answer.status_code}", remedy="A redirect is not followed")
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                raise BadInput("its server compresses unasked")
            body = bytearray()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LARGEST:
                    raise BadInput(f"it is larger than {LARGEST} bytes")
        return bytes(body), _fresh_seconds(answer.headers.get("cache-control", ""))


def guarded_http(*, private: Iterable[str], development: bool, resolve: Resolve | None = None) -> httpx.AsyncClient:
    """A client for key sets. `private`: networks that may be asked besides public ones; in development loopback, too."""
    guard = AddressGuard(allowed=[*private, *(LOOPBACK if development else ())], resolve=resolve)
    return httpx.AsyncClient(
        transport=GuardedTransport(guard), timeout=FETCH_SECONDS, follow_redirects=False, trust_env=False
    )


def checked_url(url: str, *, development: bool, place: str) -> str:
    """The URL of a key set as it may stand in a trust list, or BadInput."""
    try:
        parts = urlsplit(url)
        loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        ordinary = parts.hostname and parts.username is None and not parts.fragment and parts.port != 0
    except ValueError:
        ordinary = loopback = False
    if not ordinary or not url.isascii() or not url.isprintable() or " " in url:
        raise BadInput(f"{url!a} is no address of a key set", place=place, remedy="Write it as https://host/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback and development):
        raise BadInput(
            f"{url} is not https",
            place=place,
            remedy="Keys that anyone on the way can change prove nothing; http is for loopback with KNOWDO_DEMO",
        )
    return url


def _fresh_seconds(cache_control: str) -> float:
    said = cache_control.lower()
    if "no-store" in said or "no-cache" in said:
        return SHORTEST_FRESH
    found = _MAX_AGE.search(said)
    return min(max(float(found[1]), SHORTEST_FRESH), LONGEST_FRESH) if found else USUAL_FRESH
