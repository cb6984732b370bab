"""Resources become events: the one door for bedside and history alike. Odd content is counted, never raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from services.timeline.events import EventBatch
from services.timeline.flatten_clinical import flatten_condition, flatten_procedure
from services.timeline.flatten_encounter import flatten_encounter
from services.timeline.flatten_observation import flatten_observation
from services.timeline.flatten_orders import flatten_medication, flatten_medication_request, flatten_service_request
from services.timeline.flatten_patient import flatten_patient
from services.timeline.resources import (
    Condition,
    Encounter,
    Medication,
    MedicationRequest,
    Observation,
    Patient,
    Procedure,
    Resource,
    ServiceRequest,
    Skip,
    decode_repaired,
    decode_strict,
)

_FLATTEN: Final[dict[type[Resource], Callable[[Any, EventBatch], None]]] = {
    Patient: flatten_patient,
    Encounter: flatten_encounter,
    Condition: flatten_condition,
    Observation: flatten_observation,
    MedicationRequest: flatten_medication_request,
    Medication: flatten_medication,
    Procedure: flatten_procedure,
    ServiceRequest: flatten_service_request,
}


def flatten(resource: Resource, batch: EventBatch) -> None:
    """Append the events of one resource; what states no fact is counted in `batch.skipped`."""
    _FLATTEN[type(resource)](resource, batch)


def flatten_json(raw: bytes | msgspec.Raw, batch: EventBatch) -> bool:
    """Append the events of one resource from its JSON; False if it gave none."""
    before = len(batch.cells)
    resource = decode_strict(raw)
    if resource is None:
        try:
            resource = decode_repaired(raw)
        except Skip as skip:
            batch.skipped[skip.reason] += 1
            return False
        batch.skipped[f"{type(resource).__name__}: read with repairs"] += 1
    _FLATTEN[type(resource)](resource, batch)
    return len(batch.cells) > before
