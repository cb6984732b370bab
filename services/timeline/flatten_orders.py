"""Orders: medicines and services, from when they were written to when they end.

State comes from dates, never from today's `status`: an order that is stopped now was active then. What was only
proposed, drafted or forbidden ("do not perform") is no order.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.codes import token
from services.timeline.concepts import target, tokens_of
from services.timeline.events import EventBatch
from services.timeline.facts import first_of, instant, known_at, retract, skip_status, updated_of
from services.timeline.instants import ALWAYS, NAT
from services.timeline.resources import Medication, MedicationRequest, ServiceRequest

_NOT_ORDERED: Final = frozenset({"proposal", "plan", "option"})

_MEDICATION_RETRACTED: Final = frozenset({"cancelled", "entered-in-error"})
_MEDICATION_NO_FACT: Final = _MEDICATION_RETRACTED | {"draft"}
_MEDICATION_OVER: Final = frozenset({"stopped", "completed"})

_SERVICE_RETRACTED: Final = frozenset({"entered-in-error"})
_SERVICE_NO_FACT: Final = _SERVICE_RETRACTED | {"draft"}
_SERVICE_OVER: Final = frozenset({"revoked", "completed"})


def flatten_medication_request(seen: MedicationRequest, batch: EventBatch) -> None:
    """An ordered medicine. If only a reference names it, the timeline looks up how that Medication is coded."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["MedicationRequest: no patient"] += 1
        return
    resource = f"MedicationRequest/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "MedicationRequest")
    if seen.status in _MEDICATION_NO_FACT:
        skip_status(batch, "MedicationRequest", seen.status, _MEDICATION_NO_FACT)
        if seen.status in _MEDICATION_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not _ordered(seen, batch, "MedicationRequest"):
        return
    codes, answer = _medicine(seen)
    if not codes and not answer:
        batch.skipped["MedicationRequest: no medication"] += 1
        return

    authored = instant(seen.authored_on, batch, "MedicationRequest")
    begin, end = _dosed(seen, batch)
    if end == NAT and seen.dispense_request is not None and seen.dispense_request.validity_period is not None:
        end = instant(seen.dispense_request.validity_period.end, batch, "MedicationRequest")
    if end == NAT and seen.status in _MEDICATION_OVER:
        end = _over(batch, "MedicationRequest", updated)
    time = first_of(authored, begin)
    if time == NAT:
        batch.skipped["MedicationRequest: no time"] += 1
    known, assumed = known_at(authored, updated, time)
    stay = target(seen.encounter, "Encounter/")
    encounter = f"Encounter/{stay}" if stay else ""
    batch.cells.extend(
        (patient, "MedicationRequest.medication", codes, "", answer, resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_service_request(seen: ServiceRequest, batch: EventBatch) -> None:
    """An ordered service."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["ServiceRequest: no patient"] += 1
        return
    resource = f"ServiceRequest/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "ServiceRequest")
    if seen.status in _SERVICE_NO_FACT:
        skip_status(batch, "ServiceRequest", seen.status, _SERVICE_NO_FACT)
        if seen.status in _SERVICE_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not _ordered(seen, batch, "ServiceRequest"):
        return
    if not (codes := tokens_of(seen.code)):
        batch.skipped["ServiceRequest: no code"] += 1
        return

    authored = instant(seen.authored_on, batch, "ServiceRequest")
    begin = end = NAT
    if seen.occurrence_period is not None:
        begin = instant(seen.occurrence_period.start, batch, "ServiceRequest")
        end = instant(seen.occurrence_period.end, batch, "ServiceRequest")
    if end == NAT and seen.status in _SERVICE_OVER:
        end = _over(batch, "ServiceRequest", updated)
    time = first_of(authored, begin)
    if time == NAT:
        batch.skipped["ServiceRequest: no time"] += 1
    known, assumed = known_at(authored, updated, time)
    stay = target(seen.encounter, "Encounter/")
    encounter = f"Encounter/{stay}" if stay else ""
    batch.cells.extend(
        (patient, "ServiceRequest.code", codes, "", "", resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_medication(seen: Medication, batch: EventBatch) -> None:
    """How a medicine that orders point to is coded: an event of no patient, which `assemble` uses up."""
    codes = tokens_of(seen.code)
    if not seen.id or not codes or seen.status == "entered-in-error":
        batch.skipped["Medication: no id or no code"] += 1
        return
    updated = updated_of(seen.meta, batch, "Medication")
    batch.cells.extend(
        ("", "Medication.code", codes, "", "", f"Medication/{seen.id}", "", NAT, NAT, ALWAYS, updated, False, nan)
    )  # fmt: skip


def _ordered(seen: MedicationRequest | ServiceRequest, batch: EventBatch, kind: str) -> bool:
    """Whether somebody ordered that it be done."""
    if seen.intent in _NOT_ORDERED:
        batch.skipped[f"{kind}: intent {seen.intent}"] += 1
        return False
    if seen.do_not_perform:
        batch.skipped[f"{kind}: do not perform"] += 1
        return False
    return True


def _over(batch: EventBatch, kind: str, updated: int) -> int:
    """The end of an order that is over but gives no end: when that was stored, the latest it can be."""
    if updated == NAT:
        batch.skipped[f"{kind}: over, but no date says when"] += 1
    return updated


def _medicine(seen: MedicationRequest) -> tuple[str, str]:
    """How the medicine is coded, and the `Medication/id` where that is said if it is not said here."""
    if codes := tokens_of(seen.medication_codeable_concept):
        return codes, ""
    named = seen.medication_reference
    if named is None:
        return "", ""
    if named.reference is not None and named.reference.startswith("#"):
        for inner in seen.contained or ():
            if inner is not None and inner.id == named.reference[1:] and (codes := tokens_of(inner.code)):
                return codes, ""
    elsewhere = target(named, "Medication/")
    shown = token("", named.display) if named.display else ""
    return shown, f"Medication/{elsewhere}" if elsewhere else ""


def _dosed(seen: MedicationRequest, batch: EventBatch) -> tuple[int, int]:
    """From the first start to the last end of the dosages that say so."""
    begin = end = NAT
    for dosage in seen.dosage_instruction or ():
        if dosage is None or dosage.timing is None or dosage.timing.repeat is None:
            continue
        if (bounds := dosage.timing.repeat.bounds_period) is None:
            continue
        start = instant(bounds.start, batch, "MedicationRequest")
        begin = start if begin == NAT else min(begin, start) if start != NAT else begin
        end = max(end, instant(bounds.end, batch, "MedicationRequest"))
    return begin, end
