"""What there is to tell a person: the kinds of notices they may choose, and the one that is always told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Chosen = Literal["vote", "question", "condition", "reason", "stop", "review"]
Kind = Literal[Chosen, "security"]
KINDS: Final[tuple[Chosen, ...]] = get_args(Chosen)
"""Those that a person chooses from."""
SECURITY: Final = "security"
"""Told wherever notices go, unasked: whoever takes an account over would not ask for it."""
SAID: Final[dict[Kind, str]] = {
    "vote": "a release awaits my vote",
    "question": "a question is open on a release of mine",
    "condition": "a condition is open that I may close",
    "reason": "a stop of mine owes its reason",
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
