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
from services.registry.decisions.blind import WHY, WITHHELD
from services.registry.memory import ledger
from services.registry.memory.chain import Link, Sealed
from services.timeline.errors import BadInput

FORMAT: Final = "knowdo-ledger-export"
_REMEDY: Final = "Write it with `knowdo registry export FILE`"


class _First(msgspec.Struct, tag_field="typ", tag=FORMAT, omit_defaults=True):
    format: Literal[1]
    issuer: str
    head: LedgerHead
    withheld: int = 0
    """How many entries are withheld from who asked for the export."""


class _Entry(msgspec.Struct, tag_field="typ", tag="entry"):
    number: int
    entry: str
    hash: str


class _Withheld(msgspec.Struct, tag_field="typ", tag=WITHHELD):
    number: int
    at: str
    prev: str
    hash: str
    why: str


class _Signed(msgspec.Struct, tag_field="typ", tag="signed-head"):
    jws: str


_LINE: Final = msgspec.json.Decoder(_First | _Entry | _Withheld | _Signed)
_SUBJECT: Final = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export holds; `faults` are lines that cannot be read."""

    head: LedgerHead
    links: tuple[Link | Sealed, ...]
    signed_heads: tuple[str, ...]
    faults: tuple[str, ...] = ()

    @property
    def withheld(self) -> int:
        """Entries of which only the hashes are there."""
        return sum(isinstance(link, Sealed) for link in self.links)


def export(connection: Connection, *, issuer: str, withheld: frozenset[int]) -> Iterator[bytes]:
    """The lines of the whole ledger as it stands; one snapshot, whatever is written meanwhile.

    Of the entries in `withheld` only what the chain needs: their number, time and hashes.
    """
    yield _line(_First(format=1, issuer=issuer, head=ledger.head(connection), withheld=len(withheld)))
    for number, _, text, kept in ledger.links(connection):
        if number in withheld:
            entry = _SUBJECT.decode(text)
            yield _line(_Withheld(number=number, at=entry["at"], prev=entry["prev"], hash=kept, why=WHY))
        else:
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
    links: list[Link | Sealed] = []
    signed: list[str] = []
    faults: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            found = _LINE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            faults.append(f"line {number} cannot be read (after entry {_number(links[-1]) if links else 0})")
            continue
        if isinstance(found, _Entry):
            links.append((found.number, _subject(found.entry), found.entry, found.hash))
        elif isinstance(found, _Withheld):
            links.append(Sealed(number=found.number, prev=found.prev, hash=found.hash))
        elif isinstance(found, _Signed):
            signed.append(found.jws)
    return Exported(head=first.head, links=tuple(links), signed_heads=tuple(signed), faults=tuple(faults))


def _subject(entry: str) -> str:
    """An export files entries under their own subject; one that cannot be read is found by its hash."""
    try:
        return str(_SUBJECT.decode(entry).get("subject", ""))
    except msgspec.DecodeError:
        return ""


def _number(link: Link | Sealed) -> int:
    return link.number if isinstance(link, Sealed) else link[0]


def _line(one: msgspec.Struct) -> bytes:
    return msgspec.json.encode(one) + b"\n"
