"""A registry in which a release has come to its pilot, and what is asked of its FHIR face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.plumbing.registry_messages import Proposed
from tests.registry import samples
from tests.registry.conftest import House

KINDS = (
    "PlanDefinition", "ActivityDefinition", "Library", "Device", "DocumentReference", "Provenance", "Basic", "AuditEvent",
)  # fmt: skip


@dataclass
class Face:
    """The FHIR face of a house, as one person sees it."""

    house: House
    first: Proposed
    """In its pilot."""
    second: Proposed
    """Proposed, nothing more."""

    def key(self, which: Proposed) -> str:
        """What the ids of its resources begin with."""
        return which.release.removeprefix("sha256:")[:32]

    async def get(
        self, path: str, *, by: str = "Kim Auditor", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A GET below /fhir."""
        token = {"Authorization": f"Bearer {self.house.tokens[by]}"} if by else {}
        return await self.house.http.get(f"/fhir/{path}", headers={**token, **(headers or {})})

    async def post(self, path: str, body: Any, *, by: str) -> httpx.Response:
        """A POST of JSON below /fhir."""
        return await self.house.http.post(
            f"/fhir/{path}", json=body, headers={"Authorization": f"Bearer {self.house.tokens[by]}"}
        )

    async def found(self, query: str) -> list[dict[str, Any]]:
        """What a search answers on its first page."""
        answer = await self.get(query)
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", [])]

    async def everything(self) -> list[dict[str, Any]]:
        """Every resource of every type."""
        return [one for kind in KINDS for one in await self.found(f"{kind}?_count=500")]


@pytest.fixture
async def face(house: House) -> Face:
    """Two releases: one climbed to its pilot, one only proposed."""
    first = await house.propose()
    assert await house.climb(first, "pilot") == "pilot"
    house.clock.pass_time(days=1)
    await house.as_("cds").manifests()
    second = await house.propose(samples.release(shift=0.5))
    return Face(house=house, first=first, second=second)
