"""A small OpenID provider over real HTTP: discovery, authorization with PKCE, codes that are good once, keys. It can be told to lie."""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "knowdo", "provider's secret for knowdo"


class Provider:
    """Signs in whoever `subject` and `claims` say, at once and without asking."""

    def __init__(self, issuer: str, now: int) -> None:
        self.issuer = issuer
        self.now = now
        self.key = ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
        self.claims: dict[str, Any] = {"sub": "248289761001", "name": "Ann Clinical", "groups": ["knowdo-clinical"]}
        self.lies: dict[str, Any] = {}
        """Claims of the ID token to be replaced; None leaves one out."""
        self.configuration: dict[str, Any] = {}
        self.signer: Any = None
        self.algorithm = "ES256"
        self.codes: dict[str, dict[str, str]] = {}
        self.asked = 0
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._keys),
        ]
        self.app = Starlette(routes=routes)

    async def _discovery(self, _: Request) -> Response:
        self.asked += 1
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
            | self.configuration
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked["client_id"] != CLIENT or asked["response_type"] != "code" or asked["code_challenge_method"] != "S256":
            return Response(status_code=400)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form["code"], None)
        known = request.headers.get("authorization") == f"Basic {basic}"
        proven = asked is not None and create_s256_code_challenge(form["code_verifier"]) == asked["code_challenge"]
        if not known or asked is None or not proven or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": self.now, "exp": self.now + 300, "nonce": asked["nonce"],
            **self.claims, **self.lies,
        }  # fmt: skip
        told = {name: value for name, value in claims.items() if value is not None}
        return JSONResponse({"access_token": "unused", "token_type": "Bearer", "id_token": self.id_token(told)})

    def id_token(self, claims: dict[str, Any]) -> str:
        """Signed, or as an attacker would have it."""
        if self.algorithm == "none":
            packed = base64.urlsafe_b64encode(jwt.encode({"alg": "ES256"}, claims, self.key).split(".")[1].encode())
            header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
            return f"{header}.{base64.urlsafe_b64decode(packed).decode()}."
        key = self.signer or self.key
        if self.algorithm == "HS256":
            key = OctKey.import_key(SECRET)
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, key, algorithms=[self.algorithm])


@asynccontextmanager
async def running_provider(now: int) -> AsyncIterator[Provider]:
    """One that answers on a free port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        provider = Provider(f"http://127.0.0.1:{listening.getsockname()[1]}", now)
        server = uvicorn.Server(uvicorn.Config(provider.app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.01)
        try:
            yield provider
        finally:
            server.should_exit = True
            await serving
