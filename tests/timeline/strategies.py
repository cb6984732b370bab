"""Arbitrary events and arbitrary resource-shaped JSON."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from services.timeline.events import RETRACTED, EventBatch
from services.timeline.instants import ALWAYS, FOREVER, NAT
from services.timeline.resources import READ, Resource
from tests.timeline.every_resource import EVERY

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


def _names(kind: Any) -> set[str]:
    """The JSON names of every field that is read of a type, and of the elements in it."""
    found: set[str] = set()
    waiting = [kind]
    met: set[Any] = set()
    while waiting:
        one = waiting.pop()
        if one in met:
            continue
        met.add(one)
        waiting.extend(get_args(one))
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            for field in msgspec.structs.fields(one):
                found.add(field.encode_name)
                waiting.append(field.type)
    return found


_NAMES = sorted(_names(Resource))
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
            "2024-03-31T01:30:00+01:00",
            "2024-05",
            "1e5",
            "true",
            "urn:uuid:0b1c",
            "Location/1",
            "permit",
            "http://loinc.org",
        ]
    )
)
JSON = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=12,
)
KINDS = st.sampled_from(sorted(READ))
_REFERENCE = st.just({"reference": "Patient/p"}) | JSON
_STATUS = st.sampled_from(["final", "finished", "active", "completed", "entered-in-error", "draft"]) | JSON


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    """Something of the shape of a resource, with any content."""
    made: dict[str, Any] = {"resourceType": draw(KINDS | JSON), "status": draw(_STATUS)}
    for whose in ("subject", "patient", "for", "beneficiary"):
        made[whose] = draw(_REFERENCE)
    return made | draw(st.dictionaries(st.sampled_from(_NAMES), JSON, max_size=8))


_STATUSES = ["entered-in-error", "cancelled", "draft", "not-done", "active", "completed", "final", "finished", "noshow"]


@st.composite
def valid_resources(draw: st.DrawFn) -> dict[str, Any]:
    """A well-formed resource of any type, of few patients, ids, versions and statuses, so that all collides."""
    made = deepcopy(EVERY[draw(KINDS)])
    if made["resourceType"] != "Patient":
        made["id"] = draw(st.sampled_from(["1", "1", "2"]))
    made["meta"] = draw(st.sampled_from([{}, {"lastUpdated": "2024-04-01"}, {"lastUpdated": "2024-05-01"}]))
    if "status" in made and draw(st.booleans()):
        made["status"] = draw(st.sampled_from(_STATUSES))
    whose = next((name for name in ("subject", "patient", "for", "beneficiary") if name in made), None)
    if whose is not None:
        made[whose] = {
            "reference": draw(st.sampled_from(["Patient/p", "urn:uuid:p", "https://x.org/Patient/q/_history/1"]))
        }
    return made


@st.composite
def damaged_resources(draw: st.DrawFn) -> dict[str, Any]:
    """A well-formed resource in which some things are missing or are something else."""
    made = draw(valid_resources())
    for _ in range(draw(st.integers(1, 3))):
        inside: Any = made
        while True:
            places = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            if not places:
                break
            place = draw(st.sampled_from(places))
            if isinstance(inside[place], dict | list) and inside[place] and draw(st.booleans()):
                inside = inside[place]
                continue
            if draw(st.booleans()):
                del inside[place]
            else:
                inside[place] = draw(JSON)
            break
    return made


ANY_RESOURCE = valid_resources() | damaged_resources() | resources()
"""Well-formed, damaged, or of the shape of a resource only."""
