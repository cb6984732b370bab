"""One answer of a FHIR server, taken in as it streams: no more of it than was agreed, and only if it is FHIR's JSON.

An answer is unpacked here and not by httpx, which unpacks a whole piece before anyone can count it: a few kilobytes on
the line may be gigabytes in memory.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import Final, Literal

import httpx
import msgspec

Problem = Literal[
    "server not on the allow-list", "plain http refused", "address refused", "token unusable",
    "no answer in time", "no connection", "answer broken off",
    "refused (401)", "forbidden (403)", "not found (404)", "too many requests (429)", "redirect not followed",
    "server fault (5xx)", "unexpected status",
    "answer too large", "compressed beyond measure", "unknown encoding", "not FHIR's JSON",
]  # fmt: skip
"""Everything that can come of asking, in words that hold no patient: for the answer of 412, the log and the metrics."""

RATIO: Final = 200
"""How many bytes a packed one may become. Bundles pack 10 to 40 to one."""
FREE: Final = 100_000  # of an answer so small the ratio says nothing
_STATUS: Final[dict[int, Problem]] = {
    401: "refused (401)", 403: "forbidden (403)", 404: "not found (404)", 410: "not found (404)",
    429: "too many requests (429)",
}  # fmt: skip


class Refused(Exception):
    """An answer that is none; its name is all that is known of it."""

    def __init__(self, problem: Problem) -> None:
        self.problem: Problem = problem
        super().__init__(problem)


@dataclass(slots=True, kw_only=True)
class Budget:
    """What is left of one call's time and bytes, shared by all that is asked for it."""

    ends: float
    """By `time.monotonic`."""
    bytes_left: int

    def seconds(self) -> float:
        """Until the end; 0 if it has passed."""
        return max(0.0, self.ends - time.monotonic())

    def take(self, size: int) -> None:
        """Account for bytes that came; Refused if they are too many."""
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise Refused("answer too large")


async def read_answer(answer: httpx.Response, *, largest: int, budget: Budget) -> bytes:
    """The body, unpacked; Refused if the status, the type, the size or the packing is not what was agreed."""
    if answer.status_code != 200:
        raise Refused(_problem_of(answer.status_code))
    declared = answer.headers.get("content-length", "")
    if declared.isascii() and declared.isdecimal() and int(declared[:20]) > largest:
        raise Refused("answer too large")
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    # `application/fhir+json`; also `application/json`, `application/json+fhir` and `text/json` as servers write.
    if not kind.startswith(("application/", "text/")) or "json" not in kind:
        raise Refused("not FHIR's JSON")
    match answer.headers.get("content-encoding", "").strip().lower():
        case "" | "identity":
            return await _plain(answer, largest, budget)
        case "gzip" | "x-gzip":
            return await _unpacked(answer, largest, budget)
    raise Refused("unknown encoding")


async def _plain(answer: httpx.Response, largest: int, budget: Budget) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_raw():
        budget.take(len(chunk))
        body += chunk
        if len(body) > largest:
            raise Refused("answer too large")
    return bytes(body)


async def _unpacked(answer: httpx.Response, largest: int, budget: Budget) -> bytes:
    body = bytearray()
    packed = 0
    gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    async for chunk in answer.aiter_raw():
        packed += len(chunk)
        # Never more at once than may still come.
        room = largest - len(body) + 1
        try:
            piece = gzip.decompress(chunk, room)
        except zlib.error as fault:
            raise Refused("answer broken off") from fault
        budget.take(len(piece))
        body += piece
        if len(body) > FREE and len(body) > packed * RATIO:
            raise Refused("compressed beyond measure")
        if len(body) > largest or gzip.unconsumed_tail:
            raise Refused("answer too large")
        if gzip.unused_data:
            raise Refused("answer broken off")
    if packed and not gzip.eof:
        raise Refused("answer broken off")
    return bytes(body)


def _problem_of(status: int) -> Problem:
    if status in _STATUS:
        return _STATUS[status]
    if status >= 500:
        return "server fault (5xx)"
    return "redirect not followed" if 300 <= status < 400 else "unexpected status"


class _Page(msgspec.Struct, gc=False):
    link: msgspec.Raw = msgspec.Raw(b"[]")
    entry: msgspec.Raw = msgspec.Raw(b"[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What paging needs of an answer: how many entries it has, and the link to more of them (None: there is no more)."""

    entries: int
    following: str | None
    """Empty if there is more, and nobody can tell where."""


_PAGE: Final = msgspec.json.Decoder(_Page)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_LINK: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT: Final = msgspec.json.Decoder(str)


def read_page(body: bytes) -> Page:
    """The page's entries and link; Refused if it is no JSON object."""
    try:
        page = _PAGE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Refused("not FHIR's JSON") from fault
    try:
        entries = len(_LIST.decode(page.entry))
    except msgspec.DecodeError:
        entries = 0
    return Page(entries=entries, following=following_of(page.link))


def following_of(link: msgspec.Raw) -> str | None:
    """The address of the next page in a Bundle's `link`; None if there is none, empty if it cannot be read."""
    try:
        links = [_LINK.decode(one) for one in _LIST.decode(link)]
        for one in links:
            if "relation" in one and _TEXT.decode(one["relation"]) == "next":
                return _TEXT.decode(one.get("url", b'""'))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""  # what cannot be read may hide a next page
    return None
