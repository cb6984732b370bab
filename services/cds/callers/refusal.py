"""Why a token is refused: one of a few codes, which the log says and a counter counts; the caller is told none."""

from __future__ import annotations

from typing import Final, Literal, get_args

from services.guidance.errors import NotAuthenticated

Reason = Literal[
    "no-token",  # no Authorization header, another scheme, or two of them
    "malformed",  # not a signed JWT with the claims that CDS Hooks requires, or not in its one proper spelling
    "unknown-issuer",
    "audience",
    "expired",
    "not-yet-valid",
    "lifetime",  # longer than an hour, or negative
    "tenant",
    "key-set",  # its `jku` is not one of the issuer's
    "algorithm",  # not one that the issuer may use, or not one of this key
    "unknown-key",
    "signature",
    "replayed",
]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


class TokenRefused(NotAuthenticated):
    """A token that is not taken, with its reason."""

    reason: Reason

    def __init__(self, reason: Reason, message: str, *, place: str = "", remedy: str = "") -> None:
        super().__init__(message, place=place, remedy=remedy, reason=reason)
