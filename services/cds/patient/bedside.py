"""What is known at the bedside: the prefetch, and what was fetched, as a timeline that says how far back it reaches.

Odd content never stops a call: what cannot be read is unknown, and the features that needed it say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from services.cds.patient.fetch_missing import bind_template
from services.cds.patient.prefetch_shapes import FAILED, Answered, read_answer
from services.cds.schemas import HookRequest
from services.guidance.prefetch import Query, coverage_of
from services.guidance.ready import Release
from services.plumbing.fhir_server import Fetched
from services.timeline.coverage import Coverage
from services.timeline.events import COLUMNS, EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import FOREVER, NAT
from services.timeline.terminology import mapped
from services.timeline.timeline import IndexRows, Timeline, assemble, index_rows

_STEP, _PATIENT, _RESOURCE = len(COLUMNS), COLUMNS.index("patient"), COLUMNS.index("resource")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bedside:
    """One patient now: everything that was said of them, and the moment at which it is judged."""

    timeline: Timeline
    rows: IndexRows
    index_at: int
    gender: str | None
    skipped: Counter[str] = field(default_factory=Counter)
    """What of the answers did not become a fact, by reason."""


def read_bedside(release: Release, request: HookRequest, fetched: Mapping[str, Fetched], *, now: int) -> Bedside:
    """The timeline of the call's patient; `now` is the index, or the end of the stay if that has passed."""
    batch = EventBatch()
    since: dict[str, int] = {}
    for name, query in release.queries.items():
        answered = _answer(request.prefetch.get(name), fetched.get(name))
        since[name] = FOREVER if answered is None else _take(query, answered, batch, request)
    timeline = assemble(mapped(batch, release.terminology), coverage=Coverage(since=since), all_known=True)
    index_at = _index(timeline, request.encounter, now)
    rows = index_rows(timeline, [request.patient], [index_at], [request.encounter])
    return Bedside(
        timeline=timeline,
        rows=rows,
        index_at=index_at,
        gender=_gender(timeline, int(rows.patient[0])),
        skipped=batch.skipped,
    )


def _answer(sent: msgspec.Raw | None, fetched: Fetched | None) -> Answered | None:
    """What the client sent, else what was fetched, else nothing was asked."""
    if sent is not None:
        return read_answer(sent)
    if fetched is None:
        return None
    if fetched.problem:
        return FAILED
    pages = [read_answer(msgspec.Raw(page)) for page in fetched.pages]
    if not pages or any(page.state == "failed" for page in pages):
        return FAILED
    resources = tuple(resource for page in pages for resource in page.resources)
    return Answered(
        state="answered" if resources else "nothing",
        resources=resources,
        searched=pages[0].searched,
        total=pages[0].total,
        more=not fetched.complete,
    )


def _take(query: Query, answered: Answered, batch: EventBatch, request: HookRequest) -> int:
    """Add the events of one answer; from when on it is complete (FOREVER: it says nothing of what it lacks)."""
    if answered.state == "failed":
        return FOREVER
    before = len(batch)
    for resource in answered.resources:
        flatten_json(resource, batch)
    if len(batch) > before and not _is_asked_for(query, batch, before, request):
        batch.skipped[f"{query.name}: not what was asked for"] += 1
        return FOREVER
    return coverage_of(query, answered)


def _is_asked_for(query: Query, batch: EventBatch, before: int, request: HookRequest) -> bool:
    """A read gave that very resource, a search something of this patient: else nothing may be called absent."""
    if query.count is None:
        return bind_template(query.template, request) in batch.cells[before * _STEP + _RESOURCE :: _STEP]
    return request.patient in batch.cells[before * _STEP + _PATIENT :: _STEP]


def _index(timeline: Timeline, encounter: str, now: int) -> int:
    """The moment of judgement: now, or the end of a stay that has ended."""
    if not encounter or "Encounter.class" not in timeline.fields:
        return now
    stay = timeline.field == timeline.fields.index("Encounter.class")
    words = timeline.resource_words
    ends = [
        int(timeline.end[row])
        for row in np.flatnonzero(stay)
        if words[timeline.resource[row]] == f"Encounter/{encounter}" and NAT < timeline.end[row] <= now
    ]
    return max(ends, default=now)


def _gender(timeline: Timeline, patient: int) -> str | None:
    """`male` or `female` as recorded, for the pronouns of the card."""
    if patient < 0 or "Patient.gender" not in timeline.fields:
        return None
    start, end = timeline.starts[patient], timeline.starts[patient + 1]
    found = np.flatnonzero(timeline.field[start:end] == timeline.fields.index("Patient.gender"))
    if not len(found):
        return None
    return timeline.answer_words[timeline.answer[start + found[-1]]].rpartition("|")[2] or None
