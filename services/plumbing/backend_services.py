"""SMART Backend Services: a client without a person shows that it holds its key, and gets a short token; then the next.

The private key signs an assertion of a few minutes (`private_key_jwt`, RS384 or ES384) for the token endpoint, which the
server's `.well-known/smart-configuration` names. Neither key nor token is ever written down or logged.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from services.guidance.errors import Unavailable
from services.plumbing.keys import write_once
from services.plumbing.short_tokens import ShortToken
from services.plumbing.steady_http import NoToken, Server, SteadyHttp, printable
from services.timeline.errors import BadInput

ASSERTION_SECONDS: Final = 240  # the specification allows five minutes, and clocks differ
MARGIN: Final = 30.0
"""Seconds before its end from which a token is not used any more; at most a quarter of its life."""
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_WELL_KNOWN: Final = "/.well-known/smart-configuration"
_SMALL: Final = 2**20


class _Configuration(msgspec.Struct):
    token_endpoint: str = ""


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float = 300.0
    token_type: str = "bearer"  # noqa: S105 (what kind it is)


class _Denied(msgspec.Struct):
    error: str = ""
    error_description: str = ""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The private key that the client is known by; it never leaves this object."""

    _key: RSAKey | ECKey

    @classmethod
    def load(cls, path: Path) -> ClientKey:
        """From a file that only its owner can read: a JWK, a JWK set, or PEM; RSA of 2048 bits or more, or P-384."""
        try:
            if path.stat().st_mode & 0o077:
                raise BadInput(
                    "the client's key can be read by others",
                    place=str(path),
                    remedy=f"Run `chmod 600 {path}`; if others may have read it, replace the key",
                )
            data = path.read_bytes()
        except OSError as fault:
            raise BadInput(f"the client's key cannot be read ({fault.strerror})", place=str(path)) from fault
        try:
            key = _pem(data) if b"-----BEGIN" in data else _jwk(json.loads(data))
        except (ValueError, KeyError, TypeError, JoseError) as fault:
            raise BadInput("not a private key", place=str(path), remedy="Give a private JWK or PEM") from fault
        weak = isinstance(key, RSAKey) and key.raw_value.key_size < 2048
        if not key.is_private or weak or (isinstance(key, ECKey) and key.curve_name != "P-384"):
            raise BadInput(
                "not a key for SMART Backend Services", place=str(path), remedy="RSA of 2048 bits or more, or EC P-384"
            )
        return cls(key)

    @classmethod
    def make(cls, path: Path) -> ClientKey:
        """A new P-384 key in a new file (mode 0600)."""
        if path.exists():
            raise BadInput("there is a file already", place=str(path), remedy="Name a new one: keys are not replaced")
        path.parent.mkdir(parents=True, exist_ok=True)
        key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
        write_once(path, json.dumps(key.as_dict(private=True)).encode())
        return cls.load(path)

    @property
    def algorithm(self) -> str:
        """RS384 or ES384: what the key can do."""
        return "RS384" if isinstance(self._key, RSAKey) else "ES384"

    @property
    def kid(self) -> str:
        """The id that the key's file gives, else its RFC 7638 thumbprint."""
        return self._key.kid or self._key.thumbprint()

    def public_set(self) -> dict[str, list[dict[str, Any]]]:
        """The public half as a JWK set: what the server's owner registers."""
        public = dict(self._key.as_dict(private=False))
        return {"keys": [public | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}]}

    def sign(self, claims: dict[str, Any]) -> str:
        """A compact JWT of these claims."""
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self._key, algorithms=[self.algorithm])


class BackendServices(ShortToken):
    """The tokens of one client at one server: asked for when needed, and again before they run out."""

    def __init__(
        self, plain: SteadyHttp, server: Server, *, client: str, key: ClientKey, scope: str, token_url: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """`plain`: asks without a token. `token_url`: where the token endpoint is, if the server does not say."""
        self._plain = plain
        self._server = server
        self._client = client
        self._key = key
        self._scope = scope
        self._token_url = token_url
        super().__init__(clock)
        self.granted = 0
        """How many tokens there were."""

    async def _ask(self) -> tuple[str, float]:
        endpoint = await self._endpoint()
        now = int(self._clock())
        claims = {
            "iss": self._client,
            "sub": self._client,
            "aud": endpoint,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": secrets.token_urlsafe(24),
        }
        form = {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._key.sign(claims),
        }
        asked = self._clock()
        answer = await self._plain.ask(
            "POST",
            endpoint,
            what="token",
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode(form).encode(),
            with_token=False,
            largest=_SMALL,
        )
        if answer.status != 200:
            raise Unavailable(
                f"no token is given ({answer.status}{_reason(answer.body)})",
                place=self._plain.place,
                remedy="Is this client registered there, with this key and these scopes?",
            )
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Unavailable("the answer holds no token", place=self._plain.place) from fault
        if granted.token_type.lower() != "bearer" or not granted.access_token.isascii():
            raise Unavailable("the token is not a bearer token", place=self._plain.place)
        self.granted += 1
        return granted.access_token, asked + granted.expires_in - min(MARGIN, granted.expires_in / 4)

    async def _endpoint(self) -> str:
        """As given, else as the server says."""
        if not self._token_url:
            url = f"{self._server.base}{_WELL_KNOWN}"
            answer = await self._plain.ask("GET", url, what="smart-configuration", with_token=False, largest=_SMALL)
            try:
                found = msgspec.json.decode(answer.body, type=_Configuration).token_endpoint
            except (msgspec.DecodeError, UnicodeDecodeError):
                found = ""
            if answer.status != 200 or not found:
                raise BadInput(
                    "it names no token endpoint", place=f"{self._plain.place} (smart-configuration)",
                    remedy="Give it with --token-url",
                )  # fmt: skip
            self._token_url = self._server.follow(found, what="tokens", at=url)
        return self._token_url


class TokenFile:
    """A bearer token that somebody else puts into a file; it is read again when the server refuses it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token = self._read()

    async def current(self) -> str:
        """What was read last."""
        return self._token

    async def renew(self, refused: str) -> bool:
        """Read it again: whether it is another one."""
        self._token = self._read()
        return self._token != refused

    def _read(self) -> str:
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as fault:
            raise BadInput("the token cannot be read", place=str(self._path)) from fault
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise BadInput(
                "not a token", place=str(self._path), remedy="Put the bearer token into it, and nothing else"
            )
        return token


__all__ = ["BackendServices", "ClientKey", "NoToken", "TokenFile"]


def _jwk(content: Any) -> RSAKey | ECKey:
    """A private JWK, or the first private one of a set."""
    if isinstance(content, dict) and isinstance(content.get("keys"), list):
        content = next((one for one in content["keys"] if isinstance(one, dict) and "d" in one), None)
    kinds: dict[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    return kinds[content["kty"]].import_key(cast("dict[str, str | list[str]]", content))


def _pem(data: bytes) -> RSAKey | ECKey:
    try:
        return RSAKey.import_key(data)
    except (ValueError, TypeError, JoseError):
        return ECKey.import_key(data)


def _reason(body: bytes) -> str:
    """What OAuth says is wrong; no patient is in such a request."""
    try:
        denied = msgspec.json.decode(body, type=_Denied)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    said = " ".join(filter(None, (denied.error, denied.error_description)))
    return f": {printable(said)}" if said else ""
