"""What the patient has: diagnoses, allergies, and what runs in the family.

What is refuted is retracted. A diagnosis still under suspicion is no fact; an allergy that nobody has confirmed is
one, for it is heeded all the same.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.concepts import plain_code, target, tokens_of
from services.timeline.elements import Concept, Period
from services.timeline.events import EventBatch
from services.timeline.facts import first_of, instant, known_at, retract, skip_status, stay_of, updated_of
from services.timeline.instants import NAT
from services.timeline.resources_findings import AllergyIntolerance, Condition
from services.timeline.resources_patient import FamilyMemberHistory
from services.timeline.values import NO_ANSWER, quantity_said

_REFUTED: Final = frozenset({"refuted", "entered-in-error"})
_SUSPECTED: Final = frozenset({"unconfirmed", "provisional", "differential"})
_OVER: Final = frozenset({"inactive", "resolved", "remission"})

_TOLD: Final = frozenset({"partial", "completed"})
_FAMILY_STATUSES: Final = _TOLD | {"entered-in-error", "health-unknown"}


def flatten_condition(seen: Condition, batch: EventBatch) -> None:
    """A diagnosis, from onset (else from when it was recorded) to abatement."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["Condition: no patient"] += 1
        return
    resource = f"Condition/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Condition")
    verified = plain_code(seen.verification_status)
    if verified in _REFUTED or verified in _SUSPECTED:
        batch.skipped[f"Condition: {verified}"] += 1
        if verified in _REFUTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not (codes := tokens_of(seen.code)):
        batch.skipped["Condition: no code"] += 1
        return

    recorded = instant(seen.recorded_date, batch, "Condition")
    onset = _onset(seen.onset_date_time, seen.onset_period, batch, "Condition")
    end = instant(seen.abatement_date_time, batch, "Condition")
    if end == NAT and seen.abatement_period is not None:
        end = first_of(
            instant(seen.abatement_period.end, batch, "Condition"),
            instant(seen.abatement_period.start, batch, "Condition"),
        )
    if end == NAT:
        end = _over(seen.clinical_status, updated)
    time = first_of(onset, recorded)
    if time == NAT:
        batch.losses["Condition: no time"] += 1
    known, assumed = known_at(recorded, updated, onset)
    encounter = stay_of(seen.encounter)
    batch.cells.extend(
        (patient, "Condition.code", codes, "", "", resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_allergy_intolerance(seen: AllergyIntolerance, batch: EventBatch) -> None:
    """An allergy, from onset (else from when it was recorded) until it is said to be over."""
    patient = target(seen.patient, "Patient/")
    if not patient:
        batch.skipped["AllergyIntolerance: no patient"] += 1
        return
    resource = f"AllergyIntolerance/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "AllergyIntolerance")
    verified = plain_code(seen.verification_status)
    if verified in _REFUTED:
        batch.skipped[f"AllergyIntolerance: {verified}"] += 1
        retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not (codes := tokens_of(seen.code)):
        batch.skipped["AllergyIntolerance: no code"] += 1
        return

    recorded = instant(seen.recorded_date, batch, "AllergyIntolerance")
    onset = _onset(seen.onset_date_time, seen.onset_period, batch, "AllergyIntolerance")
    time, end = first_of(onset, recorded), _over(seen.clinical_status, updated)
    if time == NAT:
        batch.losses["AllergyIntolerance: no time"] += 1
    known, assumed = known_at(recorded, updated, onset)
    encounter = stay_of(seen.encounter)
    batch.cells.extend(
        (patient, "AllergyIntolerance.code", codes, "", "", resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_family_member_history(seen: FamilyMemberHistory, batch: EventBatch) -> None:
    """What a relative had: the relationship is the answer, the age at onset the value."""
    patient = target(seen.patient, "Patient/")
    if not patient:
        batch.skipped["FamilyMemberHistory: no patient"] += 1
        return
    resource = f"FamilyMemberHistory/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "FamilyMemberHistory")
    if seen.status not in _TOLD:
        skip_status(batch, "FamilyMemberHistory", seen.status, _FAMILY_STATUSES)
        if seen.status == "entered-in-error":
            retract(batch, patient=patient, resource=resource, updated=updated)
        return

    time = instant(seen.date, batch, "FamilyMemberHistory")
    known, assumed = known_at(time, updated, NAT)
    relationship = tokens_of(seen.relationship)
    before = len(batch.cells)
    for one in seen.condition or ():
        if one is None or not (codes := tokens_of(one.code)):
            batch.losses["FamilyMemberHistory: condition without a code"] += 1
            continue
        age = quantity_said(one.onset_age, batch, "FamilyMemberHistory") if one.onset_age is not None else None
        value, unit, _ = age or NO_ANSWER
        batch.cells.extend(
            (patient, "FamilyMemberHistory.condition", codes, unit, relationship, resource, "", time, NAT, known, updated, assumed, value)
        )  # fmt: skip
    if len(batch.cells) == before:
        batch.skipped["FamilyMemberHistory: no condition"] += 1
    elif time == NAT:
        batch.losses["FamilyMemberHistory: no time"] += 1


def _onset(moment: str | None, period: Period | None, batch: EventBatch, kind: str) -> int:
    """Since when."""
    onset = instant(moment, batch, kind)
    return instant(period.start, batch, kind) if onset == NAT and period is not None else onset


def _over(clinical_status: Concept | None, updated: int) -> int:
    """The end of what is over but gives no end: when that was stored, the only date there is."""
    return updated if plain_code(clinical_status) in _OVER else NAT
