"""FHIR Bulk Data Access 2.0, the asking side: an export is begun, looked after, described, and deleted at the end."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from services.guidance.errors import Unavailable
from services.plumbing.steady_http import AGAIN, Answer, Server, SteadyHttp, printable, retry_after
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

MOST_FILES: Final = 100_000
_GONE: Final = frozenset({404, 410})
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_FORMAT: Final = "application/fhir+ndjson"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an export is to hold. `level`: `system`, `patient` (all patients) or `group`."""

    level: str = "system"
    group: str = ""
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    """`_typeFilter`s: `Observation?category=laboratory`."""

    def path(self) -> str:
        """Where the operation stands under the server's base."""
        if self.level == "group":
            if _ID.fullmatch(self.group) is None or not self.group.strip("."):
                raise BadInput("not the id of a Group", place="--group", remedy="Give it as in Group/ID")
            return f"Group/{self.group}/$export"
        return "Patient/$export" if self.level == "patient" else "$export"

    def query(self, since: str) -> str:
        """The parameters; `since` is the transaction time of the export before, "" for all there is."""
        given = [("_outputFormat", _FORMAT)]
        if since:
            given.append(("_since", since))
        if self.types:
            given.append(("_type", ",".join(self.types)))
        # Each of them as a parameter of its own: a filter may hold commas.
        given += [("_typeFilter", one) for one in self.filters]
        return urlencode(given, quote_via=quote)


class File(msgspec.Struct, frozen=True, rename="camel"):
    """One file of a finished export."""

    url: str
    type: str = ""
    count: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a finished export says of itself."""

    transaction_time: str
    requires_access_token: bool = True
    output: list[File] = []
    deleted: list[File] = []
    error: list[File] = []

    @property
    def at(self) -> int:
        """Up to when the data go, in microseconds."""
        return parse_instant(self.transaction_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """An export that is still being made."""

    progress: str
    wait: float | None
    """Seconds until the next question, if the server says."""


class Gone(Exception):
    """The server knows the export no more: it has expired, or was removed."""


class BulkExports:
    """What is asked of one server."""

    def __init__(self, steady: SteadyHttp, server: Server) -> None:
        self._steady = steady
        self._server = server

    async def begin(self, wanted: Wanted, *, since: str) -> str:
        """Ask for an export; the address at which it is looked after."""
        url = f"{self._server.base}/{wanted.path()}?{wanted.query(since)}"
        # Lenient: a server that lacks one of the types or parameters gives the others.
        headers = {"Accept": "application/fhir+json", "Prefer": "respond-async, handling=lenient"}
        answer = await self._steady.ask("GET", url, what="$export", headers=headers)
        status = answer.headers.get("content-location", "")
        if answer.status != 202 or not status:
            raise BadInput(
                f"no export was begun ({answer.status}{_said(answer)})",
                place=f"{self._steady.place}: {_shown(wanted)}",
                remedy="Does the server have $export at this level, for these types (--type, --filter)?",
            )
        return self._server.follow(status, what="the export", at=url)

    async def look(self, status: str) -> Manifest | Underway:
        """How it stands; Gone if the server does not know it any more, Unavailable if it failed."""
        answer = await self._steady.ask("GET", status, what="the export", headers={"Accept": "application/json"})
        if answer.status == 202:
            progress = printable(answer.headers.get("x-progress", ""), 100)
            return Underway(progress=progress, wait=retry_after(answer.headers))
        if answer.status in _GONE:
            raise Gone
        if answer.status != 200:
            raise Unavailable(
                f"the export failed ({answer.status}{_said(answer)})", place=self._steady.place, remedy=AGAIN
            )
        try:
            manifest = msgspec.json.decode(answer.body, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Unavailable("its manifest cannot be read", place=self._steady.place, remedy=AGAIN) from fault
        if manifest.at == NAT:
            raise Unavailable("its manifest has no transactionTime", place=self._steady.place)
        if len(manifest.output) + len(manifest.deleted) + len(manifest.error) > MOST_FILES:
            raise Unavailable(f"its manifest names more than {MOST_FILES:,} files", place=self._steady.place)
        return manifest

    def address(self, file: File, status: str) -> str:
        """Where a file is; BadInput if that is on an origin that nobody named."""
        return self._server.follow(file.url, what="a file", at=status)

    async def end(self, status: str) -> bool:
        """Tell the server that its files are not needed any more; whether it took that in."""
        answer = await self._steady.ask("DELETE", status, what="the export's end")
        return answer.status < 300 or answer.status in _GONE


def identity_of(server: Server, how: str, *parts: str) -> str:
    """A name for what is asked, always the same: increments go on from where that very question stopped."""
    text = "\n".join((how, str(server.base), *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Issue(msgspec.Struct):
    severity: str = ""
    code: str = ""
    diagnostics: str = ""


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


def _said(answer: Answer) -> str:
    """What an OperationOutcome says: the question named no patient, so neither does the answer."""
    try:
        issues = msgspec.json.decode(answer.body, type=_Outcome).issue
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    said = "; ".join(filter(None, (printable(one.diagnostics or one.code) for one in issues[:3])))
    return f": {said}" if said else ""


def _shown(wanted: Wanted) -> str:
    return "Group/…/$export" if wanted.level == "group" else wanted.path()
