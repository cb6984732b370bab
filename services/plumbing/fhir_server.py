"""The door to an EHR's FHIR server: it is asked for what the prefetch lacked, with the EHR's own token, in little time.

A server is hostile until proven otherwise. Only origins on the allow-list (of the site, or of the caller's issuer) are
asked, at addresses that may be connected to; the token goes to that origin alone, is never kept and never logged;
redirects are not followed, other pages only on the same origin; time, size and number of pages are limited.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import httpx

from services.plumbing.addresses import AddressGuard, AddressRefused, GuardedTransport
from services.plumbing.fhir_address import Base, Origin, follow, origin_of, read_base
from services.plumbing.fhir_answer import Budget, Problem, Refused, read_answer, read_page
from services.plumbing.logs import get_logger
from services.plumbing.metrics import ServiceMetrics
from services.timeline.errors import BadInput

__all__ = ["Ask", "FetchMetrics", "Fetched", "FhirServers", "Limits", "open_client", "origin_of"]

_log = get_logger("fhir")
PAGES: Final = 10  # of one search; a server that pages finer than that answers incompletely, and is said to
CONNECTIONS: Final = 100  # in all; over HTTP/2 one carries a whole call
_LIST: Final = "the list of FHIR servers"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One query: `Patient/1`, `Observation?…`, or the link to a further page; and how many entries are wanted."""

    path: str
    wanted: int = 1
    is_link: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of one query: the pages as bytes, and whether that is all; and the problem, if there was one."""

    pages: tuple[bytes, ...] = ()
    complete: bool = True
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one call: seconds and bytes in all; of one answer: bytes."""

    seconds: float
    answer_bytes: int
    call_bytes: int

    def budget(self) -> Budget:
        """That of a call which begins now."""
        return Budget(ends=time.monotonic() + self.seconds, bytes_left=self.call_bytes)


