"""The screening guidance does what the clinical content says, on a patient made of FHIR."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.guidance.check import load_guidance
from services.guidance.conditions import parse
from services.guidance.outcome import label_outcome
from services.guidance.words.card_text import CardFacts, compile_cards
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import parse_instant
from services.timeline.timeline import assemble, index_rows
from tests.guidance.patient_by_hand import (
    ICD,
    SNOMED,
    answered,
    diagnosis,
    excluded_by,
    features_of,
    measured,
    pressure,
    stay,
)

PROJECT = Path(__file__).resolve().parents[2]
LOADED = load_guidance(PROJECT / "services/guidance/library/diabetes-screening")
GUIDANCE = LOADED.definition
FEATURES = GUIDANCE.features
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

VISIT = "2025-03-03T09:00:00Z"
BEFORE = "2024-06-10T09:00:00Z"
Resource = dict[str, Any]


# -- a patient -----------------------------------------------------------------------------------------------------


def medicine(name: str, ingredient: str, written: str = BEFORE) -> Resource:
    """A prescription of patient p, active."""
    return {
        "resourceType": "MedicationRequest", "id": name, "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p"}, "authoredOn": written,
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": ingredient}]},
    }  # fmt: skip


def father_with(code: str) -> Resource:
    """What runs in the family of patient p."""
    return {
        "resourceType": "FamilyMemberHistory", "id": "father", "status": "completed", "date": BEFORE,
        "patient": {"reference": "Patient/p"}, "relationship": {"coding": [{"code": "FTH"}]},
        "condition": [{"code": {"coding": [{"system": ICD, "code": code}]}}],
    }  # fmt: skip


def patient(*changed: Resource, gender: str = "male", born: str = "1977-05-05") -> list[Resource]:
    """The worked example of section 4: 47 years, BMI 31, no test in 3 years; known here for years."""
    usual = [
        {"resourceType": "Patient", "id": "p", "gender": gender, "birthDate": born},
        stay("e", "AMB", VISIT, None),
        stay("v1", "AMB", "2024-06-10T08:30:00Z", "2024-06-10T09:30:00Z"),
        measured("bmi", "39156-5", 31.0, "kg/m2", BEFORE, "v1"),
        pressure("bp", 134.0, 84.0, BEFORE, "v1"),
        measured("hdl", "2085-9", 1.0344, "mmol/L", BEFORE, "v1"),
        measured("tg", "2571-8", 180.0, "mg/dL", BEFORE, "v1"),
        measured("glucose", "2345-7", 6.0, "mmol/L", BEFORE, "v1"),
        measured("ast", "1920-8", 31.0, "U/L", BEFORE, "v1"),
    ]
    replaced = {one["id"]: one for one in changed}
    return [replaced.pop(one["id"], one) for one in usual] + list(replaced.values())


def without(*names: str) -> list[Resource]:
    """The same patient, something not recorded."""
    return [one for one in patient() if one["id"] not in names]


def read(resources: list[Resource]) -> dict[str, float | None]:
    """Every feature at the visit."""
    return features_of(LOADED, resources, VISIT)


def left_out(resources: list[Resource]) -> list[str]:
    """Why this patient is not meant."""
    return excluded_by(LOADED, read(resources))


def test_the_inputs_are_read_in_their_units() -> None:
    """Age, BMI, pressure from the panel, HDL and glucose from mmol/L, and what is not there is no."""
    values = read(patient())
    assert {name: values[name] for name in ("age", "sex", "bmi", "sbp", "triglyceride", "ast", "tested", "known_here")} == {
        "age": 47, "sex": 0, "bmi": 31.0, "sbp": 134.0, "triglyceride": 180.0, "ast": 31.0, "tested": 0, "known_here": 1,
    }  # fmt: skip
    assert values["hdl"] == pytest.approx(40.0)
    assert values["glucose_random"] == pytest.approx(6.0 * 18.016)
    assert values["hypertension"] == values["family_member"] == values["statin"] == 0
    assert values["smoker"] is None
    assert left_out(patient()) == []


def test_what_runs_in_the_family_is_not_the_patients_own() -> None:
    """A father's diabetes is an input; it makes nobody a diabetic, and nobody's own diabetes is family history."""
    values = read(patient(father_with("E11.9")))
    assert (values["family_member"], values["family_history"], values["diabetes"]) == (1, 0, 0)
    values = read(patient(diagnosis("d", "Z83.3", BEFORE)))
    assert (values["family_member"], values["family_history"], values["diabetes"]) == (0, 1, 0)
    values = read(patient(diagnosis("d", "E11.9", BEFORE)))
    assert (values["family_member"], values["family_history"], values["diabetes"]) == (0, 0, 1)


# -- the criteria ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "out"),
    [("1990-03-04", ["age >= 35"]), ("1990-03-03", []), ("1954-03-04", []), ("1954-03-03", ["age < 71"])],
)
def test_it_is_for_those_of_35_to_70(born: str, out: list[str]) -> None:
    """From the thirty-fifth birthday to the day before the seventy-first."""
    assert left_out(patient(born=born)) == out


@pytest.mark.parametrize(
    ("resources", "out"),
    [
        (patient(measured("bmi", "39156-5", 25.0, "kg/m2", BEFORE)), []),
        (patient(measured("bmi", "39156-5", 24.9, "kg/m2", BEFORE)), ["bmi >= 25"]),
        (patient(measured("bmi", "39156-5", 310.0, "kg/m2", BEFORE)), ["bmi >= 25"]),
        (patient(measured("bmi", "39156-5", 31.0, "kg/m2", "2023-03-01T09:00:00Z")), ["bmi >= 25"]),
        (without("bmi"), ["bmi >= 25"]),
    ],
)
def test_without_a_body_mass_index_of_25_nobody_is_due(resources: list[Resource], out: list[str]) -> None:
    """At 25 one is; at 24.9, with an impossible, an old or no index one is not: not known is not yes."""
    assert left_out(resources) == out


def test_an_unknown_body_mass_index_leaves_the_criterion_unknown() -> None:
    """Neither met nor not met."""
    criterion = parse("bmi >= 25")
    assert criterion.evaluate_one(read(without("bmi"))) is None


@pytest.mark.parametrize(
    ("code", "value", "unit", "when", "counts"),
    [
        ("4548-4", 5.4, "%", "2024-01-10T09:00:00Z", True),
        ("4548-4", 36.0, "mmol/mol", "2022-03-04T09:00:00Z", True),
        ("4548-4", 5.4, "%", "2022-03-01T09:00:00Z", False),
        ("1558-6", 92.0, "mg/dL", "2024-01-10T09:00:00Z", True),
        ("1557-8", 5.1, "mmol/L", "2024-01-10T09:00:00Z", True),
        ("2345-7", 92.0, "mg/dL", "2024-01-10T09:00:00Z", False),
    ],
)
def test_a_test_in_three_years_silences(code: str, value: float, unit: str, when: str, counts: bool) -> None:
    """HbA1c or fasting glucose, whatever it said; an older one, or a glucose that was not fasting, does not."""
    assert left_out(patient(measured("t", code, value, unit, when))) == (["not tested"] if counts else [])


GLUCOSE_LOWERING = GUIDANCE.population.exclude[2]


@pytest.mark.parametrize(
    ("resource", "kept_out"),
    [
        (diagnosis("d", "E11.65", "2015-01-01T00:00:00Z"), "not diabetes"),
        (diagnosis("d", "O24.410", "2015-01-01T00:00:00Z"), None),  # an input instead
        (diagnosis("d", "R73.03", "2024-01-01T00:00:00Z"), "not prediabetes"),
        (diagnosis("d", "Z34.01", "2025-01-10T00:00:00Z"), "pregnant"),
        (diagnosis("d", "Z34.01", "2020-01-10T00:00:00Z"), None),
        (diagnosis("d", "Z51.5", "2025-01-10T00:00:00Z"), "palliative"),
        (diagnosis("d", "J45.909", "2020-01-10T00:00:00Z"), None),
        (stay("e", "IMP", VISIT, None), "in_hospital"),
        (
            answered("ps", "82810-3", {"coding": [{"system": SNOMED, "code": "77386006"}]}, "2025-02-01T09:00:00Z"),
            "pregnant_by_status",
        ),
    ],
)
def test_who_is_left_out(resource: Resource, kept_out: str | None) -> None:
    """Diabetes and prediabetes, pregnancy, palliative care and hospital stays are not for this guidance."""
    assert left_out(patient(resource)) == ([] if kept_out is None else [kept_out])


def test_the_dead_are_left_out() -> None:
    """Whose death is on record needs no test."""
    dead = {
        "resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1977-05-05",
        "deceasedDateTime": "2025-03-01T00:00:00Z",
    }  # fmt: skip
    assert left_out(patient(dead)) == ["deceased"]


@pytest.mark.parametrize(
    ("medicines", "out"),
    [
        (["4821"], True),  # glipizide
        (["274783"], True),  # insulin glargine
        (["6809"], False),  # metformin alone
        (["1991302"], False),  # semaglutide
        (["6809", "4821"], True),
        (["6809", "1991302"], True),
        (["83367"], False),  # atorvastatin
    ],
)
def test_medicines_that_lower_glucose_leave_out_but_for_two_that_may_be_for_weight(
    medicines: list[str], out: bool
) -> None:
    """Any of them does, but metformin alone or a GLP-1 agonist alone; those too once an HbA1c of 6.5 % is on record."""
    orders = [medicine(f"m{number}", code) for number, code in enumerate(medicines)]
    assert left_out(patient(*orders)) == ([GLUCOSE_LOWERING] if out else [])
    high = measured("old", "4548-4", 6.5, "%", "2015-01-10T09:00:00Z")
    lowers = "83367" not in medicines
    assert left_out(patient(*orders, high)) == ([GLUCOSE_LOWERING] if lowers else [])


def test_no_risk_is_told_to_who_is_new_here() -> None:
    """The learned risk needs a visit half a year ago; the criteria do not."""
    needs = parse(str(GUIDANCE.model.needs))
    new = [one for one in patient() if one["id"] != "v1"]
    assert needs.evaluate_one(read(patient())) is True
    assert needs.evaluate_one(read(new)) is False
    assert left_out(new) == []


# -- which card ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("risk", "band"), [(0.16, "raised"), (0.03, "low"), (0.08, "due"), (None, "due")])
def test_the_criteria_show_the_card_whatever_the_risk(risk: float | None, band: str) -> None:
    """A high, a low, a middling and no risk at all: the same card."""
    row = {**read(patient()), "risk": risk, "base_rate": 0.08}
    held = next(one for one in GUIDANCE.policy.bands if parse(one.when).evaluate_one(row) is True)
    assert (held.name, held.card) == (band, "due")
    assert GUIDANCE.policy.without_risk == "speak"


@pytest.mark.parametrize(
    ("resource", "labels"),
    [
        (diagnosis("d", "I10", BEFORE), ["HbA1c", "Fasting glucose instead", "Lifestyle education"]),
        (diagnosis("d", "N18.6", BEFORE), ["Fasting glucose instead", "Lifestyle education"]),
        (diagnosis("d", "Z99.2", BEFORE), ["Fasting glucose instead", "Lifestyle education"]),
    ],
)
def test_with_kidney_failure_no_hba1c_is_offered(resource: Resource, labels: list[str]) -> None:
    """Fasting glucose always is."""
    values = read(patient(resource))
    offered = [
        one.label
        for one in GUIDANCE.cards["due"].suggestions
        if one.when is None or parse(one.when).evaluate_one(values) is True
    ]
    assert offered == labels


def test_it_speaks_once_a_visit_and_rests_90_days_once_somebody_has_decided() -> None:
    """Section 5: once a visit, snooze 90 days, at most 15 % of visits. No time, or too little known, decides nothing."""
    policy = GUIDANCE.policy
    assert policy.once_per_encounter
    assert policy.cooldown_hours == 24
    assert {snooze.hours for snooze in policy.snooze.values()} == {90 * 24}
    reasons = {reason.code for reason in GUIDANCE.override_reasons}
    assert reasons - policy.snooze.keys() == {"limited-time", "wrong-time-workflow", "need-more-info"}
    assert policy.alert_budget == 0.15


# -- what may happen -------------------------------------------------------------------------------------------------


def became(*later: Resource) -> str:
    """The outcome of patient p, seen five years and more after the visit."""
    batch = EventBatch()
    for resource in [*patient(), *later]:
        assert flatten_json(json.dumps(resource).encode(), batch), resource
    timeline = assemble(batch.columns())
    rows = index_rows(timeline, ["p"], [parse_instant(VISIT)], ["e"])
    return label_outcome(GUIDANCE, LOADED.value_sets, timeline, rows, parse_instant("2031-01-01T00:00:00Z")).state[0]


SOON, LATER, TOO_LATE = "2027-01-10T09:00:00Z", "2029-01-10T09:00:00Z", "2030-06-10T09:00:00Z"


@pytest.mark.parametrize(
    ("later", "state"),
    [
        ([], "lost-to-follow-up"),
        ([measured("a", "718-7", 12.0, "g/dL", LATER)], "negative"),
        ([diagnosis("l", "E11.9", LATER)], "positive"),
        ([diagnosis("l", "E11.9", TOO_LATE)], "negative"),
        ([diagnosis("l", "R73.03", LATER)], "negative"),
        ([measured("a", "4548-4", 6.5, "%", SOON)], "negative"),
        ([measured("a", "4548-4", 6.5, "%", SOON), measured("b", "4548-4", 48.0, "mmol/mol", LATER)], "positive"),
        ([measured("a", "4548-4", 6.5, "%", SOON), measured("b", "4548-4", 6.4, "%", LATER)], "negative"),
        ([measured("a", "4548-4", 6.5, "%", SOON), measured("b", "4548-4", 6.6, "%", TOO_LATE)], "negative"),
        ([measured("a", "1558-6", 126.0, "mg/dL", SOON), measured("b", "1557-8", 7.0, "mmol/L", LATER)], "positive"),
        ([measured("a", "1558-6", 126.0, "mg/dL", SOON), measured("b", "2345-7", 200.0, "mg/dL", LATER)], "negative"),
        ([measured("a", "4548-4", 7.0, "%", SOON), measured("b", "1558-6", 140.0, "mg/dL", LATER)], "negative"),
    ],
)  # fmt: skip
def test_what_counts_as_the_outcome(later: list[Resource], state: str) -> None:
    """A diagnosis, or the same test raised on two days within five years; prediabetes or one raised result is none.

    Of whoever was not seen again after a year nobody can say.
    """
    assert became(*later) == state


def test_a_death_competes() -> None:
    """Who dies first has neither had it nor not."""
    dead = {
        "resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1977-05-05",
        "deceasedDateTime": "2028-01-01T00:00:00Z",
    }  # fmt: skip
    assert became(dead) == "competing-death"
    assert became(dead, diagnosis("l", "E11.9", SOON)) == "positive"


# -- the card --------------------------------------------------------------------------------------------------------


def words(resources: list[Resource], risk: float | None = 0.14, **more: Any) -> tuple[str, str]:
    """Summary and detail for one patient."""
    facts = CardFacts(
        risk=risk, base_rate=0.07, release="sha256:" + "9f3c" * 16, values=read(resources),
        gender=str(resources[0]["gender"]), **more,
    )  # fmt: skip
    filled = compile_cards(GUIDANCE)["due"].render(facts)
    return filled.summary, filled.detail


def test_the_card_reads_as_the_clinical_content_says() -> None:
    """Summary word for word, but for whose average it is; the detail with its frequencies, criteria and advice."""
    summary, detail = words(patient(), contributions={"bmi": 0.4})
    assert summary == "Diabetes test due: none in 3 years. 5-year risk 14% (average 7%). Meets USPSTF criteria."
    for part in (
        "Of **100** people like him, about **14** develop diabetes in 5 years and **86** do not",
        "Main reason: body mass index 31.0",
        "Age **47** and BMI **31.0** meet USPSTF 2021 (grade B)",
        "An HbA1c answers it; use fasting glucose in anaemia, pregnancy, kidney failure or a haemoglobin variant.",
        "Lifestyle programmes lower the risk.",
        "*Not a diagnosis.",
        "AI-derived: a model computed this from the record.",
        "not approved for patient care",
    ):
        assert part in detail
    assert "disagree" not in detail


def test_the_card_says_where_criteria_and_risk_disagree() -> None:
    """Under half the average it says so, and who decides; at half it does not."""
    assert "The two disagree" in words(patient(), risk=0.03)[1]
    assert "The criteria decide." in words(patient(), risk=0.03)[1]
    assert "disagree" not in words(patient(), risk=0.035)[1]


def test_without_a_risk_the_criteria_speak_alone() -> None:
    """No figure, and why there is none."""
    summary, detail = words(patient(), risk=None, not_computed=("The risk is not computed: it is not meant.",))
    assert summary == "Diabetes test due: none in 3 years. Meets USPSTF criteria."
    assert "The risk is not computed: it is not meant. The criteria need no risk." in detail
    assert "%" not in summary + detail


def test_kidney_failure_changes_the_advice() -> None:
    """Fasting glucose, not HbA1c."""
    detail = words(patient(diagnosis("d", "N18.6", BEFORE)))[1]
    assert "**Kidney failure is on record: use fasting glucose, not HbA1c.**" in detail
    assert "An HbA1c answers it" not in detail


# -- the clinical content --------------------------------------------------------------------------------------------


def test_the_codes_of_the_inputs_are_those_of_the_content(shared: Path) -> None:
    """Every LOINC code of section 3.4 is read, and no other by itself; smoking by the codes of both smoking sets."""
    text = (shared / "clinical/clinical-content.md").read_text(encoding="utf-8")
    table = text.split("### 3.4 diabetes-screening")[1].split("### 3.5")[0]
    sets = {"glucose-any": ["2345-7", "2339-0"]}
    named = {
        token.partition("|")[2]
        for feature in FEATURES.values()
        if feature.codes is not None
        for token in feature.codes.tokens
        if token.startswith("http://loinc.org|")
    }
    assert named | set(sets["glucose-any"]) == set(re.findall(r"\b\d{4,5}-\d\b", table))
    pack = json.loads((shared / "clinical/value_sets.json").read_bytes())["value_sets"]
    assert [one["code"] for part in pack["glucose-any"]["include"] for one in part["concepts"]] == sets["glucose-any"]
    for name, level in (("current-smoker", 1), ("smoking-known-no", 0)):
        codes = {f"{part['system']}|{one['code']}" for part in pack[name]["include"] for one in part["concepts"]}
        assert codes == {token for token, value in FEATURES["smoker"].levels.items() if value == level}
    lowering = {
        f"{part['system']}|{one['code']}" for part in pack["glucose-lowering"]["include"] for one in part["concepts"]
    }
    exempt = FEATURES["metformin_or_glp1"].codes
    assert exempt is not None
    assert set(exempt.tokens) < lowering


def test_no_audit_feature_feeds_a_risk() -> None:
    """Race, ethnicity and language are read by nobody but the audit; no criterion asks for them."""
    audit = {name for name, feature in FEATURES.items() if feature.use == "audit"}
    assert audit == {"race", "ethnicity", "language"}
    said = [*GUIDANCE.population.include, *GUIDANCE.population.exclude, *(band.when for band in GUIDANCE.policy.bands)]
    assert not audit & {name for text in said for name in parse(text).names}
