"""FHIR REST searches on their way to the disk: page after page, and taken up again at the page where a run was killed.

For servers without bulk export. A search tells nothing of what was deleted: that only an export does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from services.guidance.errors import Unavailable
from services.learner.intake.fetch_state import Desk, FetchState, WantedFile
from services.plumbing.fhir_answer import following_of
from services.plumbing.steady_http import AGAIN, Server, SteadyHttp
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, instant_text, parse_instant

COUNT: Final = 500
OVERLAP: Final = 60_000_000
"""Microseconds by which the next increment overlaps this one: what was being stored meanwhile comes twice rather than never."""
_QUERY: Final = re.compile(r"[A-Z][A-Za-z]{1,39}(\?[\x21-\x7e]*)?")
_OURS: Final = frozenset({"_lastUpdated", "_format", "_summary", "_elements"})


class _Searched(msgspec.Struct):
    mode: str = ""


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"null")
    search: _Searched | None = None


class _Page(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    link: msgspec.Raw = msgspec.Raw(b"[]")
    entry: list[_Entry] = []


_decode: Final = msgspec.json.Decoder(_Page).decode


def check_search(text: str) -> str:
    """A search as somebody wrote it: `Observation?category=laboratory`; BadInput if it is none, or says what is ours to say."""
    if _QUERY.fullmatch(text) is None:
        raise BadInput("not a search", place="--search", remedy="Write it as Observation?category=laboratory")
    if taken := sorted(_OURS & {name for name, _ in _criteria(text)[1]}):
        raise BadInput(f"{', '.join(taken)} is set by the fetch itself", place="--search", remedy="Leave it out")
    return text


def queries_of(searches: Sequence[str], *, since: str) -> list[str]:
    """What to ask: of an increment, only what changed.

    `_revinclude` is followed from resources that changed. What hangs on one that did not is asked for by itself, with
    the same criteria chained: `Patient?organization=x&_revinclude=Observation:patient` also as
    `Observation?patient:Patient.organization=x`.
    """
    asked: list[str] = []
    for search in searches:
        kind, criteria = _criteria(search)
        asked.append(_query(kind, criteria, since))
        if since:
            asked += [
                _query(*_chained(kind, criteria, value), since) for name, value in criteria if name == "_revinclude"
            ]
    return list(dict.fromkeys(asked))


class SearchFetch:
    """Some searches. `run` is all of them; after each page the state says where the next one is."""

    def __init__(
        self, steady: SteadyHttp, server: Server, desk: Desk, searches: Sequence[str], *, since: str,
        on_stage: Callable[[str], None], on_bytes: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._steady = steady
        self._server = server
        self._desk = desk
        self._searches = searches
        self._since = since
        self._on_stage = on_stage
        self._on_bytes = on_bytes
        self.resumed = False

    async def run(self) -> FetchState:
        """The state when everything is on the disk."""
        state = self._desk.read()
        queries = queries_of(self._searches, since=self._since)
        self.resumed = state is not None and state.since == self._since and len(state.files) == len(queries)
        if state is None or not self.resumed:
            self._desk.forget()
            state = FetchState(since=self._since, files=[self._file(n, one) for n, one in enumerate(queries, start=1)])
            state.transaction_time = instant_text(await self._clock() - OVERLAP)
            self._desk.keep(state)
        for file, query in zip(state.files, queries, strict=True):
            if not file.done:
                await self._read(state, file, f"{self._server.base}/{query}")
        return state

    def _file(self, number: int, query: str) -> WantedFile:
        return WantedFile(kind="output", name=f"search-{number:05d}-{query.partition('?')[0]}.ndjson", url="")

    async def _clock(self) -> int:
        """The server's own time: it is by that clock that it says what changed since."""
        answer = await self._steady.ask("GET", f"{self._server.base}/metadata?_summary=true", what="metadata")
        try:
            at = datetime.strptime(answer.headers.get("date", ""), "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=UTC)
        except ValueError:
            at = datetime.now(UTC)
        return round(at.timestamp() * 1e6)

    async def _read(self, state: FetchState, file: WantedFile, first: str) -> None:
        """All pages of one search, from the one that is due."""
        path, seen = self._desk.files / file.name, set[str]()
        kind = file.name.split("-")[-1].partition(".")[0]
        url = file.url or first
        while url:
            if url in seen:
                raise Unavailable("it sends the same page again and again", place=f"{self._steady.place}: {kind}")
            seen.add(url)
            answer = await self._steady.ask("GET", url, what=kind, headers={"Accept": "application/fhir+json"})
            if answer.status in (404, 410) and file.url:  # pages are kept for some minutes only: this search anew
                file.url, file.bytes, url = "", 0, first
                seen.clear()
                continue
            if answer.status != 200:
                raise BadInput(
                    f"the search is not answered ({answer.status})",
                    place=f"{self._steady.place}: {kind}",
                    remedy="Does the server have this type, and these parameters (--search)?",
                )
            lines, following = _lines(answer.body, place=f"{self._steady.place}: {kind}")
            _append(path, lines, at=file.bytes)
            file.bytes += len(lines)
            self._on_bytes(len(lines))
            url = file.url = self._server.follow(following, what="the next page", at=url) if following else ""
            file.done = not url
            self._on_stage(f"searching {kind}")
            self._desk.keep(state)


def _lines(body: bytes, *, place: str) -> tuple[bytes, str]:
    """The resources of a page as lines, and the link to the next page ("" if there is none)."""
    try:
        page = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Unavailable("not a Bundle of FHIR", place=place, remedy=AGAIN) from fault
    following = following_of(page.link)
    if page.resource_type != "Bundle" or following == "":
        raise Unavailable("not a Bundle of FHIR, or its next page cannot be found", place=place, remedy=AGAIN)
    kept = bytearray()
    for entry in page.entry:
        if entry.search is None or entry.search.mode != "outcome":
            # Within JSON's texts there is no bare line break, so none of these matters.
            kept += bytes(entry.resource).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
    return bytes(kept), following or ""


def _append(path: Path, lines: bytes, *, at: int) -> None:
    """Write at this place: what a killed run wrote and did not note is written over."""
    with path.open("r+b" if path.is_file() else "w+b") as file:
        file.truncate(at)
        file.seek(at)
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def _criteria(search: str) -> tuple[str, list[tuple[str, str]]]:
    kind, _, query = search.partition("?")
    return kind, parse_qsl(query, keep_blank_values=True)


def _query(kind: str, criteria: Sequence[tuple[str, str]], since: str) -> str:
    asked = list(criteria)
    if "_count" not in dict(asked):
        asked.append(("_count", str(COUNT)))
    if since:
        asked.append(("_lastUpdated", f"ge{since}"))
    return f"{kind}?{urlencode(asked, quote_via=quote, safe=':,|')}"


def _chained(kind: str, criteria: Sequence[tuple[str, str]], revinclude: str) -> tuple[str, list[tuple[str, str]]]:
    """What a `_revinclude` brings (`Observation:patient`), as a search of its own under the same criteria."""
    other, _, parameter = revinclude.partition(":")
    parameter = parameter.partition(":")[0]
    own = [(name, value) for name, value in criteria if not name.startswith("_") or name == "_id"]
    return other, [(f"{parameter}:{kind}.{name}", value) for name, value in own]


def check_since(text: str) -> str:
    """A moment from the command line."""
    if text and parse_instant(text) == NAT:
        raise BadInput("no instant", place="--since", remedy="Write it as 2026-01-31T00:00:00Z")
    return text
