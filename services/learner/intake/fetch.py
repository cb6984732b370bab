"""A hospital's server into the event store: fetched to the disk, ingested in one step, and next time only what changed.

Killed at any moment, the same command goes on where it was. What was fetched lies under `fetching/` in the store's folder,
readable by its owner alone, until it is in the store. The place up to which a server was read stands in the store's
manifest, and moves in the same step in which the events come.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from services.guidance.errors import Unavailable
from services.learner.intake.fetch_export import ExportFetch
from services.learner.intake.fetch_search import SearchFetch
from services.learner.intake.fetch_state import FOLDER, Desk, FetchState, desk
from services.learner.intake.fetch_troubles import troubles_of
from services.learner.intake.ingest import Fetched, IngestReport, ingest
from services.plumbing.backend_services import BackendServices, ClientKey, TokenFile
from services.plumbing.bulk_export import BulkExports, Wanted, identity_of
from services.plumbing.event_store import Cursor, EventStore
from services.plumbing.steady_http import NoToken, Server, SteadyHttp, Tokens, open_steady
from services.timeline.instants import parse_instant
from services.timeline.resources import READ

SCOPE: Final = "system/*.rs"
ALL: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """As whom the server is asked: with a key (SMART Backend Services), a token in a file, or as nobody."""

    client: str = ""
    key: Path | None = None
    scope: str = SCOPE
    token_url: str = ""
    token_file: Path | None = None

    def tokens(self, plain: SteadyHttp, server: Server) -> Tokens:
        """Where its tokens come from."""
        if self.key is not None:
            key = ClientKey.load(self.key)
            return BackendServices(
                plain, server, client=self.client, key=key, scope=self.scope, token_url=self.token_url
            )
        return TokenFile(self.token_file) if self.token_file is not None else NoToken()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a server: a bulk export, or searches where it has none."""

    server: Server
    wanted: Wanted = field(default_factory=Wanted)
    searches: tuple[str, ...] = ()
    by_search: bool = False

    @property
    def types(self) -> tuple[str, ...]:
        """As wanted, else what Knowdo reads; none where everything is."""
        return () if self.wanted.types == (ALL,) else self.wanted.types or tuple(sorted(READ))

    @property
    def export(self) -> Wanted:
        """The export to ask for."""
        return msgspec.structs.replace(self.wanted, types=self.types)

    @property
    def queries(self) -> tuple[str, ...]:
        """The searches to ask for: as wanted, else one for each type."""
        return self.searches or self.types or tuple(sorted(READ))

    @property
    def identity(self) -> str:
        """A name for just this question: with another type or filter it begins anew."""
        if self.by_search:
            return identity_of(self.server, "search", *sorted(self.queries))
        wanted = self.wanted
        parts = (wanted.level, wanted.group, *sorted(self.types), "filters", *sorted(wanted.filters))
        return identity_of(self.server, "export", *parts)

    @property
    def name(self) -> str:
        """What people call it."""
        how = "searches" if self.by_search else f"{self.wanted.level} export"
        return f"{self.server.base} ({how})"


class FetchReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a fetch went: what `knowdo learner fetch --json` prints."""

    source: str
    since: str
    """Only what changed since then was asked for; "" if everything was."""
    until: str
    """Up to when the data go, as the server says: what the next run asks from, unless something is missing."""
    resumed: bool
    """Whether an earlier run was gone on with."""
    exports_begun: int
    files: int
    bytes: int
    seconds: float
    ended: bool
    """Whether the server was told that its files are not needed any more; true where there is nothing to tell."""
    ingest: IngestReport


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told how far it is."""

    on_stage: Callable[[str], None] = lambda _: None
    on_bytes: Callable[[int], None] = lambda _: None


