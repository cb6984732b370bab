"""Small guidances and timelines for the tests of features, formulas, prefetch and outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.guidance.definition import Guidance
from services.timeline.codes import ValueSets
from services.timeline.coverage import Coverage
from services.timeline.events import EventBatch
from services.timeline.instants import ALWAYS, NAT, parse_instant
from services.timeline.timeline import IndexRows, Timeline, assemble

LOINC = "http://loinc.org|"
ICD = "http://hl7.org/fhir/sid/icd-10-cm|"
CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode|"
PRIORITY = "http://terminology.hl7.org/CodeSystem/v3-ActPriority|"
DISPOSITION = "http://terminology.hl7.org/CodeSystem/discharge-disposition|"
GENDER = "http://hl7.org/fhir/administrative-gender|"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm|"

VALUE_SETS = ValueSets.from_mapping(
    {
        "version": "1",
        "value_sets": {
            "inpatient": {"include": [{"system": CLASS[:-1], "concepts": [{"code": "IMP"}, {"code": "ACUTE"}]}]},
            "emergency": {"include": [{"system": CLASS[:-1], "concepts": [{"code": "EMER"}]}]},
            "diabetes": {"include": [{"system": ICD[:-1], "concepts": [{"code": "E11", "match": "prefix"}]}]},
            "died": {"include": [{"system": DISPOSITION[:-1], "concepts": [{"code": "exp"}]}]},
            "maintenance": {"include": [{"system": ICD[:-1], "concepts": [{"code": "Z51", "match": "prefix"}]}]},
            "elective": {"include": [{"system": PRIORITY[:-1], "concepts": [{"code": "EL"}]}]},
            "acute": {"include": [{"system": ICD[:-1], "concepts": [{"code": "I21", "match": "prefix"}]}]},
        },
    }
)


def guidance_with(features: Mapping[str, Mapping[str, Any]], **changes: object) -> Guidance:
    """A guidance that is valid but for what a test is about."""
    whole: dict[str, Any] = {
        "id": "example",
        "version": "1.0.0",
        "title": "An example",
        "description": "An example",
        "about": {
            "question": "?", "intended_use": "tests", "intended_users": ["tests"], "not_for": ["patients"],
            "harm_of_false_positive": "none", "harm_of_false_negative": "none", "equity": "none", "developer": "tests",
            "funding": "none",
        },
        "hooks": [{"hook": "patient-view"}],
        "index": {"stay": {"value_set": "inpatient"}},
        "population": {},
        "features": {name: {"label": name, **feature} for name, feature in features.items()},
        "outcome": {
            "kind": "readmission", "name": "readmission", "happens": "come back", "horizon_days": 30,
            "died": {"value_set": "died"},
            "planned": {
                "always": {"value_set": "maintenance"}, "elective": {"value_set": "elective"},
                "acute": {"value_set": "acute"},
            },
        },
        "policy": {"bands": [{"name": "high", "when": "risk > 0.5"}]},
    }  # fmt: skip
    return Guidance.model_validate(whole | changes)


def at(text: str) -> int:
    """A moment."""
    moment = parse_instant(text)
    assert moment != NAT
    return moment


def timeline_of(
    events: Sequence[Mapping[str, Any]], *, coverage: Coverage | None = None, all_known: bool = False
) -> Timeline:
    """A timeline of events by name; what is known as it happens need not say so."""
    batch = EventBatch()
    for number, event in enumerate(events):
        time = event.get("time", NAT)
        batch.add(**{"patient": "p", "known": time, "resource": f"Resource/{number}", **event})
    return assemble(batch, coverage=coverage or Coverage(otherwise=ALWAYS), all_known=all_known)


def lab(code: str, value: float, time: int, **more: Any) -> dict[str, Any]:
    """An Observation."""
    return {"field": "Observation.code", "codes": LOINC + code, "value": value, "time": time, **more}


def stay(name: str, start: int, end: int = NAT, *, of: str = "IMP", **more: Any) -> dict[str, Any]:
    """An Encounter."""
    encounter = f"Encounter/{name}"
    return {
        "field": "Encounter.class", "codes": CLASS + of, "time": start, "end": end, "resource": encounter,
        "encounter": encounter, **more,
    }  # fmt: skip


def row(timeline: Timeline, rows: IndexRows, place: int) -> IndexRows:
    """One of several rows, alone."""
    part = slice(place, place + 1)
    return IndexRows(
        patient=rows.patient[part], at=rows.at[part], encounter=rows.encounter[part], start=rows.start[part]
    )
