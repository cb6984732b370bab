"""What the client left out of the prefetch is fetched from its FHIR server, within a budget; what it tried is not asked again.

Omitted = not asked yet. `null`, an empty Bundle or an OperationOutcome are answers: they are left as they are. A Bundle
that has a next page is an answer in part: the pages that follow are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from services.cds.patient.prefetch_shapes import read_answer
from services.cds.patient.prefetch_tokens import bind_template
from services.cds.schemas import HookRequest
from services.guidance.prefetch import Query
from services.plumbing.fhir_answer import Budget
from services.plumbing.fhir_server import Ask, Fetched, FhirServers
from services.plumbing.logs import get_logger

_log = get_logger("cds")


class FetchMissing:
    """Fetches what calls lack; nothing at all where a call names no server. `clock`: what `today()` goes by."""

    def __init__(self, servers: FhirServers | None, *, clock: Callable[[], int]) -> None:
        self._servers = servers
        self._clock = clock

    def begin(self, request: HookRequest) -> CallFetch:
        """The fetches of one call, whose budget begins to run now."""
        servers = self._servers if request.fhir_server else None
        return CallFetch(servers, request, now=self._clock() if servers is not None else 0)


class CallFetch:
    """One call's fetches: all of them share its time and bytes."""

    def __init__(self, servers: FhirServers | None, request: HookRequest, *, now: int) -> None:
        self._servers = servers
        self._request = request
        self._now = now
        self._budget: Budget | None = servers.limits.budget() if servers is not None else None

    async def missing(self, queries: Iterable[Query]) -> dict[str, Fetched]:
        """Query name → what came of it, for the queries that the client left out."""
        if self._budget is None:
            return {}
        sent = self._request.prefetch
        asks = {
            query.name: Ask(path=path, wanted=query.count or 1)
            for query in queries
            if query.name not in sent
            and (path := bind_template(query.template, self._request, now=self._now)) is not None
        }
        return await self._fetch(asks)

    async def following(self, queries: Mapping[str, Query], paged: Sequence[str]) -> dict[str, Fetched]:
        """Query name → the pages after the one that was sent, until as many rows came as the query asks for."""
        if self._budget is None:
            return {}
        asks: dict[str, Ask] = {}
        for name in paged:
            sent = read_answer(self._request.prefetch[name])
            wanted = (queries[name].count or 0) - len(sent.resources)
            if sent.following and wanted > 0:
                asks[name] = Ask(path=sent.following, wanted=wanted, is_link=True)
        return await self._fetch(asks)

    async def _fetch(self, asks: Mapping[str, Ask]) -> dict[str, Fetched]:
        if not asks or self._servers is None or self._budget is None:
            return {}
        request = self._request
        fetched = await self._servers.fetch(
            request.fhir_server, asks, token=request.fhir_token, budget=self._budget, also=request.caller.fhir_servers
        )
        if problems := {name: one.problem for name, one in fetched.items() if one.problem is not None}:
            _log.warning("not all could be fetched", problems=problems, issuer=request.caller.iss)
        return fetched


def reasons(fetched: Mapping[str, Fetched]) -> list[str]:
    """What failed, for whoever has to mend it: the prefetch key and the problem, without a patient."""
    return [f"{name}: {one.problem}" for name, one in fetched.items() if one.problem is not None]
