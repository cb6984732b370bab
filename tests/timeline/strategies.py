"""Arbitrary events and arbitrary resource-shaped JSON."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from services.timeline.events import RETRACTED, EventBatch
from services.timeline.instants import ALWAYS, FOREVER, NAT

_CONDITIONS = ("Condition/1", "Condition/2")
_MEDICATIONS = ("Medication/1", "Medication/2")
# Field → the resources it may stand in, and the answers it may give: few, so that everything collides.
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Patient.birthDate": (("Patient/1",), ("",)),
    "Encounter.class": (("Encounter/1", "Encounter/2", ""), ("",)),
    "Encounter.diagnosis": (("Encounter/1",), ("", "x|y", *_CONDITIONS)),
    "Condition.code": ((*_CONDITIONS, ""), ("",)),
    "Observation.code": (("Observation/1", "Condition/1", ""), ("", "x|y")),
    "MedicationRequest.medication": (("MedicationRequest/1",), ("", *_MEDICATIONS)),
    "Medication.code": (_MEDICATIONS, ("",)),
    RETRACTED: ((*_CONDITIONS, "Observation/1", "Encounter/1", "Medication/1"), ("",)),
}

TIMES = st.sampled_from([NAT, *range(6)])


@st.composite
def event_rows(draw: st.DrawFn, *, max_size: int = 12, versions: bool = True) -> list[tuple[Any, ...]]:
    """Rows in the order of `COLUMNS`, from so few words that everything collides with everything."""
    rows: list[tuple[Any, ...]] = []
    owners: dict[str, str] = {}
    for _ in range(draw(st.integers(0, max_size))):
        field = draw(st.sampled_from([field for field in _FIELDS if versions or field != RETRACTED]))
        resources, answers = _FIELDS[field]
        resource, patient = draw(st.sampled_from(resources)), draw(st.sampled_from(["p", "p", "q", ""]))
        if not versions:  # then a resource has one version, of one patient
            patient = owners.setdefault(resource, patient)
        rows.append(
            (
                patient,
                field,
                draw(st.sampled_from(["", "a|1", "b|2", "a|1\nb|2"])),
                draw(st.sampled_from(["", "mg/dL"])),
                draw(st.sampled_from(answers)),
                resource,
                draw(st.sampled_from(["", "Encounter/1", "Encounter/2"])),
                draw(TIMES),
                draw(TIMES),
                draw(st.sampled_from([ALWAYS, FOREVER, *range(6)])),
                draw(st.sampled_from([NAT, 1, 2, 3, 4])) if versions else NAT,
                draw(st.booleans()),
                draw(st.sampled_from([float("nan"), 0.0, -0.0, 1.5, -2.0, float("inf"), 1e308])),
            )
        )
    return rows


def batch_from(rows: list[tuple[Any, ...]]) -> EventBatch:
    """A batch of these rows."""
    batch = EventBatch()
    for row in rows:
        batch.cells.extend(row)
    return batch


_NAMES = [
    "id",
    "meta",
    "lastUpdated",
    "versionId",
    "status",
    "intent",
    "class",
    "type",
    "priority",
    "period",
    "start",
    "end",
    "subject",
    "encounter",
    "reference",
    "display",
    "code",
    "coding",
    "system",
    "text",
    "value",
    "unit",
    "comparator",
    "valueQuantity",
    "valueInteger",
    "valueBoolean",
    "valueCodeableConcept",
    "component",
    "dataAbsentReason",
    "effectiveDateTime",
    "effectivePeriod",
    "issued",
    "onsetDateTime",
    "recordedDate",
    "abatementDateTime",
    "clinicalStatus",
    "verificationStatus",
    "medicationCodeableConcept",
    "medicationReference",
    "contained",
    "authoredOn",
    "dosageInstruction",
    "timing",
    "repeat",
    "boundsPeriod",
    "dispenseRequest",
    "validityPeriod",
    "performedDateTime",
    "performedPeriod",
    "hospitalization",
    "dischargeDisposition",
    "diagnosis",
    "condition",
    "rank",
    "use",
    "birthDate",
    "gender",
    "deceasedBoolean",
    "deceasedDateTime",
    "extension",
    "url",
    "valueCoding",
    "communication",
    "language",
    "doNotPerform",
    "serviceProvider",
]
_PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "final",
            "active",
            "finished",
            "order",
            "Patient/p",
            "Condition/1",
            "2024-03-01",
            "2023-02-30",
            "1e5",
            "true",
            "http://loinc.org",
        ]
    )
)
JSON = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=12,
)
KINDS = st.sampled_from(
    ["Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Medication", "Procedure", "ServiceRequest"]
)  # fmt: skip
_REFERENCE = st.just({"reference": "Patient/p"}) | JSON
_STATUS = st.sampled_from(["final", "finished", "active", "completed", "entered-in-error", "draft"]) | JSON


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    """Something of the shape of a resource, with any content."""
    made: dict[str, Any] = {"resourceType": draw(KINDS | JSON), "subject": draw(_REFERENCE), "status": draw(_STATUS)}
    return made | draw(st.dictionaries(st.sampled_from(_NAMES), JSON, max_size=8))
