"""The door to an organisation's OpenID provider: discovery, authorization code with PKCE, and the checks of an ID token.

Every address that the provider's configuration names must be https and on a host that the operator allows; nothing
follows a redirect. An ID token counts only with a signature of the provider's own key by an algorithm out of a short
list, for this client, in time, and with the nonce of this very sign-in.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.guidance.errors import NotAuthenticated, Unavailable
from services.plumbing.addresses import LOOPBACK, AddressGuard, GuardedTransport
from services.timeline.errors import BadInput

ALGORITHMS: Final = ("RS256", "ES256", "PS256", "RS384", "ES384", "PS384")
LEEWAY: Final = 60  # seconds between two clocks
KEPT_SECONDS: Final = 900  # of the provider's configuration and keys
SECONDS: Final = 10.0
LARGEST: Final = 256_000
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class _Configuration(msgspec.Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What the provider knows this registry as."""

    issuer: str
    client_id: str
    secret: str
    redirect_uri: str
    scopes: tuple[str, ...] = ("openid", "profile")
    hosts: frozenset[str] = frozenset()
    """Hosts besides the issuer's that its configuration may name."""
    is_development: bool = False
    """A provider on loopback may be asked without TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One sign-in that begins: where the browser goes, and what must be kept until it comes back."""

    address: str
    state: str
    nonce: str
    verifier: str


class OpenIdProvider:
    """One organisation's provider."""

    def __init__(self, http: httpx.AsyncClient, client: Client) -> None:
        """`http` guards its addresses and follows no redirect: see `open_provider`."""
        self._http = http
        self._client = client
        self._configuration: _Configuration | None = None
        self._keys: KeySet | None = None
        self._good_until = 0.0

    @property
    def issuer(self) -> str:
        """The provider's name for itself."""
        return self._client.issuer

    async def close(self) -> None:
        """Let go of its connections."""
        await self._http.aclose()

    async def begin(self, *, now: float) -> Request:
        """A sign-in, with a state, a nonce and a PKCE verifier that were never used before."""
        configuration, _ = await self._known(now)
        verifier, nonce, state = (secrets.token_urlsafe(48), secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        address = prepare_grant_uri(
            configuration.authorization_endpoint,
            client_id=self._client.client_id,
            response_type="code",
            redirect_uri=self._client.redirect_uri,
            scope=" ".join(self._client.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return Request(address=str(address), state=state, nonce=nonce, verifier=verifier)

    async def claims(self, code: str, *, verifier: str, nonce: str, now: float) -> dict[str, Any]:
        """What the provider says of who signed in; NotAuthenticated unless everything about it is right."""
        configuration, keys = await self._known(now)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect_uri,
            "code_verifier": verifier,
            "client_id": self._client.client_id,
        }
        # With a secret by Basic, as every provider must take it (RFC 6749 section 2.3.1).
        basic = httpx.BasicAuth(self._client.client_id, self._client.secret) if self._client.secret else None
        answer = await self._ask("POST", configuration.token_endpoint, form, basic)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise _refused("no ID token")
        return self._verified(token, keys, nonce=nonce, access_token=answer.get("access_token"), now=now)

    def _verified(self, token: str, keys: KeySet, *, nonce: str, access_token: object, now: float) -> dict[str, Any]:
        try:
            decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self._client.issuer},
                    "aud": {"essential": True, "value": self._client.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                params={"nonce": nonce, "client_id": self._client.client_id, "access_token": access_token},
            )
            claims.validate(now=now, leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as fault:
            raise _refused(type(fault).__name__) from fault
        # A token for several audiences must be meant for us.
        audience = claims["aud"]
        if audience not in (self._client.client_id, [self._client.client_id]) and (
            claims.get("azp") != self._client.client_id
        ):
            raise _refused("audience")
        if not isinstance(claims["sub"], str) or not 1 <= len(claims["sub"]) <= 255:
            raise _refused("subject")
        return dict(claims)

    async def _known(self, now: float) -> tuple[_Configuration, KeySet]:
        """The provider's configuration and keys, asked for again after a quarter of an hour."""
        if self._configuration is None or self._keys is None or now >= self._good_until:
            issuer = self._checked(self._client.issuer)
            found = await self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            try:
                configuration = msgspec.convert(found, _Configuration)
                if configuration.issuer != self._client.issuer:
                    raise Unavailable("the provider calls itself by another name", place=self._client.issuer)
                for address in (configuration.authorization_endpoint, configuration.token_endpoint):
                    self._checked(address)
                keys = KeySet.import_key_set(await self._ask("GET", self._checked(configuration.jwks_uri)))  # type: ignore[arg-type]
            except (msgspec.ValidationError, JoseError, ValueError, KeyError, TypeError) as fault:
                raise Unavailable(
                    "the provider's configuration cannot be read", place=self._client.issuer, remedy="Check the issuer"
                ) from fault
            self._configuration, self._keys, self._good_until = configuration, keys, now + KEPT_SECONDS
        return self._configuration, self._keys

    def _checked(self, address: str) -> str:
        """An address that may be asked: https, on an allowed host."""
        parts = urlsplit(address)
        local = self._client.is_development and parts.hostname in _LOCAL
        allowed = parts.hostname in {urlsplit(self._client.issuer).hostname, *self._client.hosts}
        if (
            not allowed
            or parts.username is not None
            or (parts.scheme != "https" and not (parts.scheme == "http" and local))
        ):
            raise BadInput(
                "the provider names an address that is not allowed",
                place=str(parts.hostname),
                remedy="It must be https, on the issuer's host or one of `hosts` in the organisation's file",
            )
        return address

    async def _ask(
        self, method: str, address: str, form: Mapping[str, str] | None = None, auth: httpx.BasicAuth | None = None
    ) -> dict[str, Any]:
        place = f"{method} {urlsplit(address).hostname}"
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        try:
            async with self._http.stream(
                method, address, data=form, headers=headers, auth=auth, follow_redirects=False
            ) as answer:
                body = bytearray()
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > LARGEST:
                        raise Unavailable("the provider's answer is too large", place=place)
        except httpx.HTTPError as fault:
            raise Unavailable(
                f"the organisation's provider does not answer ({type(fault).__name__})", place=place, remedy="Try again"
            ) from fault
        if method == "POST" and answer.status_code in {400, 401, 403}:
            raise _refused(f"the provider answers {answer.status_code}")
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = None
        if answer.status_code != 200 or not isinstance(found, dict):
            raise Unavailable(f"the provider's answer cannot be used ({answer.status_code})", place=place)
        return found


def open_provider(client: Client, *, private: tuple[str, ...] = ()) -> OpenIdProvider:
    """A provider asked over connections that are judged where they are opened; `private`: networks of the house."""
    guard = AddressGuard(allowed=[*private, *(LOOPBACK if client.is_development else ())])
    http = httpx.AsyncClient(
        transport=GuardedTransport(guard), timeout=SECONDS, follow_redirects=False, trust_env=False
    )
    return OpenIdProvider(http, client)


def _refused(what: str) -> NotAuthenticated:
    return NotAuthenticated(f"the organisation's word is refused: {what}", reason="openid")