class FetchMetrics:
    """What the door counts; its labels are `Problem` and `answered`."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self.fetches = metrics.counter("fetches_total", "Requests to FHIR servers, by outcome", ("outcome",))
        self.seconds = metrics.histogram("fetch_seconds", "Time for all that one call had to fetch")


def open_client(guard: AddressGuard, *, context: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """The pool of connections: HTTP/2 where the server has it, guarded addresses, nothing from the environment.

    `context`: what TLS trusts, else httpx's own. A proxy named in the environment must not see where tokens go.
    """
    transport = GuardedTransport(guard, context=context, http2=True, connections=CONNECTIONS)
    return httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False, timeout=None)  # noqa: S113


class FhirServers:
    """The servers that may be asked, and how."""

    def __init__(
        self, http: httpx.AsyncClient, *, limits: Limits, origins: Iterable[str] = (), plain_loopback: bool = False,
        metrics: FetchMetrics | None = None,
    ) -> None:  # fmt: skip
        """`origins` (`https://host[:port]`): what every caller may name. BadInput if one is none, or has no TLS.

        `plain_loopback`: http is allowed to this machine (development).
        """
        self._http = http
        self.limits = limits
        self._plain_loopback = plain_loopback
        self._for_all = frozenset(origin_of(text, place=_LIST) for text in origins)
        self._metrics = metrics
        for origin in self._for_all:
            if not self._is_safe(origin):
                raise BadInput(
                    f"{origin} would get tokens and patients without TLS",
                    place=_LIST,
                    remedy="Use https; plain http is for this machine alone, with KNOWDO_DEMO=true",
                )

    def allows(self, base: str, *, also: tuple[str, ...] = ()) -> bool:
        """Whether this server may be asked at all; `also`: the origins that the caller's issuer may name."""
        return self._judge(base, also)[1] is None

    async def fetch(
        self, base: str, asks: Mapping[str, Ask], *, token: str, budget: Budget, also: tuple[str, ...] = ()
    ) -> dict[str, Fetched]:
        """All queries at once, by name; each that is not answered within the budget is a problem of its own.

        `also`: the origins that the caller's issuer may name, besides those that any may.
        """
        began = time.monotonic()
        server, problem = self._judge(base, also)
        if problem is None and token and _TOKEN.fullmatch(token) is None:
            problem = "token unusable"
        if server is None or problem is not None:
            self._count(problem or "server not on the allow-list")
            return dict.fromkeys(asks, Fetched(complete=False, problem=problem))
        searches = (_Search(self, server, ask, token, budget).run() for ask in asks.values())
        fetched = dict(zip(asks, await asyncio.gather(*searches), strict=True))
        if self._metrics is not None:
            self._metrics.seconds.observe(time.monotonic() - began)
        return fetched

    def _judge(self, text: str, also: tuple[str, ...]) -> tuple[Base | None, Problem | None]:
        try:
            base = read_base(text)
        except BadInput:
            return None, "server not on the allow-list"
        if base.origin not in self._for_all and base.origin not in _origins(also):
            return None, "server not on the allow-list"
        return (base, None) if self._is_safe(base.origin) else (None, "plain http refused")

    def _is_safe(self, origin: Origin) -> bool:
        return origin.scheme == "https" or (self._plain_loopback and origin.loopback)

    async def get(self, url: str, token: str, budget: Budget) -> bytes:
        """One answer; Refused says what came instead."""
        headers = {"Accept": "application/fhir+json", "Accept-Encoding": "gzip"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with self._http.stream("GET", url, headers=headers, follow_redirects=False) as answer:
                body = await read_answer(answer, largest=self.limits.answer_bytes, budget=budget)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as fault:
            # Its text may hold the URL, and with it the patient: only the kind of fault is kept.
            _log.warning("fhir server failed", error=type(fault).__name__, cause=type(fault.__cause__).__name__)
            if isinstance(fault.__cause__, AddressRefused):
                raise Refused("address refused") from fault
            connecting = isinstance(fault, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
            raise Refused("no connection" if connecting else "answer broken off") from fault
        self._count("answered")
        return body

    def _count(self, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.fetches.labels(outcome).inc()

    def failed(self, problem: Problem) -> None:
        """Count a request that came to nothing."""
        self._count(problem)


@lru_cache(maxsize=1024)  # the lists of the trusted issuers: few, and each asked for with every call
def _origins(listed: tuple[str, ...]) -> frozenset[Origin]:
    return frozenset(origin_of(text, place=_LIST) for text in listed)


class _Search:
    """One query and its pages. What came before a problem is kept: it is true, and not all."""

    def __init__(self, servers: FhirServers, base: Base, ask: Ask, token: str, budget: Budget) -> None:
        self._servers = servers
        self._base = base
        self._ask = ask
        self._token = token
        self._budget = budget
        self._pages: list[bytes] = []

    async def run(self) -> Fetched:
        problem: Problem
        try:
            async with asyncio.timeout(self._budget.seconds()):
                complete = await self._read()
            return Fetched(pages=tuple(self._pages), complete=complete)
        except TimeoutError:
            problem = "no answer in time"
        except Refused as refused:
            problem = refused.problem
        self._servers.failed(problem)
        return Fetched(pages=tuple(self._pages), complete=False, problem=problem)

    async def _read(self) -> bool:
        """Page after page, until as many entries came as were wanted; whether that was all there is."""
        ask, entries, seen = self._ask, 0, set[str]()
        url = follow(ask.path, self._base) if ask.is_link else f"{self._base}/{ask.path}"
        while url and url not in seen and len(self._pages) < PAGES:
            seen.add(url)
            body = await self._servers.get(url, self._token, self._budget)
            page = read_page(body)
            self._pages.append(body)
            entries += page.entries
            if page.following is None:
                return True
            if entries >= ask.wanted:
                return False
            url = follow(page.following, self._base, at=url)
        return False
