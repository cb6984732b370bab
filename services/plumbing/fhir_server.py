"""The door to an EHR's FHIR server: it is asked for what the prefetch lacked, with the EHR's own token, in little time.

Only origins on the allow-list are ever asked (a caller names the server, and could name any); the token goes to that
origin alone, is never kept and never logged; redirects are not followed; answers are limited in size and in number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from services.plumbing.logs import get_logger
from services.timeline.errors import BadInput

_log = get_logger("fhir")
PAGES: Final = 10  # of one search; a server that pages finer than that answers incompletely, and is said to


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of one query: the pages as bytes, and whether more of them exist; or the problem, without values."""

    pages: tuple[bytes, ...] = ()
    complete: bool = True
    problem: str = ""


class _Link(msgspec.Struct):
    relation: Any = None
    url: Any = None


class _Page(msgspec.Struct):
    link: list[_Link] | None = None
    entry: list[msgspec.Raw] | None = None


_PAGE: Final = msgspec.json.Decoder(_Page)


class FhirServers:
    """A pool of connections to the servers of the allow-list."""

    def __init__(self, http: httpx.AsyncClient, *, origins: Iterable[str], largest: int) -> None:
        """`http` must not follow redirects; `origins` as `https://host[:port]`; `largest` in bytes, per answer."""
        self._http = http
        self._origins = frozenset(origin_of(origin) for origin in origins)
        self._largest = largest

    def allows(self, base: str) -> bool:
        """Whether this server may be asked at all."""
        try:
            return origin_of(base) in self._origins
        except BadInput:
            return False

    async def fetch(
        self, base: str, queries: Mapping[str, tuple[str, int]], *, token: str, seconds: float
    ) -> dict[str, Fetched]:
        """All queries (name → path with search, entries wanted) at once; each that is not answered in time is a problem."""
        if not self.allows(base):
            return dict.fromkeys(queries, Fetched(problem="the FHIR server is not on the allow-list"))
        names = list(queries)
        answers = await asyncio.gather(*(self._within(seconds, base, *queries[name], token=token) for name in names))
        return dict(zip(names, answers, strict=True))

    async def _within(self, seconds: float, base: str, path: str, wanted: int, *, token: str) -> Fetched:
        try:
            async with asyncio.timeout(seconds):
                return await self._search(f"{base.rstrip('/')}/{path}", origin_of(base), wanted, token)
        except TimeoutError:
            return Fetched(problem="no answer in time")

    async def _search(self, url: str, origin: tuple[str, str, int], wanted: int, token: str) -> Fetched:
        pages: list[bytes] = []
        entries = 0
        while True:
            body, problem = await self._get(url, token)
            if problem:
                return Fetched(problem=problem)
            pages.append(body)
            page = _read_page(body)
            entries += len(page.entry or ())
            following = _next_of(page, url)
            if not following or entries >= wanted:
                return Fetched(pages=tuple(pages), complete=not following)
            if len(pages) == PAGES or not _same(following, origin):
                return Fetched(pages=tuple(pages), complete=False)
            url = following

    async def _get(self, url: str, token: str) -> tuple[bytes, str]:
        headers = {"Accept": "application/fhir+json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with self._http.stream("GET", url, headers=headers, follow_redirects=False) as answer:
                if answer.status_code != 200:
                    return b"", f"HTTP {answer.status_code}"
                chunks: list[bytes] = []
                size = 0
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > self._largest:
                        return b"", "the answer is too large"
                    chunks.append(chunk)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            # Its text may hold the URL, and with it the patient: only the kind of fault is kept.
            _log.warning("fhir server failed", error=type(fault).__name__)
            return b"", f"no answer ({type(fault).__name__})"
        return b"".join(chunks), ""


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; BadInput if it is no http(s) address, or hides a user in it."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as fault:
        raise BadInput("not an http(s) address", place="fhirServer") from fault
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise BadInput("not an http(s) address", place="fhirServer", remedy="Write it as https://host[:port]/path")
    return parts.scheme, parts.hostname.lower().rstrip("."), port


def _same(url: str, origin: tuple[str, str, int]) -> bool:
    try:
        return origin_of(url) == origin
    except BadInput:
        return False


def _read_page(body: bytes) -> _Page:
    """The page's links and entries; what is no Bundle (a read resource, an OperationOutcome) has neither."""
    try:
        return _PAGE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Page()


def _next_of(page: _Page, url: str) -> str:
    """The next page's address, made absolute."""
    for link in page.link or ():
        if link.relation == "next" and isinstance(link.url, str) and link.url:
            try:
                return str(httpx.URL(url).join(link.url))
            except (httpx.InvalidURL, ValueError):
                return ""
    return ""
