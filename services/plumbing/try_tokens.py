"""The pass with which the registry asks a CDS worker to try guidance out: one short statement, signed by its key.

The registry writes it, the CDS reads it against the keys it has pinned, and nothing else opens that door. `typ` stands
among the claims: the header of a JWS of ours holds the algorithm and the key alone (`keys.verify`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.guidance.errors import BadManifest, NotAuthenticated
from services.plumbing.keys import SigningKey, sign, verify

TYPE: Final = "knowdo-try"
SECONDS: Final = 60
LEEWAY: Final = 5  # seconds that the two clocks may differ


class TryPass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the pass says: for which CDS, from when to when, and a number that is good once."""

    typ: str
    aud: str
    iat: int
    exp: int
    jti: str


def write_pass(key: SigningKey, *, audience: str, now: float) -> str:
    """A pass for the CDS at this public URL, good once and for a minute."""
    at = int(now)
    claims = TryPass(typ=TYPE, aud=audience, iat=at, exp=at + SECONDS, jti=secrets.token_urlsafe(18))
    return sign(msgspec.to_builtins(claims), key)


def read_pass(signed: str, public_keys: Mapping[str, Any] | None, *, audience: str, now: float) -> TryPass:
    """The pass, if a trusted key signed it for this audience and for now; NotAuthenticated, with a short reason, if not."""
    if public_keys is None:
        raise _refused("unknown-key", "the registry's public keys are not known")
    try:
        claims = msgspec.convert(verify(signed, public_keys), TryPass)
    except BadManifest as fault:
        raise _refused("signature", fault.message) from fault
    except msgspec.ValidationError as fault:
        raise _refused("malformed", "its claims are not those of a pass") from fault
    if claims.typ != TYPE:
        raise _refused("malformed", "it is no pass for trying")
    if claims.aud.rstrip("/") != audience.rstrip("/"):
        raise _refused("audience", "it is for another service")
    if not 0 < claims.exp - claims.iat <= SECONDS or not 16 <= len(claims.jti) <= 64:
        raise _refused("lifetime", "it is good for too long, or its number is none")
    if claims.exp <= now:
        raise _refused("expired", "it has ended")
    if claims.iat > now + LEEWAY:
        raise _refused("not-yet-valid", "it begins later")
    return claims


def _refused(reason: str, why: str) -> NotAuthenticated:
    return NotAuthenticated(f"a pass for trying is refused: {why}", reason=reason)
