"""Feedback: what clinicians did with cards. All that is well formed is kept, raw too: repeats, batches, unknown cards.

Epic sends `overrideReasons` (one object) where the specification says `overrideReason`, and ids that are no UUIDs.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec

from services.cds.decisions.records import Feedback
from services.plumbing.web import decode
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

MOST: Final = 1000  # entries in one batch

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class _Accepted(msgspec.Struct, frozen=True):
    id: _Text


class _Entry(msgspec.Struct, frozen=True):
    card: _Text
    outcome: Literal["accepted", "overridden"]
    acceptedSuggestions: list[_Accepted] | None = None  # noqa: N815 (as on the wire)
    overrideReason: Any = None  # noqa: N815
    overrideReasons: Any = None  # noqa: N815 (Epic; its shape is not promised, and `raw` keeps it)
    outcomeTimestamp: str = ""  # noqa: N815


class _Batch(msgspec.Struct, frozen=True):
    feedback: list[msgspec.Raw]


_BATCH: Final = msgspec.json.Decoder(_Batch)
_ENTRY: Final = msgspec.json.Decoder(_Entry)


def read_feedback(body: bytes, *, service: str, now: int) -> tuple[list[Feedback], list[str]]:
    """The entries that can be kept, and what is wrong with the others (so that one does not cost the rest)."""
    batch = decode(_BATCH, body)
    if len(batch.feedback) > MOST:
        raise BadInput(f"more than {MOST} entries", place="feedback", remedy="Send them in several batches")
    kept, faults = [], []
    for place, raw in enumerate(batch.feedback):
        try:
            kept.append(_read(bytes(raw), service=service, now=now, place=f"feedback[{place}]"))
        except BadInput as fault:
            faults.append(str(fault))
    return kept, faults


def _read(raw: bytes, *, service: str, now: int, place: str) -> Feedback:
    entry = decode(_ENTRY, raw, place=place)
    given = entry.overrideReason or entry.overrideReasons
    reason = given if isinstance(given, dict) else None
    said = entry.outcomeTimestamp
    at = parse_instant(said) if said else now
    if at == NAT:
        raise BadInput("outcomeTimestamp is no instant", place=place, remedy="Write it as 2026-01-31T12:00:00Z")
    comment = (reason or {}).get("userComment")
    return Feedback(
        feedback=sha256(service.encode() + b"\n" + _one_spelling(raw)).hexdigest(),
        service=service,
        card_uuid=entry.card.replace("\x00", ""),
        outcome=entry.outcome,
        accepted_suggestions=[accepted.id for accepted in entry.acceptedSuggestions or []],
        override_reason=reason,
        comment=comment.replace("\x00", "") if isinstance(comment, str) else None,
        at=at,
        received_at=now,
        raw=raw.decode(),
    )


def _one_spelling(raw: bytes) -> bytes:
    """The same content however its keys are ordered and spaced, so that a repeat is known as one."""
    order: Callable[[object], bytes] = msgspec.json.Encoder(order="deterministic").encode
    return order(msgspec.json.decode(raw))
