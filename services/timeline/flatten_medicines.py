"""Medicines: ordered, given, taken, and vaccines. If only a reference names one, the timeline looks up its code.

State comes from dates, never from today's `status`: an order that is stopped now was active then. What was only
proposed, drafted or forbidden ("do not perform"), is meant to be taken or was not given, is no fact.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.codes import token
from services.timeline.concepts import target, tokens_of
from services.timeline.events import EventBatch
from services.timeline.facts import (
    first_of,
    happened,
    instant,
    known_at,
    known_when_done,
    retract,
    skip_status,
    span,
    stay_of,
    updated_of,
)
from services.timeline.instants import ALWAYS, NAT
from services.timeline.orders import is_ordered, over_since
from services.timeline.resources_medicines import (
    Immunization,
    Medication,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
)
from services.timeline.values import NO_ANSWER, quantity_said

_ORDER_RETRACTED: Final = frozenset({"cancelled", "entered-in-error"})
_ORDER_NO_FACT: Final = _ORDER_RETRACTED | {"draft"}
_ORDER_OVER: Final = frozenset({"stopped", "completed", "ended"})

_GIVEN: Final = frozenset({"in-progress", "completed", "on-hold", "stopped"})
_NOT_GIVEN: Final = frozenset({"not-done", "entered-in-error"})
_GIVEN_STATUSES: Final = _GIVEN | _NOT_GIVEN | {"unknown"}

_NOT_TAKEN: Final = frozenset({"not-taken", "entered-in-error"})
_TAKEN: Final = frozenset({"active", "completed", "stopped", "on-hold", "recorded"})
_TAKEN_OVER: Final = frozenset({"completed", "stopped"})
_TAKEN_STATUSES: Final = _TAKEN | _NOT_TAKEN | {"intended", "draft", "unknown"}

_VACCINE_STATUSES: Final = frozenset({"completed", "not-done", "entered-in-error"})


def flatten_medication_request(seen: MedicationRequest, batch: EventBatch) -> None:
    """An ordered medicine, from when it was written to when it ends; its route stands where a number has its unit."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["MedicationRequest: no patient"] += 1
        return
    resource = f"MedicationRequest/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "MedicationRequest")
    if seen.status in _ORDER_NO_FACT:
        skip_status(batch, "MedicationRequest", seen.status, _ORDER_NO_FACT)
        if seen.status in _ORDER_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not is_ordered(seen.intent, forbidden=seen.do_not_perform, batch=batch, kind="MedicationRequest"):
        return
    codes, answer = _medicine(seen)
    if not codes and not answer:
        batch.skipped["MedicationRequest: no medication"] += 1
        return

    authored = instant(seen.authored_on, batch, "MedicationRequest")
    begin, end = _dosed(seen, batch)
    if end == NAT and seen.dispense_request is not None and seen.dispense_request.validity_period is not None:
        end = instant(seen.dispense_request.validity_period.end, batch, "MedicationRequest")
    if end == NAT and seen.status in _ORDER_OVER:
        end = over_since(updated, batch, "MedicationRequest")
    time = first_of(authored, begin)
    if time == NAT:
        batch.losses["MedicationRequest: no time"] += 1
    known, assumed = known_at(authored, updated, time)
    stay = target(seen.encounter, "Encounter/")
    encounter = f"Encounter/{stay}" if stay else ""
    batch.cells.extend(
        (patient, "MedicationRequest.medication", codes, _route(seen), answer, resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_medication_administration(seen: MedicationAdministration, batch: EventBatch) -> None:
    """A medicine that was given, with the dose; of one that was stopped, a part was given."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["MedicationAdministration: no patient"] += 1
        return
    resource = f"MedicationAdministration/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "MedicationAdministration")
    if seen.status not in _GIVEN:
        skip_status(batch, "MedicationAdministration", seen.status, _GIVEN_STATUSES)
        if seen.status in _NOT_GIVEN:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    codes, answer = _medicine(seen)
    if not codes and not answer:
        batch.skipped["MedicationAdministration: no medication"] += 1
        return

    time, end = happened(
        (seen.effective_date_time, seen.occurence_date_time, seen.occurrence_date_time),
        (seen.effective_period, seen.occurence_period, seen.occurrence_period),
        batch,
        "MedicationAdministration",
    )
    if time == NAT:
        batch.losses["MedicationAdministration: no time"] += 1
    # An infusion is known as it starts, unlike an operation: it is charted then.
    recorded = instant(seen.recorded, batch, "MedicationAdministration")
    known, assumed = known_when_done(recorded, seen.meta, updated, time)
    dose = seen.dosage.dose if seen.dosage is not None else None
    said = quantity_said(dose, batch, "MedicationAdministration") if dose is not None else None
    value, unit, _ = said or NO_ANSWER
    encounter = stay_of(seen.context or seen.encounter)
    batch.cells.extend(
        (patient, "MedicationAdministration.medication", codes, unit, answer, resource, encounter, time, end, known, updated, assumed, value)
    )  # fmt: skip


def flatten_medication_statement(seen: MedicationStatement, batch: EventBatch) -> None:
    """A medicine that the patient is said to take, or to have taken: known when that was said."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["MedicationStatement: no patient"] += 1
        return
    resource = f"MedicationStatement/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "MedicationStatement")
    if seen.status not in _TAKEN:
        skip_status(batch, "MedicationStatement", seen.status, _TAKEN_STATUSES)
        if seen.status in _NOT_TAKEN:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    codes, answer = _medicine(seen)
    if not codes and not answer:
        batch.skipped["MedicationStatement: no medication"] += 1
        return

    said = instant(seen.date_asserted, batch, "MedicationStatement")
    start = instant(seen.effective_date_time, batch, "MedicationStatement")
    end = NAT
    if seen.effective_period is not None:
        start, end = span(seen.effective_period, batch, "MedicationStatement")
    time = first_of(start, said, end)
    if end == NAT and seen.status in _TAKEN_OVER:
        end = first_of(said, updated)
        if end == NAT:
            batch.losses["MedicationStatement: over, but no date says when"] += 1
    if time == NAT:
        batch.losses["MedicationStatement: no time"] += 1
    known, assumed = known_at(said, updated, time)
    encounter = stay_of(seen.context or seen.encounter)
    batch.cells.extend(
        (patient, "MedicationStatement.medication", codes, "", answer, resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_immunization(seen: Immunization, batch: EventBatch) -> None:
    """A vaccine that was given: known when it was recorded, for many are told years later."""
    patient = target(seen.patient, "Patient/")
    if not patient:
        batch.skipped["Immunization: no patient"] += 1
        return
    resource = f"Immunization/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Immunization")
    if seen.status != "completed":
        skip_status(batch, "Immunization", seen.status, _VACCINE_STATUSES)
        if seen.status in _VACCINE_STATUSES:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not (codes := tokens_of(seen.vaccine_code)):
        batch.skipped["Immunization: no code"] += 1
        return

    time = instant(seen.occurrence_date_time, batch, "Immunization")
    if time == NAT:
        batch.losses["Immunization: no time"] += 1
    known, assumed = known_when_done(instant(seen.recorded, batch, "Immunization"), seen.meta, updated, time)
    encounter = stay_of(seen.encounter)
    batch.cells.extend(
        (patient, "Immunization.vaccineCode", codes, "", "", resource, encounter, time, NAT, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_medication(seen: Medication, batch: EventBatch) -> None:
    """How a medicine that others point to is coded: an event of no patient, which `assemble` uses up."""
    codes = tokens_of(seen.code)
    if not seen.id or not codes or seen.status == "entered-in-error":
        batch.skipped["Medication: no id or no code"] += 1
        return
    updated = updated_of(seen.meta, batch, "Medication")
    batch.cells.extend(
        ("", "Medication.code", codes, "", "", f"Medication/{seen.id}", "", NAT, NAT, ALWAYS, updated, False, nan)
    )  # fmt: skip


def _medicine(seen: MedicationRequest | MedicationAdministration | MedicationStatement) -> tuple[str, str]:
    """How the medicine is coded, and the `Medication/id` where that is said if it is not said here."""
    if codes := tokens_of(seen.medication_codeable_concept):
        return codes, ""
    named = seen.medication_reference
    if seen.medication is not None:  # R5
        if codes := tokens_of(seen.medication.concept):
            return codes, ""
        named = seen.medication.reference or named
    if named is None:
        return "", ""
    if named.reference is not None and named.reference.startswith("#"):
        for inner in seen.contained or ():
            if inner is not None and inner.id == named.reference[1:] and (codes := tokens_of(inner.code)):
                return codes, ""
    elsewhere = target(named, "Medication/")
    shown = token("", named.display) if named.display else ""
    return shown, f"Medication/{elsewhere}" if elsewhere else ""


def _route(seen: MedicationRequest) -> str:
    """By which route it goes, as codes; "" if a dosage does not say so, or they differ."""
    routes = {tokens_of(dosage.route) if dosage is not None else "" for dosage in seen.dosage_instruction or ()}
    return routes.pop() if len(routes) == 1 else ""


def _dosed(seen: MedicationRequest, batch: EventBatch) -> tuple[int, int]:
    """From the first start to the last end of the dosages that say so."""
    begin = end = NAT
    for dosage in seen.dosage_instruction or ():
        if dosage is None or dosage.timing is None or dosage.timing.repeat is None:
            continue
        start, until = span(dosage.timing.repeat.bounds_period, batch, "MedicationRequest")
        begin = start if begin == NAT else min(begin, start) if start != NAT else begin
        end = max(end, until)
    return begin, end
