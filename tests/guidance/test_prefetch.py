"""Claims about `guidance.prefetch` and `guidance.queries`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.definition import EVENT_FIELDS
from services.guidance.prefetch import Query, coverage_of, derive_queries, feature_queries, prefetch_templates
from services.guidance.queries import covered_since
from services.timeline.concept_maps import read_concept_maps
from services.timeline.instants import ALWAYS, DAY, FOREVER, HOUR, NAT, instant_text
from services.timeline.terminology import Terminology
from tests.guidance.feature_cases import LOINC, VALUE_SETS, at, guidance_with

NOON = at("2024-03-10T12:00:00Z")


def observed(*codes: str, **more: Any) -> dict[str, Any]:
    """A laboratory feature."""
    return {
        "kind": "last", "from": "Observation.code", "codes": {"tokens": [LOINC + code for code in codes]},
        "unit": "g/dL", **more,
    }  # fmt: skip


FEATURES: dict[str, dict[str, Any]] = {
    "age": {"kind": "age"},
    "sex": {"kind": "last", "from": "Patient.gender", "levels": {"a|b": 1}},
    "los": {"kind": "duration"},
    "urgent": {"kind": "exists", "from": "Encounter.priority|Encounter.admitSource", "this_encounter": True},
    "stays": {"kind": "count", "from": "Encounter.class", "window": {"days": 365, "before": "admission"}},
    "diagnoses": {"kind": "count", "from": "Condition.code|Encounter.diagnosis", "this_encounter": True},
    "medicines": {"kind": "current", "from": "MedicationRequest.medication", "distinct": "code"},
    "procedure": {"kind": "exists", "from": "Procedure.code", "window": {"this_stay": True}},
    "order": {"kind": "exists", "from": "ServiceRequest.code"},
    "hb": observed("718-7", window={"this_stay": True}),
    "sodium": observed("2951-2", "2947-0", window={"this_stay": True}),
    "hba1c": observed("4548-4", window={"days": 365}),
    "pulse": observed("8867-4", window={"hours": 24}),
    "first_ever": observed("9999-9"),
    "systolic": observed("8480-6", window={"hours": 4}) | {"from": "Observation.component"},
    "any_of_a_kind": observed() | {"codes": {"value_set": "diabetes"}},
    "egfr": {
        "kind": "formula", "formula": "ckd-epi-2021", "inputs": {"creatinine": "creatinine", "age": "age", "sex": "sex"},
    },
    "creatinine": observed("2160-0", window={"this_stay": True}),
}  # fmt: skip
GUIDANCE = guidance_with(FEATURES)


def test_every_query_is_derived_and_grouped_by_how_far_back_it_looks() -> None:
    """A year of HbA1c does not share a page with the stay's daily tests, nor with a day of pulses."""
    templates = prefetch_templates(GUIDANCE, VALUE_SETS)
    who = "patient={{context.patientId}}"
    loinc = "http://loinc.org|"
    assert templates == {
        "patient": "Patient/{{context.patientId}}",
        "encounter": "Encounter/{{context.encounterId}}",
        "encounters": f"Encounter?{who}&_sort=-date&_count=100",
        "conditions": f"Condition?{who}&_count=200",
        "medications": f"MedicationRequest?{who}&_sort=-authoredon&_count=100",
        "procedures": f"Procedure?{who}&_sort=-date&_count=50",
        "orders": f"ServiceRequest?{who}&_sort=-authored&_count=50",
        "observations_stay": f"Observation?{who}&code={loinc}2160-0,{loinc}2947-0,{loinc}2951-2,{loinc}718-7&_sort=-date&_count=80",
        "observations_days": f"Observation?{who}&code={loinc}8867-4&_sort=-date&_count=50",
        "observations_years": f"Observation?{who}&code={loinc}4548-4&_sort=-date&_count=50",
        "observations_ever": f"Observation?{who}&code={loinc}9999-9&_sort=-date&_count=50",
        "observations_ever_all": f"Observation?{who}&_sort=-date&_count=200",
        "components_days": f"Observation?{who}&combo-code={loinc}8480-6&_sort=-date&_count=50",
    }


