"""What is being ordered now: the draft orders of a hook's context, as orders written at the very index.

In history the same order is an active one, written at the moment that is learned from; so `status`, `intent` and
`authoredOn` of a draft say nothing here. On order-select only the selected ones are written now; the other drafts were
written just before, and count as what the patient takes. A call without draft orders says nothing of what is ordered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from services.cds.patient.prefetch_shapes import UNREADABLE, read_answer
from services.cds.schemas import FHIR_ID, HookRequest
from services.guidance.reading.plan import FeaturePlan, sources_of
from services.guidance.ready import Release
from services.timeline.concepts import target, tokens_of
from services.timeline.elements import CodeableReference, Reference
from services.timeline.events import COLUMNS, EventBatch
from services.timeline.flatten import FLATTEN
from services.timeline.one_patient import Moment, OnePatient
from services.timeline.resources import Skip, decode_resource
from services.timeline.resources_care import ServiceRequest
from services.timeline.resources_medicines import Medication, MedicationRequest

Order = MedicationRequest | ServiceRequest

WHERE: Final = ("draftOrders", "medications", "orders")
"""Keys of a context: order-select and order-sign; medication-refill and -prescribe; order-review."""
_SELECTIONS: Final = msgspec.json.Decoder(list[str])
_OVER: Final = frozenset({"cancelled", "completed", "ended", "entered-in-error", "revoked", "stopped"})
_JUST_BEFORE: Final = 1  # microsecond
_STEP = len(COLUMNS)
_TIME, _KNOWN, _UPDATED, _ASSUMED = (COLUMNS.index(name) for name in ("time", "known", "updated", "assumed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One draft order, read; `raw` holds its own words."""

    order: Order
    raw: msgspec.Raw
    now: bool
    """It is what this call is about."""

    @property
    def reference(self) -> str:
        """`Type/id`, as a deletion names it; "" if it has no id, or one by which nothing could be named in an action."""
        name = self.order.id or ""
        return f"{type(self.order).__name__}/{name}" if FHIR_ID.fullmatch(name) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOrders:
    """The draft orders of one call."""

    said: bool = False
    """The call says what is ordered, and of all of it what it is; else nobody can say."""
    drafts: tuple[Draft, ...] = ()
    medications: tuple[tuple[Medication, msgspec.Raw], ...] = ()
    """What the drafts may point to."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Entries that are no orders of this patient, or of a type that is not read, by reason."""

    def place(self, batch: EventBatch, *, patient: str, encounter: str, index: int) -> None:
        """Add the drafts to the events, written at the index."""
        for medication, _ in self.medications:
            FLATTEN[Medication](medication, batch)
        for draft in self.drafts:
            _place(draft, batch, patient=patient, encounter=encounter, at=index if draft.now else index - _JUST_BEFORE)


NONE: Final = DraftOrders()


def read_draft_orders(request: HookRequest) -> DraftOrders:
    """The draft orders of a call's context. Never raises: what cannot be read is unknown."""
    raw = next((request.context[key] for key in WHERE if key in request.context), None)
    if raw is None or bytes(memoryview(raw)[:1]) == b"n":
        return NONE
    answered = read_answer(raw)
    if answered.state == "failed" or answered.more:
        return DraftOrders(skipped=Counter({"draftOrders: not a Bundle of orders": 1}))
    selected = _selected(request)
    skipped: Counter[str] = Counter()
    drafts: list[Draft] = []
    medications: list[tuple[Medication, msgspec.Raw]] = []
    for resource in answered.resources:
        try:
            read = decode_resource(resource)
        except Skip as skip:
            skipped[f"draftOrders: {skip.reason}"] += 1
            continue
        if isinstance(read, Medication):
            medications.append((read, resource))
        elif not isinstance(read, MedicationRequest | ServiceRequest):
            skipped[f"draftOrders: {type(read).__name__} is no order that is read"] += 1
        elif read.status in _OVER:
            skipped[f"draftOrders: {type(read).__name__}: status {read.status}"] += 1
        elif read.subject is not None and target(read.subject, "Patient/") not in ("", request.patient):
            skipped["draftOrders: of another patient"] += 1
        else:
            name = f"{type(read).__name__}/{read.id}"
            now = selected is None or name in selected or (read.id or "") in selected
            drafts.append(Draft(order=read, raw=resource, now=now))
    # An order that does not say of what is not known to be harmless.
    nameless = sum(_nameless(draft.order) for draft in drafts)
    if nameless:
        skipped["draftOrders: MedicationRequest: no medication"] += nameless
    return DraftOrders(said=not nameless, drafts=tuple(drafts), medications=tuple(medications), skipped=skipped)


