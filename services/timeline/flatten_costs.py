"""Costs: what was charged, asked of a payer and settled. The value is an amount, the unit its currency (ISO 4217).

A cost happened when the service was given, and is known when the charge or claim was written. What was asked in
advance (a preauthorisation) is no cost; what was cancelled is taken back.
"""

from __future__ import annotations

from math import isnan
from typing import Final

from services.timeline.concepts import target, tokens_of
from services.timeline.elements import Period
from services.timeline.events import EventBatch
from services.timeline.facts import (
    first_of,
    happened,
    instant,
    known_at,
    retract,
    skip_status,
    span,
    stay_of,
    updated_of,
)
from services.timeline.instants import NAT
from services.timeline.resources_costs import ChargeItem, Claim, ClaimItem, ExplanationOfBenefit
from services.timeline.values import paid

_CLAIM_RETRACTED: Final = frozenset({"cancelled", "entered-in-error"})
_CLAIM_STATUSES: Final = _CLAIM_RETRACTED | {"draft"}
_IN_ADVANCE: Final = frozenset({"preauthorization", "predetermination"})

_CHARGED: Final = frozenset({"billable", "not-billable", "billed", "unknown"})
_CHARGE_RETRACTED: Final = frozenset({"aborted", "entered-in-error"})
_CHARGE_STATUSES: Final = _CHARGED | _CHARGE_RETRACTED | {"planned"}


def flatten_claim(seen: Claim, batch: EventBatch) -> None:
    """What is asked for each item, and in all."""
    if (head := _head(seen, "Claim", batch)) is None:
        return
    before = len(batch.cells)
    _items(seen, head, "Claim", batch)
    amount, currency = paid(seen.total)
    if not isnan(amount):
        _total(seen, head, "Claim", "", amount, currency, batch)
    if len(batch.cells) == before:
        batch.skipped["Claim: no item and no total"] += 1


def flatten_explanation_of_benefit(seen: ExplanationOfBenefit, batch: EventBatch) -> None:
    """What was settled for each item, and the sums by their categories."""
    if (head := _head(seen, "ExplanationOfBenefit", batch)) is None:
        return
    before = len(batch.cells)
    _items(seen, head, "ExplanationOfBenefit", batch)
    for total in seen.total or ():
        amount, currency = paid(total.amount if total is not None else None)
        if total is None or isnan(amount):
            batch.losses["ExplanationOfBenefit: total without an amount"] += 1
            continue
        _total(seen, head, "ExplanationOfBenefit", tokens_of(total.category), amount, currency, batch)
    if len(batch.cells) == before:
        batch.skipped["ExplanationOfBenefit: no item and no total"] += 1


def flatten_charge_item(seen: ChargeItem, batch: EventBatch) -> None:
    """One charge."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["ChargeItem: no patient"] += 1
        return
    resource = f"ChargeItem/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "ChargeItem")
    if seen.status not in _CHARGED:
        skip_status(batch, "ChargeItem", seen.status, _CHARGE_STATUSES)
        if seen.status in _CHARGE_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not (codes := tokens_of(seen.code)):
        batch.skipped["ChargeItem: no code"] += 1
        return

    entered = instant(seen.entered_date, batch, "ChargeItem")
    time, end = happened((seen.occurrence_date_time,), (seen.occurrence_period,), batch, "ChargeItem")
    own = first_of(end, time)
    time = first_of(time, entered)
    if time == NAT:
        batch.losses["ChargeItem: no time"] += 1
    known, assumed = known_at(entered, updated, own)
    price = seen.price_override
    if price is None and seen.total_price_component is not None:
        price = seen.total_price_component.amount
    value, unit = paid(price)
    encounter = stay_of(seen.context or seen.encounter)
    batch.cells.extend(
        (patient, "ChargeItem.code", codes, unit, "", resource, encounter, time, end, known, updated, assumed, value)
    )  # fmt: skip


class _Head:
    """What the events of one claim share."""

    __slots__ = ("assumed", "created", "encounter", "end", "known", "patient", "resource", "start", "updated")

    def __init__(self, patient: str, resource: str, updated: int) -> None:
        self.patient, self.resource, self.updated = patient, resource, updated
        self.created = self.start = self.end = self.known = NAT
        self.assumed, self.encounter = False, ""


def _head(seen: Claim | ExplanationOfBenefit, kind: str, batch: EventBatch) -> _Head | None:
    """Whose claim it is, of when, and since when it is known; None if it is no cost, which is counted."""
    patient = target(seen.patient, "Patient/")
    if not patient:
        batch.skipped[f"{kind}: no patient"] += 1
        return None
    resource = f"{kind}/{seen.id}" if seen.id else ""
    head = _Head(patient, resource, updated_of(seen.meta, batch, kind))
    if seen.status != "active":
        skip_status(batch, kind, seen.status, _CLAIM_STATUSES)
        if seen.status in _CLAIM_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=head.updated)
        return None
    if seen.use in _IN_ADVANCE:
        batch.skipped[f"{kind}: {seen.use}"] += 1
        return None
    head.created = instant(seen.created, batch, kind)
    head.start, head.end = span(seen.billable_period, batch, kind)
    head.known, head.assumed = known_at(head.created, head.updated, first_of(head.end, head.start))
    for item in seen.item or ():
        for stay in (item.encounter or ()) if item is not None else ():
            head.encounter = head.encounter or stay_of(stay)
    if first_of(head.start, head.end, head.created) == NAT:
        batch.losses[f"{kind}: no time"] += 1
    return head


def _items(seen: Claim | ExplanationOfBenefit, head: _Head, kind: str, batch: EventBatch) -> None:
    for item in seen.item or ():
        if item is None or not (codes := tokens_of(item.product_or_service)):
            batch.losses[f"{kind}: item without a code"] += 1
            continue
        start, end = _served(item, head, batch, kind)
        value, unit = paid(item.net)
        own = next((stay for one in item.encounter or () if (stay := stay_of(one))), head.encounter)
        batch.cells.extend(
            (head.patient, f"{kind}.item", codes, unit, "", head.resource, own, start, end,
             head.known, head.updated, head.assumed, value)
        )  # fmt: skip


def _served(item: ClaimItem, head: _Head, batch: EventBatch, kind: str) -> tuple[int, int]:
    """When the item was given: as it says, else within the time of the whole claim."""
    period: Period | None = item.serviced_period
    start, end = happened((item.serviced_date,), (period,), batch, kind)
    if start == NAT:
        return first_of(head.start, head.end, head.created), head.end
    return start, end


def _total(
    seen: Claim | ExplanationOfBenefit, head: _Head, kind: str, codes: str, amount: float, currency: str, batch: EventBatch
) -> None:  # fmt: skip
    batch.cells.extend(
        (head.patient, f"{kind}.total", codes, currency, "", head.resource, head.encounter,
         first_of(head.start, head.end, head.created), head.end, head.known, head.updated, head.assumed, amount)
    )  # fmt: skip
