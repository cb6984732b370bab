"""What is kept in the decision log, and what becomes of each record when it is written."""

from __future__ import annotations

from typing import Any

import msgspec

from services.cds.advice.suppress import Quiet
from services.cds.decisions.decision import Decision


class Feedback(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="feedback"):
    """What a clinician did with a card. `feedback` is a digest of what was sent: a repeat has the same."""

    feedback: str
    service: str
    card_uuid: str
    outcome: str
    accepted_suggestions: list[str]
    override_reason: dict[str, Any] | None
    comment: str | None
    at: int
    received_at: int
    raw: str


class Token(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="token"):
    """A caller's token that was used once, kept until it expires by itself."""

    iss: str
    jti: str
    expires_at: int


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="decision"):
    """A decision to be kept, and what the policy asks of its card: what was said before may still silence it."""

    decision: Decision
    quiet: Quiet | None = None
    jti: str = ""
    """Of the token that the call came with: if that was used before, nothing is shown. Empty for an open service."""


Record = Entry | Feedback | Token
Outcome = Decision | bool
"""What became of a record: the decision as it was kept; whether feedback was new; whether a token was unseen."""
