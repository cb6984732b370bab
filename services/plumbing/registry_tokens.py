"""What a service shows to the registry: a token that it was given, or short ones that it asks for with its private key."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlencode

import httpx
import msgspec

from services.guidance.errors import NotAuthenticated, Unavailable
from services.plumbing.backend_services import ASSERTION_SECONDS, ClientKey
from services.plumbing.short_tokens import ShortToken
from services.timeline.errors import BadInput

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SECONDS: Final = 10.0
_EARLY: Final = 30.0  # before its end a token is used no more


class Tokens(Protocol):
    """Where a client of the registry takes its token from."""

    async def current(self) -> str:
        """The token to show now; empty for none."""

    async def renew(self, refused: str) -> bool:
        """A token was refused: whether there is another to try."""


class GivenToken:
    """One token, as it was given."""

    def __init__(self, token: str | None) -> None:
        self._token = token or ""

    async def current(self) -> str:
        """Always the same."""
        return self._token

    async def renew(self, refused: str) -> bool:
        """There is no other."""
        return False


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float


class KeyTokens(ShortToken):
    """Tokens of minutes, each obtained at `POST /token` with an assertion that the service's key signs."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        key: ClientKey,
        *,
        client: str,
        audience: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`client`: the service's name at the registry. `audience`: its public address followed by `/token`."""
        self._http = http
        self._key = key
        self._client = client
        self._audience = audience
        super().__init__(clock)

    async def _ask(self) -> tuple[str, float]:
        now = int(self._clock())
        claims = {
            "iss": self._client, "sub": self._client, "aud": self._audience,
            "iat": now, "exp": now + ASSERTION_SECONDS, "jti": secrets.token_urlsafe(24),
        }  # fmt: skip
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._key.sign(claims),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = await self._http.post(
                "/token", content=urlencode(form).encode(), headers=headers, timeout=_SECONDS
            )
        except httpx.HTTPError as fault:
            raise Unavailable(
                f"the registry does not answer ({type(fault).__name__})", place="POST /token", remedy="Try again"
            ) from fault
        if answer.status_code in {400, 401, 403}:
            raise NotAuthenticated(
                f"the registry gives no token to {self._client!r}",
                place="POST /token",
                remedy="Is the key added there (`knowdo registry key add`), and is the audience its public address?",
            )
        try:
            granted = msgspec.json.decode(answer.content, type=_Granted)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Unavailable(f"no token is given ({answer.status_code})", place="POST /token") from fault
        return granted.access_token, now + granted.expires_in - min(_EARLY, granted.expires_in / 4)


def registry_tokens(
    http: httpx.AsyncClient, *, token: str | None, key_file: Path | None, client: str, audience: str
) -> Tokens:
    """By the key if there is one, else the token; BadInput if both are given or the name is missing."""
    if key_file is None:
        return GivenToken(token)
    if token or not client:
        raise BadInput(
            "a key file goes with the service's name and without a token",
            place=str(key_file),
            remedy="Set …_REGISTRY_CLIENT, and leave …_TOKEN out",
        )
    return KeyTokens(
        http, ClientKey.load(key_file), client=client, audience=audience or f"{http.base_url}".rstrip("/") + "/token"
    )
