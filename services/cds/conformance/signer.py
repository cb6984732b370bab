"""Tokens as a CDS client signs them, and as an attacker would forge them, with a private key that the service may trust."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.timeline.errors import BadInput

LIFE: Final = 300
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
Key = ECKey | RSAKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A CDS client: its issuer, its key, where its public keys are (may be empty)."""

    iss: str
    key: Key
    jku: str = ""

    @classmethod
    def load(cls, path: Path, *, iss: str, jku: str = "") -> Signer:
        """The private EC or RSA key in a file that holds a JWK or a JWK set."""
        try:
            content = json.loads(path.read_bytes())
            keys = KeySet.import_key_set(content if "keys" in content else {"keys": [content]}).keys
        except (OSError, ValueError, TypeError, KeyError, JoseError) as fault:
            raise BadInput("no JWK can be read there", place=str(path), remedy="Name a private JWK") from fault
        key = next((one for one in keys if isinstance(one, ECKey | RSAKey) and one.is_private), None)
        if key is None:
            raise BadInput("no private EC or RSA key", place=str(path), remedy="Name the private JWK, not the public")
        key.ensure_kid()
        return cls(iss=iss, key=key, jku=jku)

    @property
    def alg(self) -> str:
        """What CDS Hooks recommends for this key: ES384 or RS384 (or the curve's own)."""
        if isinstance(self.key, RSAKey):
            return "RS384"
        return _CURVES.get(str(self.key.as_dict(private=False).get("crv")), "ES384")

    def header(self, **changes: Any) -> dict[str, Any]:
        """A protected header; a change to None leaves the field out."""
        return _without_none({"alg": self.alg, "kid": self.key.kid, "typ": "JWT", "jku": self.jku or None} | changes)

    def claims(self, audience: str, **changes: Any) -> dict[str, Any]:
        """Claims for one call; a change to None leaves the claim out."""
        issued = int(time.time())
        claims = {"iss": self.iss, "aud": audience, "iat": issued, "exp": issued + LIFE, "jti": str(uuid.uuid4())}
        return _without_none(claims | changes)

    def token(self, audience: str, *, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Signed with the key; `header` and `claims` change what it says."""
        said = self.header(**(header or {}))
        return jwt.encode(said, self.claims(audience, **claims), self.key, algorithms=[said["alg"]])

    def stranger(self) -> Signer:
        """The same issuer and key id with another key: what a forger who knows the public parts can make."""
        key: Key
        if isinstance(self.key, RSAKey):
            key = RSAKey.generate_key(2048, {"kid": str(self.key.kid)})
        else:
            key = ECKey.generate_key(str(self.key.as_dict(private=False)["crv"]), {"kid": str(self.key.kid)})
        return Signer(iss=self.iss, key=key, jku=self.jku)

    def unsigned(self, audience: str, *, alg: str = "none") -> str:
        """With `alg` none and an empty signature."""
        return f"{_part(self.header(alg=alg))}.{_part(self.claims(audience))}."

    def with_shared_secret(self, audience: str, *, alg: str, secret: bytes) -> str:
        """An HMAC over the header and claims: the public key taken for a secret."""
        signed = f"{_part(self.header(alg=alg))}.{_part(self.claims(audience))}"
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
        return f"{signed}.{_text(hmac.new(secret, signed.encode(), digest).digest())}"

    def public_pem(self) -> bytes:
        """The public key as PEM, as libraries load it."""
        return self.key.as_pem(private=False)


def tampered(token: str, **claims: Any) -> str:
    """A signed token whose claims were changed afterwards."""
    header, body, signature = token.split(".")
    read = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{header}.{_part(read | claims)}.{signature}"


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _part(content: Mapping[str, Any]) -> str:
    return _text(json.dumps(content).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
