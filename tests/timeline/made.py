"""Small resources and small questions, for the tests of this room."""

from __future__ import annotations

from typing import Any

import msgspec

from services.timeline.events import COLUMNS, EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import parse_instant
from services.timeline.timeline import Timeline

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def at(text: str) -> int:
    """Microseconds of a time."""
    return parse_instant(text)


def concept(*codes: tuple[str, str], text: str | None = None) -> dict[str, Any]:
    """A CodeableConcept."""
    said: dict[str, Any] = {"coding": [{"system": system, "code": code} for system, code in codes]} if codes else {}
    return said | ({"text": text} if text else {})


def resource(kind: str, name: str | None = "1", /, **fields: Any) -> dict[str, Any]:
    """A resource of patient p; a field of None is left out."""
    made = {"resourceType": kind, "id": name, "subject": {"reference": "Patient/p"}} | fields
    return {key: value for key, value in made.items() if value is not None}


def observation(name: str | None = "1", /, **fields: Any) -> dict[str, Any]:
    """A final creatinine of 1.2 mg/dL, of noon, issued an hour later."""
    usual = {
        "status": "final",
        "code": concept((LOINC, "2160-0")),
        "effectiveDateTime": "2024-03-01T12:00:00Z",
        "issued": "2024-03-01T13:00:00Z",
        "valueQuantity": {"value": 1.2, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
    }
    return resource("Observation", name, **(usual | fields))


def encounter(name: str | None = "s", /, **fields: Any) -> dict[str, Any]:
    """A finished inpatient stay of ten days."""
    usual = {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "period": {"start": "2024-03-01T08:00:00Z", "end": "2024-03-11T10:00:00Z"},
    }
    return resource("Encounter", name, **(usual | fields))


def batch_of(*resources: dict[str, Any]) -> EventBatch:
    """The events of resources, as they would come over the wire."""
    batch = EventBatch()
    for one in resources:
        flatten_json(msgspec.json.encode(one), batch)
    return batch


def rows_of(batch: EventBatch) -> list[dict[str, Any]]:
    """The events of a batch by column name."""
    step = len(COLUMNS)
    return [
        dict(zip(COLUMNS, batch.cells[place : place + step], strict=True)) for place in range(0, len(batch.cells), step)
    ]


def only(batch: EventBatch) -> dict[str, Any]:
    """The one event of a batch."""
    (row,) = rows_of(batch)
    return row


def seen(timeline: Timeline, when: int) -> set[tuple[Any, ...]]:
    """The facts that are visible at a time: (patient, field, codes, answer, unit, value, time, resource, encounter)."""
    facts = set()
    for place, patient in enumerate(timeline.patients):
        for row in range(timeline.starts[place], timeline.starts[place + 1]):
            if timeline.known[row] <= when < timeline.until[row] and timeline.time[row] <= when:
                facts.add(
                    (
                        patient,
                        timeline.fields[timeline.field[row]],
                        timeline.code_words[timeline.codes[row]],
                        timeline.answer_words[timeline.answer[row]],
                        timeline.unit_words[timeline.unit[row]],
                        repr(float(timeline.value[row])),
                        int(timeline.time[row]),
                        timeline.resource_words[timeline.resource[row]],
                        timeline.encounter_words[timeline.encounter[row]],
                    )
                )
    return facts
