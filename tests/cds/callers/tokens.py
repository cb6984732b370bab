"""A CDS client for tests: its keys, and tokens of it that are good unless changed."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

from services.cds.callers.trust_list import TrustedIssuer
from services.plumbing.public_keys import PublicKeys, read_jwks

ISS = "https://ehr.example"
URL = "https://cds.hospital.example"
PATH = "/cds-services/tea-time"
EC = ECKey.generate_key("P-384", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
P256 = ECKey.generate_key("P-256", {"kid": "p256"})
STRANGER = ECKey.generate_key("P-384", {"kid": "ec"})
"""Somebody else's key, under the name of ours."""


def jwks(*keys: Any) -> dict[str, Any]:
    """The public halves as a JWK set."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def public(*keys: Any) -> PublicKeys:
    """The same, read."""
    return read_jwks(jwks(*keys), place="test")


def issuer(**changes: Any) -> TrustedIssuer:
    """The client as it is trusted, unless changed."""
    fields: dict[str, Any] = {"iss": ISS, "keys": public(EC, RSA, P256)}
    return TrustedIssuer(**(fields | changes))


def claims(*, now: float | None = None, **changes: Any) -> dict[str, Any]:
    """Good claims, unless changed; one of None is left out."""
    issued = int(time.time() if now is None else now)
    usual: dict[str, Any] = {
        "iss": ISS,
        "aud": URL + PATH,
        "iat": issued - 5,
        "exp": issued + 300,
        "jti": str(uuid.uuid4()),
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def token(
    key: Key = EC, alg: str = "ES384", *, header: Mapping[str, Any] | None = None, now: float | None = None, **changes: Any
) -> str:  # fmt: skip
    """A signed token of the client."""
    return sign(json.dumps(claims(now=now, **changes)), key, alg, header=header)


def sign(payload: str | bytes, key: Key = EC, alg: str = "ES384", *, header: Mapping[str, Any] | None = None) -> str:
    """Any payload, signed; a header member of None is left out."""
    protected = {"alg": alg, "kid": key.kid, "typ": "JWT"} | dict(header or {})
    protected = {name: value for name, value in protected.items() if value is not None}
    return sign_raw(json.dumps(protected), payload, key, alg)


def sign_raw(header: str, payload: str | bytes, key: Key = EC, alg: str = "ES384") -> str:
    """Header and payload exactly as given, truly signed: what a library would refuse to make."""
    signed = f"{part(header)}.{part(payload)}"
    algorithm = jws.JWSRegistry.algorithms[alg]
    return f"{signed}.{part(algorithm.sign(signed.encode(), key))}"


def part(content: str | bytes) -> str:
    """One part of a token."""
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
