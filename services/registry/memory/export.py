"""The ledger as a file that outlives the registry: one JSON line each for what it is, every entry, every signed head.

The text of an entry is carried as a string, byte for byte: its hash is over exactly those bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection

from services.guidance.manifest import LedgerHead
from services.registry.memory import ledger
from services.registry.memory.chain import Link
from services.timeline.errors import BadInput

FORMAT: Final = "knowdo-ledger-export"
_REMEDY: Final = "Write it with `knowdo registry export FILE`"


class _First(msgspec.Struct, tag_field="typ", tag=FORMAT):
    format: Literal[1]
    issuer: str
    head: LedgerHead


class _Entry(msgspec.Struct, tag_field="typ", tag="entry"):
    number: int
    entry: str
    hash: str


class _Signed(msgspec.Struct, tag_field="typ", tag="signed-head"):
    jws: str


_LINE: Final = msgspec.json.Decoder(_First | _Entry | _Signed)
_SUBJECT: Final = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export holds; `faults` are lines that cannot be read."""

    head: LedgerHead
    links: tuple[Link, ...]
    signed_heads: tuple[str, ...]
    faults: tuple[str, ...] = ()


def export(connection: Connection, *, issuer: str) -> Iterator[bytes]:
    """The lines of the whole ledger as it stands; one snapshot, whatever is written meanwhile."""
    yield _line(_First(format=1, issuer=issuer, head=ledger.head(connection)))
    for number, _, text, kept in ledger.links(connection):
        yield _line(_Entry(number=number, entry=text, hash=kept))
    for jws in ledger.signed_heads(connection):
        yield _line(_Signed(jws=jws))


def read_export(data: bytes, *, place: str) -> Exported:
    """An export as it was written; a line that cannot be read is a fault of it, BadInput if it is no export at all."""
    lines = data.splitlines()
    try:
        first = _LINE.decode(lines[0]) if lines else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        first = None
    if not isinstance(first, _First):
        raise BadInput("not an export of a ledger", place=place, remedy=_REMEDY)
    links: list[Link] = []
    signed: list[str] = []
    faults: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            found = _LINE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            faults.append(f"line {number} cannot be read (after entry {links[-1][0] if links else 0})")
            continue
        if isinstance(found, _Entry):
            links.append((found.number, _subject(found.entry), found.entry, found.hash))
        elif isinstance(found, _Signed):
            signed.append(found.jws)
    return Exported(head=first.head, links=tuple(links), signed_heads=tuple(signed), faults=tuple(faults))


def _subject(entry: str) -> str:
    """An export files entries under their own subject; one that cannot be read is found by its hash."""
    try:
        return str(_SUBJECT.decode(entry).get("subject", ""))
    except msgspec.DecodeError:
        return ""


def _line(one: msgspec.Struct) -> bytes:
    return msgspec.json.encode(one) + b"\n"
