"""A registry as the CDS service sees it: signed manifests, bundles, keys, and an ear for what flows back."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.guidance.manifest import LedgerHead, Manifest, Where, policy_named, to_payload
from services.guidance.release import ReleaseBundle, pack
from services.plumbing.keys import SigningKey, public_key_set, sign
from services.plumbing.registry_client import RegistryClient

HOOKS = ("patient-view", "encounter-discharge", "order-select", "order-sign")
"""Where everything is approved to speak, unless a test says otherwise."""


class FakeRegistry:
    """Everything it says can be changed, and everything it hears is kept."""

    def __init__(self) -> None:
        self.key = SigningKey.generate()
        self.bundles: dict[str, bytes] = {}
        self.signed: dict[str, str] = {}
        self.number = 0
        self.down = False
        self.reports: list[Any] = []
        self.acknowledgements: list[Any] = []
        self._changed = asyncio.Event()
        self.app = Starlette(
            routes=[
                Route("/manifests", self._manifests),
                Route("/releases/{digest}", self._release),
                Route("/keys", self._keys),
                Route("/reports", self._hear, methods=["POST"]),
                Route("/acknowledgements", self._hear, methods=["POST"]),
                Route("/workers/gone", self._hear, methods=["POST"]),
            ]
        )

    def client(self) -> RegistryClient:
        """A client to it, in this process."""
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://registry")
        return RegistryClient(http, "token")

    def keys(self) -> Any:
        """Its public keys."""
        return public_key_set(self.key)

    def deploy(self, release: ReleaseBundle, **changes: Any) -> Manifest:
        """Sign that a release may speak; as a general deployment everywhere under the standard policy, unless changed."""
        self.bundles[release.digest] = pack(release)
        return self.sign(guidance=release.guidance, release=release.digest, **changes)

    def sign(self, *, seconds: float = 3600, key: SigningKey | None = None, **changes: Any) -> Manifest:
        """Sign any manifest, and let those who wait hear it."""
        self.number += 1
        issued = changes.pop("issued_at", datetime.now(UTC).replace(microsecond=0))
        fields: dict[str, Any] = {
            "deployment": "d-1",
            "stage": "general",
            "where": Where(sites=("*",), hooks=HOOKS),
            "policy": policy_named("standard", {}),
            "issued_at": issued,
            "expires_at": issued + timedelta(seconds=seconds),
            "ledger": LedgerHead(number=self.number, hash=f"{self.number:064x}"),
            "issuer": "http://registry",
        }
        manifest = Manifest(**(fields | changes))
        # One deployment of a guidance unless a test names another.
        other = "" if manifest.deployment == "d-1" else f"/{manifest.deployment}"
        self.signed[f"{manifest.guidance}{other}"] = sign(to_payload(manifest), key or self.key)
        self._changed.set()
        self._changed = asyncio.Event()
        return manifest

    async def _manifests(self, request: Request) -> Response:
        if self.down:
            return Response(status_code=503)
        after = int(request.query_params["after"])
        if after < 0:
            return Response(status_code=400)  # as the real one
        if after >= self.number:
            try:
                async with asyncio.timeout(float(request.query_params["wait"])):
                    await self._changed.wait()
            except TimeoutError:
                pass
        head = {"number": self.number, "hash": f"{self.number:064x}"}
        return JSONResponse({"head": head, "manifests": list(self.signed.values())})

    async def _release(self, request: Request) -> Response:
        data = self.bundles.get(request.path_params["digest"])
        return Response(data) if data is not None else Response(status_code=503)

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(self.keys())

    async def _hear(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.reports += body.get("aggregates", [])
        self.acknowledgements += body.get("acknowledgements", [])
        return JSONResponse({})
