"""The door to `private_key_jwt` (RFC 7523, SMART Backend Services): a service shows that it holds its private key.

RS384, ES384 and Ed25519 (`EdDSA`, or `Ed25519` as RFC 9864 calls it); the key is found by its id among those that were
registered for the service, never in the token. An assertion lives five minutes at most.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from services.guidance.errors import NotAuthenticated
from services.timeline.errors import BadInput

ALGORITHMS: Final = ("RS384", "ES384", "EdDSA", "Ed25519")
LONGEST_SECONDS: Final = 300
LEEWAY: Final = 10  # clocks differ
LONGEST_JWT: Final = 8_000
MOST_KEYS: Final = 10
_HEADER: Final = frozenset({"alg", "kid", "typ"})
_KINDS: Final[Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a verified assertion says."""

    client: str
    jti: str
    expires: int


def client_named(assertion: str) -> str:
    """Who the assertion says it is from, believed by nobody yet; NotAuthenticated if it says nothing."""
    try:
        if len(assertion) > LONGEST_JWT:
            raise _refused("length")
        claims = json.loads(jws.extract_compact(assertion.encode("ascii")).payload)
    except (JoseError, ValueError, TypeError, RecursionError) as fault:
        raise _refused("form") from fault
    named = claims.get("iss") if isinstance(claims, dict) else None
    if not isinstance(named, str):
        raise _refused("iss")
    return named


def verify_assertion(
    assertion: str, keys: Sequence[Mapping[str, Any]], *, client: str, audiences: Collection[str], now: int
) -> Assertion:
    """The assertion, if one of the client's keys signed it for us and it is not over; else NotAuthenticated.

    That its `jti` is new is for the caller to see to.
    """
    try:
        header = jws.extract_compact(assertion.encode("ascii")).headers()
        trusted = KeySet([_imported(key) for key in keys])
        if not set(header) <= _HEADER or header.get("alg") not in ALGORITHMS:
            raise _refused("header")
        # A set of one key would otherwise be used for a token that names none.
        if header.get("kid") not in {key.kid for key in trusted.keys}:
            raise _refused("kid")
        claims = jwt.decode(assertion, trusted, algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        raise _refused(f"signature ({type(fault).__name__})") from fault
    audience = claims.get("aud")
    named = (
        {audience} if isinstance(audience, str) else set(map(str, audience)) if isinstance(audience, list) else set()
    )
    if claims.get("iss") != client or claims.get("sub") != client:
        raise _refused("iss or sub")
    if not named & set(audiences):
        raise _refused("aud")
    expires = _instant(claims.get("exp"))
    issued, earliest = _instant(claims.get("iat", now)), _instant(claims.get("nbf", now))
    if expires <= now - LEEWAY or expires > now + LONGEST_SECONDS + LEEWAY:
        raise _refused("exp")
    if issued > now + LEEWAY or earliest > now + LEEWAY:
        raise _refused("iat or nbf")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
        raise _refused("jti")
    return Assertion(client=client, jti=jti, expires=expires)


def registered_keys(content: object) -> dict[str, dict[str, Any]]:
    """The public keys of a JWK or JWK set by id, fit for one of our algorithms; BadInput says what is wrong.

    A key without an id gets its RFC 7638 thumbprint.
    """
    found = content.get("keys", [content]) if isinstance(content, Mapping) else None
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_KEYS:
        raise BadInput("not a JWK set", place="keys", remedy='It is an object {"keys": [...]} of one to ten keys')
    keys: dict[str, dict[str, Any]] = {}
    for jwk in found:
        if isinstance(jwk, Mapping) and ("d" in jwk or "k" in jwk):
            raise BadInput("a private key is in the set", place="keys", remedy="Replace it, and give the public half")
        try:
            key = _imported(jwk)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as fault:
            raise BadInput("a key cannot be read", place="keys", remedy="Give public JWKs") from fault
        if not _is_fit(key):
            raise BadInput(
                "a key is of no kind that is taken", place="keys", remedy="RSA of 2048 bits or more, P-384, or Ed25519"
            )
        kid = str(key.kid)
        if len(kid) > 256 or kid in keys:
            raise BadInput("two keys of one id, or an id too long", place="keys", remedy="Give each key its own id")
        keys[kid] = {**key.as_dict(private=False), "kid": kid}
    return keys


def _imported(jwk: Mapping[str, Any]) -> RSAKey | ECKey | OKPKey:
    wanted = ("kty", "crv", "x", "y", "n", "e", "kid")
    key = _KINDS[jwk["kty"]].import_key({name: str(jwk[name]) for name in wanted if name in jwk})
    key.ensure_kid()
    return key


def _instant(value: object) -> int:
    """A NumericDate of RFC 7519 in whole seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise _refused("times")
    return int(value)


def _is_fit(key: RSAKey | ECKey | OKPKey) -> bool:
    if isinstance(key, RSAKey):
        return bool(key.raw_value.key_size >= 2048)
    return key.curve_name == ("P-384" if isinstance(key, ECKey) else "Ed25519")


def _refused(what: str) -> NotAuthenticated:
    return NotAuthenticated(f"the client assertion is refused: {what}", reason="assertion")
