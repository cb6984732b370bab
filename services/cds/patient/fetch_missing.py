"""What the client left out of the prefetch is fetched from its FHIR server, within a budget; what it tried is not asked again.

Omitted = not asked yet. `null`, an empty Bundle or an OperationOutcome are answers: they are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from services.cds.schemas import HookRequest
from services.guidance.prefetch import Query
from services.plumbing.fhir_server import Fetched, FhirServers

_TOKEN: Final = re.compile(r"\{\{\s*([A-Za-z.]+)\s*\}\}")


class FetchMissing:
    """Fetches the omitted queries of a call; nothing at all if the call names no server."""

    def __init__(self, servers: FhirServers | None, *, seconds: float) -> None:
        self._servers = servers
        self._seconds = seconds

    async def __call__(self, queries: Iterable[Query], request: HookRequest) -> dict[str, Fetched]:
        """Query name → what came of it, for the queries that the client left out."""
        if self._servers is None or not request.fhir_server:
            return {}
        bound = {
            query.name: (path, query.count or 1)
            for query in queries
            if query.name not in request.prefetch and (path := bind_template(query.template, request)) is not None
        }
        if not bound:
            return {}
        return await self._servers.fetch(request.fhir_server, bound, token=request.fhir_token, seconds=self._seconds)


def bind_template(template: str, request: HookRequest) -> str | None:
    """The template with the call's own ids, quoted; None if it names what this call does not have."""
    known: Mapping[str, str] = {
        "context.patientId": request.patient,
        "context.encounterId": request.encounter,
        "context.userId": request.user,
    }
    missing = False

    def filled(match: re.Match[str]) -> str:
        nonlocal missing
        value = known.get(match.group(1), "")
        missing = missing or not value
        return quote(value, safe="/")

    path = _TOKEN.sub(filled, template)
    return None if missing else path
