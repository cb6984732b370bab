"""What is known at the bedside: the prefetch, and what was fetched, as a timeline that says how far back it reaches.

Odd content never stops a call: what cannot be read is unknown, and the features that needed it say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from services.cds.patient.draft_orders import NONE, DraftOrders, read_draft_orders
from services.cds.patient.prefetch_shapes import FAILED, Answered, read_answer
from services.cds.patient.prefetch_tokens import bind_template
from services.cds.patient.typed_answer import NOTHING_THERE, TypedAnswer, read_typed, typed_answer
from services.cds.schemas import HookRequest
from services.guidance.prefetch import DRAFT_ORDERS
from services.guidance.queries import Query, coverage_of, is_cut
from services.guidance.ready import Release
from services.plumbing.fhir_server import Fetched
from services.timeline.coverage import Coverage
from services.timeline.events import COLUMNS, EventBatch
from services.timeline.flatten import FLATTEN, flatten_json
from services.timeline.instants import ALWAYS, FOREVER, NAT
from services.timeline.one_patient import Moment, OnePatient, moment_of, one_patient
from services.timeline.terminology import mapped

_STEP, _PATIENT, _RESOURCE = len(COLUMNS), COLUMNS.index("patient"), COLUMNS.index("resource")


class Bedside(msgspec.Struct, frozen=True, kw_only=True):
    """One patient now: everything that was said of them, and the moment at which it is judged."""

    patient: OnePatient
    moment: Moment
    gender: str | None
    orders: DraftOrders = NONE
    """What is being ordered in this call."""
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    """What of the answers did not become a fact, by reason."""
    paged: Sequence[str] = ()
    """Queries of which the client sent a page, and more pages were not asked for yet."""


def read_bedside(release: Release, request: HookRequest, fetched: Mapping[str, Fetched], *, now: int) -> Bedside:
    """The timeline of the call's patient; `now` is the index, or the end of the stay if that has passed."""
    batch = EventBatch()
    since: dict[str, int] = {}
    paged: list[str] = []
    for name, query in release.queries.items():
        further = fetched.get(name)
        if further is None and (typed := _typed(name, request)) is not None:
            since[name] = _take_typed(query, typed, batch, request)
            if typed.more:
                paged.append(name)
            continue
        answered = _answer(request.prefetch.get(name), further)
        if answered is not None and answered.more and further is None:
            paged.append(name)
        since[name] = FOREVER if answered is None else _take(query, answered, batch, request)
    orders = read_draft_orders(request)
    since[DRAFT_ORDERS] = ALWAYS if orders.said else FOREVER
    patient = _with_orders(release, request, batch, orders, since, index=now)
    index = _index(patient, request.encounter, now)
    if index != now and orders.drafts:  # written at the index, which is the end of the stay
        patient = _with_orders(release, request, batch, orders, since, index=index)
    return Bedside(
        patient=patient,
        moment=moment_of(patient, at=index, encounter=request.encounter),
        gender=_gender(patient),
        orders=orders,
        skipped=batch.skipped + orders.skipped if orders.skipped else batch.skipped,
        paged=paged,
    )


def _with_orders(
    release: Release,
    request: HookRequest,
    batch: EventBatch,
    orders: DraftOrders,
    since: Mapping[str, int],
    *,
    index: int,
) -> OnePatient:
    """The events of what was answered and, for as long as that takes, of what is being ordered."""
    before = len(batch.cells)
    orders.place(batch, patient=request.patient, encounter=request.encounter, index=index)
    patient = one_patient(mapped(batch, release.terminology), request.patient, coverage=Coverage(since=since))
    del batch.cells[before:]
    return patient


def _typed(name: str, request: HookRequest) -> TypedAnswer | None:
    """What the client sent under this key, if it can be read at once."""
    if name in (read := request.read):
        # Taken out: a call that waits for its decision to be kept would else hold all of it, and push the next one's
        # out of the processor's cache. Who asks again reads the bytes.
        return typed_answer(value) if (value := read.pop(name)) is not None else NOTHING_THERE
    sent = request.prefetch.get(name)
    return read_typed(sent) if sent is not None else None


def _answer(sent: msgspec.Raw | None, fetched: Fetched | None) -> Answered | None:
    """What the client sent, and what was fetched; None if nothing was asked. What came before a problem is not all."""
    if sent is None and fetched is None:
        return None
    pages = [] if fetched is None else [read_answer(msgspec.Raw(page)) for page in fetched.pages]
    if sent is not None:
        first = read_answer(sent)
        if not pages or first.state == "failed":
            return first
    else:
        if not pages or pages[0].state == "failed":
            return FAILED
        first = pages.pop(0)
    whole = fetched is not None and fetched.complete and all(page.state != "failed" for page in pages)
    resources = [*first.resources, *(resource for page in pages for resource in page.resources)]
    if pages:  # a server that turns its pages in a circle says nothing twice
        resources = list({bytes(resource): resource for resource in resources}.values())
    return Answered(
        state="answered" if resources else "nothing",
        resources=tuple(resources),
        searched=first.searched,
        total=first.total,
        more=not whole,
    )


def _take_typed(query: Query, answered: TypedAnswer, batch: EventBatch, request: HookRequest) -> int:
    """As `_take`, of an answer that is read already."""
    before = len(batch.cells)
    resources = answered.resources
    for resource in resources:
        FLATTEN[type(resource)](resource, batch)
    if len(batch.cells) > before and not _is_asked_for(query, batch, before, request):
        batch.skipped[f"{query.name}: not what was asked for"] += 1
        return FOREVER
    if query.count is None or (
        answered.searched and not is_cut(query, len(resources), more=answered.more, total=answered.total)
    ):
        return ALWAYS
    # It looks at the dates of the resources as they came.
    return coverage_of(query, read_answer(request.prefetch[query.name]))


def _take(query: Query, answered: Answered, batch: EventBatch, request: HookRequest) -> int:
    """Add the events of one answer; from when on it is complete (FOREVER: it says nothing of what it lacks)."""
    if answered.state == "failed":
        return FOREVER
    before = len(batch.cells)
    for resource in answered.resources:
        flatten_json(resource, batch)
    if len(batch.cells) > before and not _is_asked_for(query, batch, before, request):
        batch.skipped[f"{query.name}: not what was asked for"] += 1
        return FOREVER
    return coverage_of(query, answered)


def _is_asked_for(query: Query, batch: EventBatch, before: int, request: HookRequest) -> bool:
    """A read gave that very resource, a search something of this patient: else nothing may be called absent.

    `before`: how many cells the batch had.
    """
    if query.count is None:
        return bind_template(query.template, request) in batch.cells[before + _RESOURCE :: _STEP]
    return request.patient in batch.cells[before + _PATIENT :: _STEP]


def _index(patient: OnePatient, encounter: str, now: int) -> int:
    """The moment of judgement: now, or the end of a stay that has ended."""
    stay = f"Encounter/{encounter}"
    ends = [patient.end[row] for row in patient.rows_of("Encounter.class") if patient.resource[row] == stay]
    return max([end for end in ends if NAT < end <= now], default=now)


def _gender(patient: OnePatient) -> str | None:
    """`male` or `female` as recorded last, for the pronouns of the card."""
    recorded = patient.rows_of("Patient.gender")
    return patient.answer[recorded[-1]].rpartition("|")[2] or None if recorded else None