def drafts_by_feature(
    release: Release, patient: OnePatient, moment: Moment, orders: DraftOrders
) -> Mapping[str, tuple[Draft, ...]]:
    """Feature of this very order → the drafts that it counts: decided by the same table as its value."""
    if not orders.drafts:
        return {}
    asked = {
        number: name
        for number, name in enumerate(map(release.plan.names.__getitem__, release.plan.places.tolist()))
        if release.guidance.features[name].window.this_order
    }
    counted: dict[str, set[str]] = {name: set() for name in asked.values()}
    by_name = {draft.reference: draft for draft in orders.drafts if draft.now and draft.reference}
    if not by_name:
        return dict.fromkeys(counted, ())
    own = {field for name in asked.values() for field in sources_of(release.guidance.features[name])}
    for row, (time, stated, resource) in enumerate(zip(patient.time, patient.field, patient.resource, strict=True)):
        if time != moment.at or stated not in own or resource not in by_name:
            continue
        for number in _counting(release.plan, patient, row):
            if (name := asked.get(number)) is not None:
                counted[name].add(resource)
    # In the order of the prescriber.
    return {name: tuple(by_name[one] for one in by_name if one in those) for name, those in counted.items()}


def _counting(plan: FeaturePlan, patient: OnePatient, row: int) -> list[int]:
    """The event features that count this event, as far as how it is coded decides."""
    signatures = plan.feeding.signatures(
        patient.field[row : row + 1],
        patient.codes[row : row + 1],
        patient.unit[row : row + 1],
        patient.answer[row : row + 1],
    )
    (feeds,) = plan.feeding.rows_of(signatures)
    return [number for number, *_, counts, _ in feeds if counts]


def _nameless(order: Order) -> bool:
    """Whether an order of a medicine does not say of which."""
    if not isinstance(order, MedicationRequest) or order.do_not_perform:
        return False
    either = order.medication or CodeableReference()
    concept, pointer = (
        order.medication_codeable_concept or either.concept,
        order.medication_reference or either.reference,
    )
    return pointer is None and not tokens_of(concept)


def _selected(request: HookRequest) -> frozenset[str] | None:
    """The orders that an order-select is about; None = all of them."""
    if request.hook != "order-select":
        return None
    try:
        selections = _SELECTIONS.decode(request.context.get("selections", msgspec.Raw(b"[]")))
    except UNREADABLE:
        return None
    return frozenset(selections) or None


def _place(draft: Draft, batch: EventBatch, *, patient: str, encounter: str, at: int) -> None:
    order = msgspec.structs.replace(
        draft.order,
        status="active",
        intent="order",
        authored_on=None,
        meta=None,
        subject=Reference(reference=f"Patient/{patient}"),
        encounter=draft.order.encounter or (Reference(reference=f"Encounter/{encounter}") if encounter else None),
    )
    before, losses = len(batch.cells), Counter(batch.losses)
    FLATTEN[type(order)](order, batch)
    batch.losses = losses  # that it has no date is no loss: it is being written
    for row in range(before, len(batch.cells), _STEP):
        batch.cells[row + _TIME] = batch.cells[row + _KNOWN] = batch.cells[row + _UPDATED] = at
        batch.cells[row + _ASSUMED] = False
