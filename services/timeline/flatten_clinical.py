"""Conditions and procedures: what the patient has, and what was done.

Refuted conditions and procedures that were not done are retracted; a diagnosis still under suspicion is no fact.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.concepts import plain_code, target, tokens_of
from services.timeline.events import EventBatch
from services.timeline.facts import first_of, instant, known_at, retract, skip_status, updated_of
from services.timeline.instants import NAT
from services.timeline.resources import Condition, Procedure

_REFUTED: Final = frozenset({"refuted", "entered-in-error"})
_SUSPECTED: Final = frozenset({"unconfirmed", "provisional", "differential"})
_OVER: Final = frozenset({"inactive", "resolved", "remission"})

_DONE: Final = frozenset({"completed", "in-progress"})
_NOT_DONE: Final = frozenset({"not-done", "entered-in-error"})
_PROCEDURE_STATUSES: Final = _DONE | _NOT_DONE | {"preparation", "on-hold", "stopped", "unknown"}


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
    onset = instant(seen.onset_date_time, batch, "Condition")
    if onset == NAT and seen.onset_period is not None:
        onset = instant(seen.onset_period.start, batch, "Condition")
    end = instant(seen.abatement_date_time, batch, "Condition")
    if end == NAT and seen.abatement_period is not None:
        end = first_of(
            instant(seen.abatement_period.end, batch, "Condition"),
            instant(seen.abatement_period.start, batch, "Condition"),
        )
    if end == NAT and plain_code(seen.clinical_status) in _OVER:
        end = updated  # over by then: the only date there is
    time = first_of(onset, recorded)
    if time == NAT:
        batch.skipped["Condition: no time"] += 1
    known, assumed = known_at(recorded, updated, onset)
    stay = target(seen.encounter, "Encounter/")
    encounter = f"Encounter/{stay}" if stay else ""
    batch.cells.extend(
        (patient, "Condition.code", codes, "", "", resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_procedure(seen: Procedure, batch: EventBatch) -> None:
    """Something done, known when it ended; its first version says better when that was written down."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["Procedure: no patient"] += 1
        return
    resource = f"Procedure/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Procedure")
    if seen.status not in _DONE:
        skip_status(batch, "Procedure", seen.status, _PROCEDURE_STATUSES)
        if seen.status in _NOT_DONE:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not (codes := tokens_of(seen.code)):
        batch.skipped["Procedure: no code"] += 1
        return

    time, end = instant(seen.performed_date_time, batch, "Procedure"), NAT
    if time == NAT and seen.performed_period is not None:
        time = instant(seen.performed_period.start, batch, "Procedure")
        end = instant(seen.performed_period.end, batch, "Procedure")
        time = first_of(time, end)
    if time == NAT:
        batch.skipped["Procedure: no time"] += 1
    first = updated if seen.meta is not None and seen.meta.version_id == "1" else NAT
    # A later version's lastUpdated says nothing of the first: the end of the procedure is nearer to the truth.
    own = first_of(end, time)
    known, assumed = known_at(first, updated if own == NAT else NAT, own)
    stay = target(seen.encounter, "Encounter/")
    encounter = f"Encounter/{stay}" if stay else ""
    batch.cells.extend(
        (patient, "Procedure.code", codes, "", "", resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip
