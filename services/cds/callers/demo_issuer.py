"""A CDS client for the demo and for `knowdo cds call`: its own key in a file, trusted only in demo mode.

It signs as an EHR would (ES384), so that the demo walks through the same door as everyone.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from joserfc import jwt
from joserfc.jwk import ECKey

from services.cds.callers.trust_list import TrustedIssuer
from services.cds.governed.approved_files import write_once
from services.guidance.errors import Unavailable
from services.plumbing.public_keys import read_jwks
from services.timeline.errors import BadInput

ISSUER: Final = "urn:knowdo:demo-ehr"
LIFE: Final = 300  # seconds; what CDS clients usually give a token


@dataclass(frozen=True, slots=True)
class DemoIssuer:
    """The demo's EHR, or any other for which a private key is at hand."""

    iss: str
    _key: ECKey

    @classmethod
    def load_or_create(cls, path: Path) -> DemoIssuer:
        """The demo's key, made on first use."""
        if not path.exists():
            key = ECKey.generate_key("P-384", auto_kid=True)
            try:
                write_once(path, json.dumps(key.as_dict(private=True)).encode())
            except OSError as fault:
                raise Unavailable(f"cannot be written ({fault.strerror})", place=str(path)) from fault
        return cls.load(path, iss=ISSUER)

    @classmethod
    def load(cls, path: Path, *, iss: str) -> DemoIssuer:
        """The private P-384 JWK in a file."""
        try:
            key = ECKey.import_key(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise BadInput("no private P-384 JWK can be read there", place=str(path)) from fault
        key.ensure_kid()
        return cls(iss, key)

    def token(self, audience: str, *, now: float | None = None) -> str:
        """A token for one endpoint and one call."""
        issued = int(time.time() if now is None else now)
        claims: dict[str, object] = {
            "iss": self.iss,
            "aud": audience,
            "iat": issued,
            "exp": issued + LIFE,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode({"alg": "ES384", "kid": self._key.kid, "typ": "JWT"}, claims, self._key, algorithms=["ES384"])

    def jwks(self) -> dict[str, object]:
        """The public half as a JWK set."""
        return {"keys": [self._key.as_dict(private=False)]}

    def trusted(self) -> TrustedIssuer:
        """This issuer as an entry of the trust list."""
        return TrustedIssuer(iss=self.iss, keys=read_jwks(self.jwks(), place="demo issuer"), profile="demo")
