"""The door to signatures of CDS clients: the public keys of a JWK set, each fit for the algorithms it was made for.

Keys are read once; a call then pays for its signature and little else. Only signatures of key pairs exist here: neither
`none` nor a shared secret (HMAC) can be asked for, whatever is configured.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from services.timeline.errors import BadInput

ALGORITHMS: Final = ("ES384", "RS384", "ES256", "ES512", "RS256", "RS512", "PS256", "PS384", "PS512")
"""Every algorithm that a signature may have, the two that CDS Hooks recommends first (RFC 7518 section 3.1)."""
SMALLEST_RSA: Final = 2048  # bits, as RFC 7518 section 3.3 requires
MOST_KEYS: Final = 100
LONGEST_KID: Final = 256

_KINDS: Final[Mapping[str, type[ECKey] | type[RSAKey]]] = {"EC": ECKey, "RSA": RSAKey}
_REGISTRY: Final = JWSRegistry(algorithms=list(ALGORITHMS))
_CHECKS: Final = {name: _REGISTRY.get_alg(name) for name in ALGORITHMS}


class PublicKeys:
    """The keys of one set, by id and algorithm."""

    def __init__(self, keys: Mapping[tuple[str, str], ECKey | RSAKey] | None = None) -> None:
        self._keys = dict(keys or {})
        self.ids = tuple(dict.fromkeys(kid for kid, _ in self._keys))

    def __bool__(self) -> bool:
        """Whether there is a key at all."""
        return bool(self._keys)

    def algorithms(self, kid: str) -> tuple[str, ...]:
        """What the key of this id is fit for; nothing if there is no such key."""
        return tuple(algorithm for known, algorithm in self._keys if known == kid)

    def fits(self, kid: str, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether the key signed exactly these bytes; KeyError if it is not there or not fit for the algorithm."""
        return _CHECKS[algorithm].verify(signed, signature, self._keys[kid, algorithm])


def read_jwks(content: object, *, place: str) -> PublicKeys:
    """The keys of a JWK set (RFC 7517) that can verify a signature; those for other uses are passed over.

    BadInput if it is no JWK set, if no key is usable, if two keys share an id, or if a private key is in it.
    """
    keys = content.get("keys") if isinstance(content, Mapping) else None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise BadInput("not a JWK set", place=place, remedy='It is an object {"keys": [...]}: fetch it again')
    found: dict[tuple[str, str], ECKey | RSAKey] = {}
    for jwk in keys:
        for name, key in _usable(jwk, place=place):
            # The same key twice is seen in the field; two keys of one name leave open which one is meant.
            if found.setdefault(name, key).thumbprint() != key.thumbprint():
                raise BadInput(
                    f"two keys are called {name[0]!a}",
                    place=place,
                    remedy="Ask the client for a set with an id per key",
                )
    if not found:
        raise BadInput(
            "no public RSA or EC key that can verify a signature", place=place, remedy="Ask the client for its JWK set"
        )
    return PublicKeys(found)


def read_jwks_text(text: bytes, *, place: str) -> PublicKeys:
    """As `read_jwks`, from JSON."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise BadInput("not a JWK set: no JSON", place=place, remedy="Fetch it again") from fault
    return read_jwks(content, place=place)


def canonical_base64url(part: str) -> bytes | None:
    """The bytes of unpadded base64url text; None unless it is spelled as an encoder writes it (RFC 7515 section 2)."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    # Two spellings of one token would be two tokens to anyone who compares text.
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == part else None


def _usable(jwk: object, *, place: str) -> Iterator[tuple[tuple[str, str], ECKey | RSAKey]]:
    """The key under its id with each algorithm that it is fit for; nothing if it cannot verify signatures."""
    kind = _KINDS.get(str(jwk.get("kty"))) if isinstance(jwk, Mapping) else None
    if kind is None or not isinstance(jwk, Mapping):
        return
    if "d" in jwk:
        raise BadInput(
            "a private key is in the set",
            place=place,
            remedy="Whoever has it can sign: have the client replace it, and ask for the public half alone",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weak keys, which are left out below
            key = kind.import_key(_plain(jwk))
            size: int = key.public_key.key_size
    except (JoseError, ValueError, TypeError, KeyError):
        return
    kid = jwk["kid"] if isinstance(jwk.get("kid"), str) and jwk["kid"] else key.thumbprint()
    if len(kid) > LONGEST_KID or (kind is RSAKey and size < SMALLEST_RSA):
        return
    for name, check in _CHECKS.items():
        try:
            check.check_key(key)
            key.check_key_op("verify")
        except JoseError:
            continue  # another curve, another `use`, another `alg`
        yield (kid, name), key


def _plain(jwk: Mapping[Any, Any]) -> dict[str, Any]:
    """What a signature needs of a key. Certificates and vendors' own members are not read, so they cannot be wrong."""
    wanted = ("kty", "crv", "x", "y", "n", "e", "use", "key_ops", "alg")
    return {name: jwk[name] for name in wanted if jwk.get(name) is not None}
