"""Small guidances and timelines for the tests of features, formulas, prefetch and outcome; one feature of every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from services.guidance.definition import Feature, Guidance
from services.guidance.feature_definition import COMPUTED
from services.guidance.features import FeaturePlan, compile_features
from services.timeline.codes import ValueSets
from services.timeline.coverage import Coverage
from services.timeline.events import EventBatch
from services.timeline.instants import ALWAYS, DAY, FOREVER, HOUR, NAT, parse_instant
from services.timeline.timeline import IndexRows, Timeline, assemble, index_rows

LOINC = "http://loinc.org|"
ICD = "http://hl7.org/fhir/sid/icd-10-cm|"
CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode|"
PRIORITY = "http://terminology.hl7.org/CodeSystem/v3-ActPriority|"
DISPOSITION = "http://terminology.hl7.org/CodeSystem/discharge-disposition|"
GENDER = "http://hl7.org/fhir/administrative-gender|"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm|"
INGREDIENT = "urn:knowdo:ingredient|"
WARD = "http://terminology.hl7.org/CodeSystem/v3-RoleCode|"

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


NOW = at("2024-03-10T12:00:00Z")
START = at("2024-03-05T22:00:00Z")
HB = {"kind": "last", "from": "Observation.code", "codes": {"tokens": [LOINC + "718-7"]}, "unit": "g/dL"}
CONDITION = {"from": "Condition.code", "codes": {"value_set": "diabetes"}}


def plan_of(queries: dict[str, tuple[str, ...]], **features: Any) -> FeaturePlan:
    """A plan of some features."""
    return compile_features(guidance_with(features), VALUE_SETS, queries)


# One feature of every kind and window, for the tests that compare whole matrices.
EVERY: dict[str, dict[str, Any]] = {
    "hb": HB,
    "hb_ranged": HB | {"range": [8, 14]},
    "hb_sure": HB | {"assume_known": False},
    "first": HB | {"kind": "first", "window": {"hours": 30}},
    "low": HB | {"kind": "min", "window": {"days": 2}},
    "high": HB | {"kind": "max", "window": {"this_stay": True}},
    "mean": HB | {"kind": "mean"},
    "sum": HB | {"kind": "sum", "range": [0, 60]},
    "slope": HB | {"kind": "slope", "window": {"days": 3}},
    "since": HB | {"kind": "days_since"},
    "tests": HB | {"kind": "count", "unit": None},
    "any_test": HB | {"kind": "exists", "range": [10, 12]},
    "level": {
        "kind": "last", "from": "Observation.code", "codes": {"tokens": [LOINC + "smoke"]},
        "levels": {"s|yes": 1, "s|no": 0},
    },
    "smokes": {
        "kind": "exists", "from": "Observation.code", "codes": {"tokens": [LOINC + "smoke"]},
        "answers": {"tokens": ["s|yes"]},
    },
    "age": {"kind": "age", "range": [0, 120]},
    "los": {"kind": "duration"},
    "diabetes": CONDITION | {"kind": "current"},
    "diagnosed": CONDITION | {"kind": "exists", "window": {"days": 4, "or_this_stay": True}},
    "own": CONDITION | {"kind": "exists", "this_encounter": True},
    "categories": {"kind": "count", "from": "Condition.code", "distinct": "icd10-3", "window": {"this_stay": True, "hours": 40}},
    "codes": {"kind": "count", "from": "Condition.code|Encounter.class", "distinct": "code", "range": [0, 3]},
    "active": {"kind": "current", "from": "Condition.code", "distinct": "code"},
    "stays": {
        "kind": "count", "from": "Encounter.class", "codes": {"value_set": "inpatient"},
        "window": {"days": 5, "before": "admission"},
    },
    "visits": {
        "kind": "count", "from": "Encounter.class",
        "window": {"before": "admission", "exclude_leading_hours": 10},
    },
    "both": HB | {"kind": "mean", "window": {"days": 1, "before": "admission", "or_this_stay": True}},
    "median": HB | {"kind": "median", "window": {"days": 3}},
    "median_ranged": HB | {"kind": "median", "range": [8, 14]},
    "rise": HB | {"kind": "rise"},
    "rise_stay": HB | {"kind": "rise", "window": {"this_stay": True}, "range": [8, 14]},
    "not_lately": HB | {"window": {"days": 4, "until_days": 1}},
    "long_ago": HB | {"kind": "count", "unit": None, "window": {"until_hours": 20}},
    "early_in_stay": HB | {"kind": "mean", "window": {"this_stay": True, "until_hours": 10}},
    "well_before": HB | {"kind": "max", "window": {"hours": 60, "until_hours": 9, "before": "admission"}},
    "two_days": HB | {"kind": "mean", "latest_days": 2},
    "one_day": HB | {"kind": "median", "latest_days": 1, "range": [8, 14], "window": {"days": 3}},
    "low_days": HB | {"kind": "min", "latest_days": 2, "window": {"this_stay": True}},
    "high_days": HB | {"kind": "max", "latest_days": 3, "not_during": {"value_set": "emergency"}},
    "at_home": HB | {"kind": "mean", "latest_days": 2, "not_during": {"value_sets": ["inpatient", "emergency"]}},
    "any_at_home": HB | {"kind": "exists", "range": [9, 14], "not_during": {"value_set": "inpatient"}},
    "last_at_home": HB | {"not_during": {"value_set": "inpatient"}},
    "tests_at_home": HB | {"kind": "count", "unit": None, "not_during": {"value_set": "inpatient"}},
    "medicines": {"kind": "count", "from": "MedicationRequest.medication|MedicationAdministration.medication", "distinct": "ingredient"},
    "some_medicines": {
        "kind": "current", "from": "MedicationRequest.medication", "distinct": "ingredient",
        "codes": {"tokens": [RXNORM + "10", RXNORM + "20"]},
    },
    "products": {"kind": "count", "from": "MedicationRequest.medication", "distinct": "code", "window": {"days": 2}},
    "takes": {"kind": "exists", "from": "MedicationRequest.medication", "codes": {"tokens": [RXNORM + "10"]}},
    "orders": {"kind": "count", "from": "MedicationRequest.medication"},
    "intensive": {"kind": "current", "from": "Encounter.location", "codes": {"tokens": [WARD + "ICU"]}},
    "ward": {"kind": "last", "from": "Encounter.location", "levels": {WARD + "ICU": 2, WARD + "HU": 1}},
    "since_intensive": {
        "kind": "days_since", "from": "Encounter.location", "codes": {"tokens": [WARD + "ICU"]}, "this_encounter": True,
    },
    "spent": {"kind": "sum", "from": "Claim.total", "unit": "USD", "window": {"days": 3}},
    "mean_pressure": {"kind": "formula", "formula": "map", "inputs": {"systolic": "hb", "diastolic": "low"}},
    "measured": {"kind": "formula", "formula": "map", "inputs": {"mean": "recent", "systolic": "hb", "diastolic": "low"}},
    "recent": HB | {"window": {"hours": 10}},
    "no_recent": {"kind": "absent", "of": "recent"},
    "no_filtration": {"kind": "absent", "of": "filtration"},
    "filtration": {
        "kind": "score", "formula": "ckd-epi-2021", "range": [2, 200],
        "inputs": {"creatinine": "hb", "age": "age", "sex": "level"},
    },
    "nested": {"kind": "formula", "formula": "map", "inputs": {"mean": "filtration", "systolic": "measured", "diastolic": "no_filtration"}},
    "not_nested": {"kind": "absent", "of": "nested"},
    "expected": {"kind": "score", "formula": "lace-expected-percent", "inputs": {"lace": "tests"}},
}  # fmt: skip
BASIC = {name: spec for name, spec in EVERY.items() if spec["kind"] not in COMPUTED}
QUERIES = {name: ("slow", "fast") if place % 2 else ("fast",) for place, name in enumerate(BASIC)}
EVERY_PLAN = plan_of(QUERIES, **EVERY)
FEATURES = {name: Feature.model_validate({"label": name, **spec}) for name, spec in EVERY.items()}

MEDICINES = (
    RXNORM + "1", RXNORM + "10", f"{RXNORM}10\n{RXNORM}2\n{INGREDIENT}10", f"{RXNORM}10\n{RXNORM}3\n{RXNORM}30\n{INGREDIENT}10\n{INGREDIENT}30",
    "", "|as shown", "local|7",
)  # fmt: skip
HOURS = st.integers(0, 12).map(lambda step: START + (step * 9 - 60) * HOUR)
KNOWN = st.sampled_from([0, 1, 20, 60]).map(lambda hours: hours * HOUR)


@st.composite
def events(draw: st.DrawFn, sorts: Sequence[str]) -> dict[str, Any]:
    """An event of some sorts; many collide in time, code and resource."""
    time = draw(HOURS)
    common: dict[str, Any] = {
        "patient": draw(st.sampled_from(["p", "p", "q", "r"])),
        "time": time,
        "known": time + draw(KNOWN),
        "assumed": draw(st.booleans()),
        "encounter": draw(st.sampled_from(["", "Encounter/a", "Encounter/b"])),
        "resource": draw(st.sampled_from(["", "Resource/1", "Resource/2", "Resource/3"])),
        "updated": draw(st.sampled_from([NAT, NAT, time + 10 * HOUR, time + 30 * HOUR])),
    }
    match draw(st.sampled_from(sorts)):
        case "lab":
            value = draw(st.sampled_from([6.5, 8.0, 9.9, 10.1, 12.0, 13.7, 20.0, float("nan"), float("inf")]))
            unit = draw(st.sampled_from(["g/dL", "g/dL", "g/L", "mol"]))
            return common | {"field": "Observation.code", "codes": LOINC + "718-7", "value": value, "unit": unit}
        case "smoke":
            answer = draw(st.sampled_from(["s|yes", "s|no", "s|no\ns|yes", "s|maybe", ""]))
            return common | {"field": "Observation.code", "codes": LOINC + "smoke", "answer": answer}
        case "condition":
            codes = draw(
                st.sampled_from([ICD + "E11.9", ICD + "E11.2", ICD + "I50", "|text", f"{ICD}E11.9\nlocal|7", ""])
            )
            end = draw(st.sampled_from([NAT, time + 20 * HOUR]))
            common["time"] = draw(st.sampled_from([time, NAT]))
            return common | {"field": "Condition.code", "codes": codes, "end": end}
        case "stay":
            name = draw(st.sampled_from(["a", "b", "c"]))
            end = draw(st.sampled_from([NAT, time + 5 * HOUR, time + 80 * HOUR]))
            of = draw(st.sampled_from(["IMP", "EMER", "AMB"]))
            return common | stay(name, time, end, of=of, patient=common["patient"], known=time)
        case "medicine":
            field = draw(st.sampled_from(["MedicationRequest.medication", "MedicationAdministration.medication"]))
            answer = draw(st.sampled_from(["", "Medication/1", "Medication/2"]))
            end = draw(st.sampled_from([NAT, time + 20 * HOUR]))
            return common | {"field": field, "codes": draw(st.sampled_from(MEDICINES)), "answer": answer, "end": end}
        case "ward":
            of = draw(st.sampled_from(["Encounter/a", "Encounter/b"]))
            codes = draw(st.sampled_from([WARD + "ICU", WARD + "HU", "", ""]))
            end = draw(st.sampled_from([NAT, time + 5 * HOUR]))
            more = {"answer": "Location/1", "resource": of, "encounter": of, "end": end, "updated": NAT}
            return common | {"field": "Encounter.location", "codes": codes, **more}
        case "bill":
            money = {
                "value": draw(st.sampled_from([0.1, 0.2, 1e9])),
                "unit": draw(st.sampled_from(["USD", "USD", "EUR"])),
            }
            return common | {"field": "Claim.total", **money}
        case "birth":
            return common | {
                "field": "Patient.birthDate",
                "time": at("1950-02-28") + draw(st.integers(0, 3)) * DAY,
                "known": ALWAYS,
            }
    return common | {"field": "Procedure.code", "codes": "s|1"}


SORTS = (
    ("lab", "lab", "lab", "smoke", "condition", "stay", "birth", "medicine", "ward", "bill", "other"),
    ("lab", "lab", "stay"), ("lab", "birth", "smoke", "bill"), ("medicine",), ("ward", "stay"), ("condition", "stay"),
)  # fmt: skip
MANY_EVENTS = st.tuples(st.sampled_from(SORTS), st.sampled_from([0, 3, 10, 25, 40])).flatmap(
    lambda what: st.lists(events(what[0]), min_size=what[1], max_size=what[1])
)
"""Events of all sorts, or many of those that have to do with each other; left to itself, a list is nearly empty."""
ASKED = st.lists(
    st.tuples(st.sampled_from(["p", "p", "q", "r", "nobody"]), HOURS, st.sampled_from(["", "a", "b"])),
    min_size=1,
    max_size=12,
)
SINCE = st.sampled_from([ALWAYS, ALWAYS, START - 30 * HOUR, START + 10 * HOUR, FOREVER])


def rows_for(timeline: Timeline, asked: list[tuple[str, int, str]]) -> IndexRows:
    """Index rows of several (patient, time, stay)."""
    patients, times, stays = zip(*asked, strict=True)
    return index_rows(timeline, patients, times, stays)