def test_templates_keep_to_the_restricted_subset_of_the_specification() -> None:
    """No token but a primitive root field of the context, no parameter that clients need not support."""
    allowed = {"patient", "code", "combo-code", "_sort", "_count"}
    for template in prefetch_templates(GUIDANCE, VALUE_SETS).values():
        assert set(re.findall(r"\{\{(.*?)\}\}", template)) <= {"context.patientId", "context.encounterId"}
        kind, _, parameters = template.partition("?")
        assert re.fullmatch(r"[A-Z][A-Za-z]+(/\{\{context\.\w+\}\})?", kind)
        assert {part.partition("=")[0] for part in parameters.split("&") if part} <= allowed


def test_a_hook_without_an_encounter_is_not_asked_for_one() -> None:
    """order-dispatch has no encounterId: a template that names it could never be filled in."""
    assert "encounter" in derive_queries(GUIDANCE, VALUE_SETS, hook="patient-view")
    assert "encounter" not in derive_queries(GUIDANCE, VALUE_SETS, hook="order-dispatch")


def test_every_event_feature_is_served_and_diagnoses_by_both_of_their_resources() -> None:
    """A feature is called absent only if all that could hold it was answered."""
    served = feature_queries(GUIDANCE, VALUE_SETS)
    assert set(served) == {name for name, spec in FEATURES.items() if spec["kind"] != "formula"}
    assert served["diagnoses"] == ("encounter", "conditions")
    assert served["age"] == served["sex"] == ("patient",)
    assert served["los"] == served["urgent"] == ("encounter",)
    assert served["stays"] == ("encounters",)
    assert served["hb"] == ("observations_stay",)


