"""What is known of the patient of one call: what the client sent, and what its server has of the rest, page after page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.cds.patient.bedside import Bedside, read_bedside
from services.cds.patient.fetch_missing import FetchMissing
from services.cds.schemas import HookRequest
from services.cds.stopwatch import Stopwatch
from services.guidance.ready import Release
from services.plumbing.fhir_server import Fetched

_NOTHING: Final[Mapping[str, Fetched]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRead:
    """The bedside, and what was fetched for it by query name."""

    bedside: Bedside
    fetched: Mapping[str, Fetched]


async def read_call(
    release: Release,
    request: HookRequest,
    fetch: FetchMissing,
    *,
    clock: Callable[[], int],
    watch: Stopwatch,
    known: Mapping[str, Fetched] = _NOTHING,
) -> CallRead:
    """All that this release asks of a call. `known`: what was fetched for another release of it, and is not asked again."""
    of_this = fetch.begin(request)
    lacking = (
        [query for name, query in release.queries.items() if name not in known] if known else release.queries.values()
    )
    fetched = {**known, **await of_this.missing(lacking)}
    watch.lap("fetch")
    bedside = read_bedside(release, request, fetched, now=clock())
    if bedside.paged and (further := await of_this.following(release.queries, bedside.paged)):
        fetched |= further
        bedside = read_bedside(release, request, fetched, now=clock())
    return CallRead(bedside=bedside, fetched=fetched)
