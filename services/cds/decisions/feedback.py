"""Feedback: what clinicians did with cards. All that can be read is kept, raw too: repeats, batches, unknown cards.

The schema is that of CDS Hooks 3.0 with its invariants. What a client leaves out against it is kept and noted, for the
outcome is worth more than the form; what says something else than a clinician can have done is refused: "ignored" is
found out by time-out (`ignored`), never claimed. Names that a client has for its own stand in its profile.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec

from services.cds.clients.profile import Profile
from services.cds.decisions.records import Feedback
from services.plumbing.web import decode
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, parse_instant

MOST: Final = 1000  # entries in one batch
OUTCOMES: Final = frozenset({"accepted", "overridden"})
REASON_KEYS: Final = frozenset({"overrideReason", "overrideReasons"})
"""Every name of the reason that was seen; which of them is read, the profile says."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PREFIX: Final = "urn:uuid:"  # the logical model's implied prefix; some clients write it out
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class _Accepted(msgspec.Struct, frozen=True):
    id: _Text


class _Entry(msgspec.Struct, frozen=True):
    card: _Text
    outcome: _Text
    acceptedSuggestions: list[_Accepted] | None = None  # noqa: N815 (as on the wire)
    outcomeTimestamp: str = ""  # noqa: N815


class _Batch(msgspec.Struct, frozen=True):
    feedback: list[msgspec.Raw]


_BATCH: Final = msgspec.json.Decoder(_Batch)
_ENTRY: Final = msgspec.json.Decoder(_Entry)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One batch, read: what is kept, what is wrong with the rest (so that one does not cost the others), what is odd."""

    kept: list[Feedback]
    faults: list[str]
    odd: Counter[str] = field(default_factory=Counter)
    """In what the kept entries leave the specification, and how many of them: for the log, without their content."""


def read_feedback(body: bytes, *, service: str, now: int, profile: Profile) -> Said:
    """The entries of one batch; BadInput if it is none. `now` in microseconds since 1970 UTC."""
    batch = decode(_BATCH, body)
    if len(batch.feedback) > MOST:
        raise BadInput(f"more than {MOST} entries", place="$.feedback", remedy="Send them in several batches")
    said = Said(kept=[], faults=[])
    for place, raw in enumerate(batch.feedback):
        try:
            where = f"$.feedback[{place}]"
            one = _read(bytes(raw), service=service, now=now, place=where, profile=profile, odd=said.odd)
        except BadInput as fault:
            said.faults.append(str(fault))
        else:
            said.kept.append(one)
    return said


def _read(raw: bytes, *, service: str, now: int, place: str, profile: Profile, odd: Counter[str]) -> Feedback:
    entry = decode(_ENTRY, raw, place=place)
    if entry.outcome not in OUTCOMES:  # cds-fb-1
        raise BadInput(
            "ignored is found out here by time-out, not reported" if entry.outcome == "ignored" else "no such outcome",
            place=f"{place}.outcome",
            remedy="Send what a clinician did: accepted or overridden",
        )
    at = parse_instant(entry.outcomeTimestamp) if entry.outcomeTimestamp else now
    if at == NAT:
        raise BadInput("no instant", place=f"{place}.outcomeTimestamp", remedy="Write it as 2026-01-31T12:00:00Z")
    card = entry.card.replace("\x00", "").removeprefix(_PREFIX)
    fields = decode(_FIELDS, raw, place=place)
    reason = _reason(fields, profile, odd)
    comment = (reason or {}).get("userComment")
    odd.update(_left_out(entry, card, profile))
    return Feedback(
        feedback=sha256(service.encode() + b"\n" + _one_spelling(fields)).hexdigest(),
        service=service,
        card_uuid=card,
        outcome=entry.outcome,
        accepted_suggestions=[accepted.id.removeprefix(_PREFIX) for accepted in entry.acceptedSuggestions or []],
        override_reason=reason,
        comment=comment.replace("\x00", "") if isinstance(comment, str) else None,
        at=at,
        received_at=now,
        raw=raw.decode(),
    )


def _left_out(entry: _Entry, card: str, profile: Profile) -> list[str]:
    """What the specification requires and this entry has not."""
    found = []
    if not entry.outcomeTimestamp:
        found.append("no outcomeTimestamp: the time of its arrival is kept")
    if entry.outcome == "accepted" and not entry.acceptedSuggestions:
        found.append("accepted, and no acceptedSuggestions (cds-fb-2)")
    if profile.feedback.uuids and not _UUID.fullmatch(card):
        found.append("the card's id is no UUID")
    return found


def _reason(fields: Mapping[str, Any], profile: Profile, odd: Counter[str]) -> dict[str, Any] | None:
    """The override reason under the name that this client has for it; anything else stays in the raw entry."""
    if foreign := [key for key in fields if key in REASON_KEYS and key not in profile.feedback.reason_keys]:
        odd[f"{foreign[0]}: not this client's name of a reason; is its profile right?"] += 1
    given = next((fields[key] for key in profile.feedback.reason_keys if fields.get(key)), None)
    if given is None:
        return None
    if not isinstance(given, dict):
        odd["the override reason is no object"] += 1
        return None
    if not any(given.get(key) for key in ("reason", "userComment", "extension")):  # Epic: reasons of its own build
        odd["an override reason without reason or userComment (cds-fb-3)"] += 1
    return given


def _one_spelling(fields: Mapping[str, Any]) -> bytes:
    """The same content however its keys are ordered and spaced, so that a repeat is known as one."""
    return msgspec.json.encode(fields, order="deterministic")
