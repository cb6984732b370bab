"""Walking the chain: what a link must hold, and what witnesses say of it. Pure: the entries may come from anywhere.

Every fault names the entry that it is about. After an altered entry the walk goes on from the hash that was kept, so
that one fault is one line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import msgspec

from services.guidance.errors import BadManifest
from services.guidance.manifest import LedgerHead
from services.plumbing.keys import PublicKeys, verify
from services.registry.memory.ledger import GENESIS, HEAD_TYPE

MOST_FAULTS: Final = 20  # one broken link is enough to act on; a list of 100,000 is not read
Link = tuple[int, str, str, str]
"""(number, subject it is filed under, canonical text, kept hash)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An entry that was withheld from who made the export: its place in the chain, without what it says."""

    number: int
    prev: str
    hash: str


class _Linked(msgspec.Struct):
    """The fields of an entry that make the chain, and the one it is found by."""

    number: int
    prev: str
    subject: str


_LINKED: Final = msgspec.json.Decoder(_Linked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What walking the whole chain found."""

    entries: int
    head: LedgerHead
    witnesses: int
    """Signed statements about the chain that were compared with it."""
    withheld: int = 0
    """Entries whose text was not there: they stand in the chain by their hashes, and what they say was not looked at."""
    faults: tuple[str, ...] = field(default=())

    @property
    def is_whole(self) -> bool:
        """True if nothing was altered, moved, removed or cut off."""
        return not self.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Someone's signed word that entry `number` had `hash`."""

    name: str
    number: int
    hash: str


def witness_of(signed: str, keys: PublicKeys, *, name: str) -> Witness:
    """What a signed manifest or a signed daily head says about the chain; BadManifest if it is neither."""
    payload = verify(signed, keys)
    said = payload if payload.get("typ") == HEAD_TYPE else payload.get("ledger")
    if not isinstance(said, dict) or type(said.get("number")) is not int or not isinstance(said.get("hash"), str):
        raise BadManifest("it names no entry of a ledger", place=name, remedy="Give a manifest or a daily head")
    return Witness(name=name, number=said["number"], hash=said["hash"])


def verify_chain(
    links: Iterable[Link | Sealed], kept_head: LedgerHead, witnesses: Iterable[Witness] = ()
) -> Verification:
    """Walk the chain from its first entry to its last and hold it against the kept head and the witnesses."""
    awaited: dict[int, list[Witness]] = {}
    compared = 0
    for witness in witnesses:
        awaited.setdefault(witness.number, []).append(witness)
        compared += 1
    faults: list[str] = []
    count, previous, withheld = 0, GENESIS, 0
    for link in links:
        if isinstance(link, Sealed):
            number, kept, digest = link.number, link.hash, link.hash
            fault = _order_fault(count, number) or _prev_fault(number, link.prev, previous)
            withheld += 1
        else:
            number, subject, text, kept = link
            digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            fault = f"entry {number} was altered" if digest != kept else None
            fault = fault or _link_fault(count, number, subject, text, previous)
        if fault and len(faults) < MOST_FAULTS:
            faults.append(fault)
        faults.extend(_denied(awaited.pop(number, ()), digest))
        count, previous = number, kept
    if (kept_head.number, kept_head.hash) != (count, previous):
        faults.append(_end_fault(count, kept_head))
    faults.extend(
        f"{witness.name} names entry {witness.number}, which is not there: the ledger was cut"
        for number, missing in sorted(awaited.items())
        for witness in missing
        if number > 0
    )
    return Verification(
        entries=count,
        head=LedgerHead(count, previous),
        witnesses=compared,
        withheld=withheld,
        faults=tuple(faults),
    )


def _end_fault(count: int, kept: LedgerHead) -> str:
    if kept.number > count:
        return f"the ledger ends at entry {count}, and its kept head is entry {kept.number}: it was cut"
    if kept.number < count:
        return (
            f"the ledger goes on to entry {count}, and its kept head is entry {kept.number}: entries were put behind it"
        )
    return f"the kept head of entry {count} has another hash than the entry: one of them was rewritten"


def _link_fault(before: int, number: int, subject: str, text: str, previous: str) -> str | None:
    """What is wrong with one link."""
    if fault := _order_fault(before, number):
        return fault
    try:
        linked = _LINKED.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return f"entry {number} cannot be read"
    if linked.number != number:
        return f"entry {number} calls itself {linked.number}: entries were reordered"
    if fault := _prev_fault(number, linked.prev, previous):
        return fault
    if linked.subject != subject:
        return f"entry {number} is filed under another subject than its own"
    return None


def _prev_fault(number: int, prev: str, previous: str) -> str | None:
    return None if prev == previous else f"entry {number} does not follow entry {number - 1}"


def _order_fault(before: int, number: int) -> str | None:
    if number == before:
        return f"entry {number} is there twice: the ledger was forked"
    if number < before:
        return f"entry {number} stands after entry {before}: entries were reordered"
    if number > before + 1:
        gone = f"entry {before + 1} is" if number == before + 2 else f"entries {before + 1} to {number - 1} are"
        return f"{gone} missing"
    return None


def _denied(witnesses: Iterable[Witness], digest: str) -> list[str]:
    return [
        f"{witness.name} says that entry {witness.number} was another one: it was rewritten"
        for witness in witnesses
        if witness.hash != digest
    ]
