"""A bearer token as it came: its header and claims read strictly, before anything in it is believed.

RFC 7515 (JWS, compact), RFC 7519 (JWT), CDS Hooks section "Trusting CDS Clients": what these require is there, in its
one proper spelling, once. What else is in it is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, NoReturn, TypeVar

import msgspec

from services.cds.callers.refusal import TokenRefused
from services.plumbing.public_keys import LONGEST_KID, canonical_base64url

LONGEST_TOKEN: Final = 8192
T = TypeVar("T")
# Instants beyond these are no instants: the year 5138, and what a float cannot tell apart.
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
# Printable ASCII: these go into the log and the database.
_Clean = Annotated[
    str, msgspec.Meta(min_length=1, max_length=512, pattern=r"\A[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")
]
_Address = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class Header(msgspec.Struct, frozen=True):
    """The protected header; keys that it carries or leads to (`jwk`, `x5c`, `x5u`) are not read."""

    alg: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    kid: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_KID)]
    typ: str = "JWT"
    cty: str | None = None
    jku: _Address | None = None
    crit: msgspec.UnsetType | Any = msgspec.UNSET
    b64: msgspec.UnsetType | Any = msgspec.UNSET


class Claims(msgspec.Struct, frozen=True):
    """Who calls, which endpoint, when: section 1.H of CDS Hooks. `tenant` names one of an issuer's customers."""

    iss: _Clean
    aud: _Address | Annotated[list[_Address], msgspec.Meta(min_length=1, max_length=32)]
    exp: _Seconds
    iat: _Seconds
    jti: _Clean
    nbf: _Seconds | None = None
    tenant: _Clean | None = None

    @property
    def audiences(self) -> Sequence[str]:
        """One or several addresses."""
        return (self.aud,) if isinstance(self.aud, str) else self.aud


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerToken:
    """An unverified token; it shows nothing of itself in a log or traceback but its claims."""

    header: Header
    claims: Claims
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        """Without the signature."""
        return f"BearerToken({self.claims!r})"


def bearer_of(shown: Sequence[str]) -> str:
    """The token in the Authorization headers of a call, of which there must be one."""
    if len(shown) != 1:
        raise TokenRefused(
            "no-token", "the call has no bearer token" if not shown else f"{len(shown)} Authorization headers"
        )
    scheme, space, compact = shown[0].partition(" ")
    if scheme.lower() != "bearer" or not space or not compact:
        raise TokenRefused("no-token", "the call has no bearer token")
    return compact


def read_token(compact: str) -> BearerToken:
    """The parts of a compact JWS; TokenRefused says which is wrong, without its value."""
    if len(compact) > LONGEST_TOKEN:
        _malformed(f"longer than {LONGEST_TOKEN} characters")
    parts = compact.split(".")
    if len(parts) != 3 or not compact.isascii():
        _malformed(f"it has {len(parts)} parts, a signed JWT has 3" if len(parts) != 3 else "not base64url")
    decoded = [canonical_base64url(part) for part in parts]
    head, body, signature = decoded
    if head is None or body is None or signature is None:
        _malformed("not base64url as an encoder writes it")
    header = _read(head, Header, "header")
    if header.crit is not msgspec.UNSET or header.b64 is not msgspec.UNSET:
        _malformed("its header asks for an extension (`crit`, `b64`) that is not understood here")
    if header.typ.upper() != "JWT" or header.cty is not None:
        _malformed("its header says that it is something else than a JWT of claims")
    claims = _read(body, Claims, "claims")
    return BearerToken(header=header, claims=claims, signed=f"{parts[0]}.{parts[1]}".encode(), signature=signature)


def _read(raw: bytes, kind: type[T], what: str) -> T:
    """A JSON object as a struct: every member once, only numbers that JSON has."""
    try:
        return msgspec.convert(_JSON.decode(raw.decode("utf-8")), kind)
    except msgspec.ValidationError as fault:
        # What it says names members, not values.
        raise TokenRefused("malformed", f"the {what} of the token: {fault}") from None
    except (ValueError, OverflowError, RecursionError):
        raise TokenRefused("malformed", f"the {what} of the token are no plain JSON object") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two members of one name are read differently by different readers."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _no_constant(name: str) -> NoReturn:
    """`NaN` and `Infinity` are JavaScript, not JSON."""
    raise ValueError(name)


def _malformed(why: str) -> NoReturn:
    raise TokenRefused("malformed", f"the bearer token cannot be read: {why}")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_no_constant)
