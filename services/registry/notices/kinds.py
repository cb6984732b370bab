"""What there is to tell a person: the kinds of notices they may choose, and the one that is always told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Chosen = Literal["vote", "deploy", "question", "condition", "reason", "stop", "review"]
Kind = Literal[Chosen, "security"]
KINDS: Final[tuple[Chosen, ...]] = get_args(Chosen)
"""Those that a person chooses from."""
SECURITY: Final = "security"
"""Told wherever notices go, unasked: whoever takes an account over would not ask for it."""
SAID: Final[dict[Kind, str]] = {
    "vote": "a release awaits my vote",
    "deploy": "a release may speak, and I decide where",
    "question": "a question waits for me: on a release of mine, or with a reply to mine",
    "condition": "a condition is open that I may close, or on a release of mine",
    "reason": "a stop owes its reason: mine, or late",
    "stop": "guidance was stopped",
    "review": "guidance that I let run is past its day of review",
    "security": "how I sign in has changed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell one person. `about` is the same for as long as it is the same thing."""

    kind: Kind
    about: str
    said: str
    path: str