def fetch(
    question: Question,
    account: Account,
    folder: Path,
    *,
    since: str | None = None,
    hours: float = 24.0,
    largest: int = 2**40,
    private: Sequence[str] = (),
    keep: Path | None = None,
    accept_errors: bool = False,
    workers: int | None = None,
    buckets: int | None = None,
    terminology: Path | None = None,
    quality: bool = True,
    watch: Watch | None = None,
) -> FetchReport:
    """Fetch and ingest, and say how it went.

    `since`: "" for everything; left out, from where the last fetch of the same stopped. `keep`: a folder that gets the files.
    `accept_errors`: go on from here next time even if the server says that something is missing.
    """
    began, watch = time.perf_counter(), watch or Watch()
    store = EventStore.open_or_create(folder, buckets=buckets)
    read_to = store.since(question.identity)
    asked = read_to if since is None else since
    session = _Session(question, account, private=private)
    with desk(folder / FOLDER / question.identity) as held:
        left = held.read()
        if since is None and left is not None and left.whole and left.transaction_time == asked:
            held.forget()  # a run was killed between the store and the tidying up
        found = session.run(lambda asks: asks.fetch(held, asked, hours, largest, watch))
        state = found.state
        files = [one for one in state.files if one.kind != "error"]
        # Asked from later than where the last fetch stopped: what lies between is still to be asked for.
        gap = bool(read_to) and parse_instant(asked) > parse_instant(read_to)
        cursor = Cursor(source=question.identity, name=question.name, since=read_to if gap else state.transaction_time)
        report = ingest(
            held.files,
            folder,
            workers=workers,
            terminology=terminology,
            quality=quality,
            fetched=Fetched(
                cursor=cursor,
                at=parse_instant(state.transaction_time),
                troubles=troubles_of(held, state, accept=accept_errors),
            ),
            on_stage=watch.on_stage,
        )
        if keep is not None:
            shutil.copytree(held.files, keep / state.transaction_time.replace(":", "-"), dirs_exist_ok=True)
        ended = session.run(lambda asks: asks.end(state))
        held.forget()
    return FetchReport(
        source=question.name,
        since=asked,
        until=state.transaction_time,
        resumed=found.resumed,
        exports_begun=found.begun,
        files=len(files),
        bytes=sum(one.bytes for one in files),
        seconds=round(time.perf_counter() - began, 3),
        ended=ended,
        ingest=report,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    state: FetchState
    resumed: bool
    begun: int


class _Asks:
    """What is asked while the connections are open."""

    def __init__(self, question: Question, steady: SteadyHttp) -> None:
        self._question = question
        self._steady = steady

    async def fetch(self, held: Desk, since: str, hours: float, largest: int, watch: Watch) -> _Found:
        """Everything to the disk."""
        question, steady = self._question, self._steady
        if question.by_search:
            search = SearchFetch(
                steady, question.server, held, question.queries, since=since,
                on_stage=watch.on_stage, on_bytes=watch.on_bytes,
            )  # fmt: skip
            state = await search.run()
            return _Found(state=state, resumed=search.resumed, begun=0)
        export = ExportFetch(
            steady, BulkExports(steady, question.server), held, question.export, since=since, hours=hours,
            largest=largest, on_stage=watch.on_stage, on_bytes=watch.on_bytes,
        )  # fmt: skip
        state = await export.run()
        return _Found(state=state, resumed=export.resumed, begun=export.begun)

    async def end(self, state: FetchState) -> bool:
        """Tell the server that its files may go; it matters to nobody's data if it does not hear it."""
        if not state.status:
            return True
        with suppress(Unavailable):
            return await BulkExports(self._steady, self._question.server).end(state.status)
        return False


class _Session:
    """Opens the connections to the server, for as long as something is asked."""

    def __init__(self, question: Question, account: Account, *, private: Sequence[str]) -> None:
        self._question = question
        self._account = account
        self._private = private

    def run(self, act: Callable[[_Asks], Coroutine[Any, Any, Any]]) -> Any:
        """One thing that is asked."""

        async def connected() -> Any:
            server = self._question.server
            async with open_steady(server, private=self._private) as http:
                return await act(_Asks(self._question, self._steady(http, server)))

        return asyncio.run(connected())

    def _steady(self, http: httpx.AsyncClient, server: Server) -> SteadyHttp:
        place = str(server.base.origin)
        plain = SteadyHttp(http=http, place=place)
        return SteadyHttp(http=http, place=place, tokens=self._account.tokens(plain, server))
