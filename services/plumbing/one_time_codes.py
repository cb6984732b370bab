"""The door to one-time codes by time (TOTP, RFC 6238): six digits by HMAC-SHA-1 each 30 seconds, as every app counts them.

One step early or late is taken, for telephones whose clock is not ours. A code is good once: `after` is the last step used.
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

DIGITS: Final = 6
SECONDS: Final = 30
_DRIFT: Final = 1  # steps


def new_secret() -> str:
    """160 random bits in base32, as apps take them."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code_at(secret: str, moment: datetime) -> str:
    """What the app shows at this moment."""
    return _counter(secret).generate(moment.timestamp()).decode()


def step_of(secret: str, code: str, *, at: datetime, after: int = 0) -> int | None:
    """The step whose code this is, if it is now, just before or just to come, and later than `after`; else None."""
    counter, now = _counter(secret), int(at.timestamp()) // SECONDS
    given = code.encode("utf-8", "replace")
    for step in range(now - _DRIFT, now + _DRIFT + 1):
        try:
            counter.verify(given, step * SECONDS)
        except InvalidToken:
            continue
        if step > after:
            return step
    return None


def address(secret: str, *, account: str, issuer: str) -> str:
    """The `otpauth:` address that an app on this device opens."""
    return _counter(secret).get_provisioning_uri(account, issuer)


def _counter(secret: str) -> TOTP:
    # SHA-1 is sound in an HMAC, and the one that all apps know.
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), SECONDS)  # noqa: S303