def test_required_are_the_patient_and_what_serves_a_required_feature() -> None:
    """A required formula requires what it is computed from; a feature of the stay requires the encounter."""
    changed = {"egfr": FEATURES["egfr"] | {"required": True}}
    required = {
        name for name, query in derive_queries(guidance_with(FEATURES | changed), VALUE_SETS).items() if query.required
    }
    assert required == {"patient", "encounter", "observations_stay"}
    assert {name for name, query in derive_queries(GUIDANCE, VALUE_SETS).items() if query.required} == {"patient"}


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer of made-up resources."""

    resources: tuple[bytes, ...] = ()
    searched: bool = True
    total: int | None = None
    more: bool = False


READ = Query(name="patient", template="Patient/1", resource_type="Patient")
LABS = Query(name="labs", template="Observation?", resource_type="Observation", count=3, sort="-date")
STAYS = Query(name="stays", template="Encounter?", resource_type="Encounter", count=2, sort="-date")
CONDITIONS = Query(name="conditions", template="Condition?", resource_type="Condition", count=3)


def results_at(*moments: int) -> tuple[bytes, ...]:
    """Observations at some moments; NAT = undated."""
    return tuple(
        json.dumps(
            {"resourceType": "Observation", "effectiveDateTime": instant_text(moment)} if moment != NAT else {}
        ).encode()
        for moment in moments
    )


def test_an_answer_in_full_covers_everything() -> None:
    """Nothing found is an answer; so is a page that is not full, and a full one that holds the total."""
    assert coverage_of(LABS, Answered()) == ALWAYS
    assert coverage_of(LABS, Answered(resources=results_at(NOON, NOON))) == ALWAYS
    assert coverage_of(LABS, Answered(resources=results_at(NOON, NOON, NOON), total=3)) == ALWAYS
    assert (
        coverage_of(READ, Answered(searched=False))
        == coverage_of(READ, Answered(resources=(b"{}",), searched=False))
        == ALWAYS
    )


@pytest.mark.parametrize("sign", [{"more": True}, {"total": 9}, {}])
def test_a_page_cut_off_covers_what_is_later_than_its_oldest_row(sign: dict[str, Any]) -> None:
    """A next link, a larger total, or a page filled to the last row: rows of the oldest moment may have been cut."""
    rows = results_at(NOON, NOON - HOUR, NOON - 2 * HOUR)
    assert coverage_of(LABS, Answered(resources=rows, **sign)) == NOON - 2 * HOUR + 1


def test_a_list_that_cannot_be_sorted_by_date_covers_nothing_once_it_is_cut() -> None:
    """Conditions need no recorded date: of a cut list nobody knows what it lacks."""
    assert coverage_of(CONDITIONS, Answered(resources=(b"{}",) * 3)) == FOREVER
    assert coverage_of(CONDITIONS, Answered(resources=(b"{}",) * 2)) == ALWAYS


def test_a_server_that_does_not_sort_as_asked_covers_nothing() -> None:
    """Oldest first means that the newest are missing; no dates at all, or one resource for a search, say nothing."""
    assert coverage_of(LABS, Answered(resources=results_at(NOON - 2 * DAY, NOON - DAY, NOON))) == FOREVER
    assert coverage_of(LABS, Answered(resources=results_at(NAT, NAT, NAT))) == FOREVER
    assert coverage_of(LABS, Answered(resources=(b"not JSON", b"[]", b"3"))) == FOREVER
    assert coverage_of(LABS, Answered(resources=results_at(NOON), searched=False)) == FOREVER
    assert coverage_of(LABS, Answered(more=True)) == FOREVER


def test_a_date_without_a_time_may_stand_anywhere_in_its_day() -> None:
    """Then the whole day of the oldest row is uncertain."""
    day = NOON // DAY * DAY
    rows = results_at(NOON + DAY, day, NOON)
    assert coverage_of(LABS, Answered(resources=rows)) == day + DAY


def test_periods_are_covered_after_the_earliest_end() -> None:
    """Sorted by start or by end: what was cut began before the earliest end that came; open stays alone say nothing."""
    stays = [(NOON, NAT), (NOON - 9 * DAY, NOON - 2 * DAY), (NOON - 5 * DAY, NOON - 3 * DAY)]
    assert covered_since(STAYS, stays) == NOON - 3 * DAY + 1
    assert covered_since(STAYS, [(NOON, NAT), (NOON - DAY, NAT)]) == FOREVER
    encounters = tuple(
        json.dumps({"period": {"start": instant_text(start), "end": instant_text(end)}}).encode()
        for start, end in [(NOON, NOON + DAY), (NOON - 2 * DAY, NOON - DAY)]
    )
    assert coverage_of(STAYS, Answered(resources=encounters)) == NOON - DAY + 1


SPANS = st.lists(st.tuples(st.integers(0, 60), st.one_of(st.none(), st.integers(0, 20))), min_size=1, max_size=20)


@given(SPANS, st.integers(1, 20), st.sampled_from(["start", "end"]))
def test_nothing_that_was_cut_off_began_in_the_time_called_covered(
    spans: list[tuple[int, int | None]], count: int, key: str
) -> None:
    """Whichever way a server sorts periods, every row that it left out began before the coverage."""
    stays = [
        (NOON + start * HOUR, NAT if length is None else NOON + (start + length) * HOUR) for start, length in spans
    ]
    stays.sort(key=lambda one: one[0] if key == "start" else (one[1] if one[1] != NAT else FOREVER), reverse=True)
    came, cut = stays[:count], stays[count:]
    since = covered_since(STAYS, came)
    assert all(start < since for start, _ in cut)


@pytest.mark.parametrize("name", EVENT_FIELDS)
def test_the_grammar_names_no_field_that_no_query_serves(name: str) -> None:
    """Each event field belongs to a resource that can be asked for, by a search of this patient."""
    guidance = guidance_with({"x": {"kind": "exists", "from": name}})
    (served, *_) = feature_queries(guidance, VALUE_SETS)["x"]
    query = derive_queries(guidance, VALUE_SETS)[served]
    assert query.resource_type == name.partition(".")[0]
    assert "{{context.patientId}}" in query.template


@pytest.mark.parametrize(
    ("field", "template"),
    [
        ("MedicationAdministration.medication", "_sort=-effective-time&_count=200"),
        ("MedicationStatement.medication", "_count=100"),
        ("AllergyIntolerance.code", "_count=100"),
        ("Immunization.vaccineCode", "_sort=-date&_count=100"),
        ("DiagnosticReport.conclusionCode", "_sort=-date&_count=100"),
        ("QuestionnaireResponse.item", "_count=100"),
        ("Appointment.serviceType", "_count=100"),
        ("Task.code", "_count=100"),
        ("Consent.provision", "_count=50"),
        ("FamilyMemberHistory.condition", "_count=50"),
        ("Claim.total", "_count=200"),
        ("ExplanationOfBenefit.item", "_count=200"),
        ("ChargeItem.code", "_count=200"),
        ("Coverage.type", "_count=50"),
    ],
)
def test_a_search_is_sorted_only_by_what_every_such_resource_states(field: str, template: str) -> None:
    """Sorted by a date that may be missing, a cut list could lack anything: such a search has no sort, and is whole or unknown."""
    templates = prefetch_templates(guidance_with({"x": {"kind": "exists", "from": field}}), VALUE_SETS)
    (own,) = set(templates) - {"patient", "encounter"}
    assert templates[own] == f"{field.partition('.')[0]}?patient={{{{context.patientId}}}}&{template}"


def test_what_happens_within_a_stay_is_not_read_from_a_list_cut_by_the_start_of_stays() -> None:
    """A ward entered yesterday belongs to a stay that may have begun long ago; of the own stay the read says it."""
    ward = {"kind": "exists", "from": "Encounter.location", "codes": {"value_set": "died"}}
    served = feature_queries(
        guidance_with({"ever": ward, "now": ward | {"this_encounter": True}, "stays": FEATURES["stays"]}), VALUE_SETS
    )
    assert served == {"ever": ("encounters_in_full",), "now": ("encounter",), "stays": ("encounters",)}


def test_features_that_leave_out_some_encounters_need_to_know_all() -> None:
    """`not_during` asks for the encounters, too; what is computed needs nothing of its own but is required with its input."""
    outside = observed("718-7", kind="median", not_during={"value_set": "inpatient"}, window={"days": 365})
    features = {"x": outside, "none": {"kind": "absent", "of": "x", "required": True}}
    assert feature_queries(guidance_with(features), VALUE_SETS) == {"x": ("encounters", "observations_years")}
    queries = derive_queries(guidance_with(features), VALUE_SETS)
    assert {name for name, query in queries.items() if query.required} == {
        "patient",
        "observations_years",
        "encounters",
    }


def test_a_site_is_asked_by_its_own_codes_too() -> None:
    """A laboratory that codes locally would answer a search by LOINC with nothing, and nothing is not absent."""
    concepts = {
        "resourceType": "ConceptMap",
        "group": [{
            "source": "urn:site", "target": "http://loinc.org",
            "element": [{"code": "HB", "target": [{"code": "718-7", "equivalence": "equivalent"}]}],
        }],
    }  # fmt: skip
    terminology = Terminology(translations=read_concept_maps({"maps.json": concepts}))
    guidance = guidance_with({"hb": observed("718-7", window={"this_stay": True})})
    template = prefetch_templates(guidance, VALUE_SETS, terminology=terminology)["observations_stay"]
    codes = re.search(r"[?&]code=([^&]*)", template)
    assert codes is not None
    assert {unquote(code) for code in codes[1].split(",")} == {"http://loinc.org|718-7", "urn:site|HB"}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            "MedicationAdministration",
            {"effectivePeriod": {"start": "2024-03-10T12:00:00Z", "end": "2024-03-10T12:00:00Z"}},
        ),
        ("Immunization", {"occurrenceDateTime": "2024-03-10T12:00:00Z"}),
        ("DiagnosticReport", {"effectiveDateTime": "2024-03-10T12:00:00Z"}),
        ("Procedure", {"performedDateTime": "2024-03-10T12:00:00Z", "authoredOn": "2020-01-01"}),
    ],
)
def test_a_cut_list_is_covered_by_what_it_was_sorted_by(kind: str, told: dict[str, Any]) -> None:
    """And by no other date of the resource."""
    query = Query(name="x", template="X?", resource_type=kind, count=1, sort="-x")
    assert coverage_of(query, Answered(resources=(json.dumps(told).encode(),))) == NOON + 1
