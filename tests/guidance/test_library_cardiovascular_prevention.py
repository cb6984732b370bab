"""The prevention guidance does what the clinical content says, on a patient made of FHIR."""

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
from services.guidance.words.prediction_variables import Stated
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import parse_instant
from services.timeline.timeline import assemble, index_rows
from tests.guidance.patient_by_hand import (
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
DIRECTORY = PROJECT / "services/guidance/library/cardiovascular-prevention"
LOADED = load_guidance(DIRECTORY)
GUIDANCE = LOADED.definition
FEATURES = GUIDANCE.features
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

VISIT = "2025-03-03T09:00:00Z"
Resource = dict[str, Any]


# -- a patient -----------------------------------------------------------------------------------------------------


def medicine(name: str, ingredient: str, written: str = "2025-01-10T09:00:00Z") -> Resource:
    """A prescription of patient p, active."""
    return {
        "resourceType": "MedicationRequest", "id": name, "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p"}, "authoredOn": written,
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": ingredient}]},
    }  # fmt: skip


def smokes(code: str, when: str = "2025-01-10T09:00:00Z") -> Resource:
    """What patient p answered when asked for tobacco."""
    return answered("smoking", "72166-2", {"coding": [{"system": SNOMED, "code": code}]}, when, "v1")


def patient(*changed: Resource, gender: str = "female", born: str = "1966-05-05") -> list[Resource]:
    """The worked example of section 4: a woman of 58, cholesterol 220, HDL 45, 148 treated, smoker, eGFR 72, BMI 31."""
    usual = [
        {"resourceType": "Patient", "id": "p", "gender": gender, "birthDate": born},
        stay("e", "AMB", VISIT, None),
        stay("v1", "AMB", "2025-01-10T08:30:00Z", "2025-01-10T09:30:00Z"),
        stay("v2", "AMB", "2025-02-10T08:30:00Z", "2025-02-10T09:30:00Z"),
        measured("tc", "2093-3", 220.0, "mg/dL", "2025-01-10T09:00:00Z", "v1"),
        measured("hdl", "2085-9", 45.0, "mg/dL", "2025-01-10T09:00:00Z", "v1"),
        measured("cr", "2160-0", 0.92, "mg/dL", "2025-01-10T09:00:00Z", "v1"),
        pressure("bp1", 146.0, 92.0, "2025-01-10T09:00:00Z", "v1"),
        pressure("bp2", 150.0, 90.0, "2025-02-10T09:00:00Z", "v2"),
        measured("bmi", "39156-5", 31.0, "kg/m2", "2025-01-10T09:00:00Z", "v1"),
        smokes("449868002"),
        medicine("m1", "29046"),  # lisinopril
    ]
    replaced = {one["id"]: one for one in changed}
    return [replaced.pop(one["id"], one) for one in usual] + list(replaced.values())


def without(*names: str) -> list[Resource]:
    """The same patient, something of hers not recorded."""
    return [one for one in patient() if one["id"] not in names]


def read(resources: list[Resource]) -> dict[str, float | None]:
    """Every feature at the visit."""
    return features_of(LOADED, resources, VISIT)


def row_of(values: dict[str, float | None]) -> dict[str, float | None]:
    """What bands and suggestions are held against: the features, and both published risks by their prediction's name."""
    return {
        **values,
        "risk": values["total_cvd"],
        "ascvd": values["ascvd_score"],
        "base_rate": 0.1,
        "ascvd_average": 0.06,
    }


def band_of(resources: list[Resource]) -> str | None:
    """The first band that holds."""
    row = row_of(read(resources))
    return next((band.name for band in GUIDANCE.policy.bands if parse(band.when).evaluate_one(row)), None)


def offered(card: str, resources: list[Resource]) -> list[str]:
    """The suggestions of a card whose condition holds."""
    row = row_of(read(resources))
    return [
        one.label
        for one in GUIDANCE.cards[card].suggestions
        if one.when is None or parse(one.when).evaluate_one(row) is True
    ]


def test_the_risks_are_those_of_the_worked_example() -> None:
    """13 % in all, 8 % heart attack or stroke, 3 % with healthy values, from values as they stand in a record."""
    values = read(patient())
    assert {name: values[name] for name in ("age", "sex", "total_chol", "hdl", "sbp", "smoker", "bp_treated", "statin")} == {
        "age": 58, "sex": 1, "total_chol": 220, "hdl": 45, "sbp": 148, "smoker": 1, "bp_treated": 1, "statin": 0,
    }  # fmt: skip
    assert values["egfr"] == pytest.approx(72.0, abs=0.5)
    assert [round(100 * (values[name] or 0)) for name in ("total_cvd", "ascvd_score", "healthy")] == [13, 8, 3]
    assert values["heart_failure_risk"] is not None
    assert excluded_by(LOADED, values) == []


# -- what is read ----------------------------------------------------------------------------------------------------


def test_blood_pressure_is_the_mean_of_the_last_two_days_outside_hospital() -> None:
    """A reading in hospital does not count, nor a third day before; two of one day are one day."""
    inpatient = [stay("h", "IMP", "2025-02-20T08:00:00Z", "2025-02-22T08:00:00Z")]
    more = [
        *inpatient,
        pressure("bp0", 120.0, 70.0, "2024-11-10T09:00:00Z", "v1"),
        pressure("bp2b", 156.0, 90.0, "2025-02-10T09:20:00Z", "v2"),
        pressure("bph", 190.0, 100.0, "2025-02-21T09:00:00Z", "h"),
    ]
    assert read(patient(*more))["sbp"] == pytest.approx((146 + 150 + 156) / 3)
    assert read(patient(*more))["dbp"] == pytest.approx((92 + 90 + 90) / 3)


def test_cholesterol_in_mmol_is_converted_by_the_factor_of_the_equation() -> None:
    """5.69 mmol/L of cholesterol are 220 mg/dL."""
    values = read(patient(measured("tc", "2093-3", 5.69, "mmol/L", "2025-01-10T09:00:00Z", "v1")))
    assert values["total_chol"] == pytest.approx(5.69 / 0.02586, rel=1e-3)


@pytest.mark.parametrize(
    ("code", "smoker"),
    [("449868002", 1), ("428041000124106", 1), ("8517006", 0), ("266919005", 0), ("77176002", None)],
)
def test_smoking_is_yes_no_or_not_known(code: str, smoker: float | None) -> None:
    """A smoker of unknown status is not known, not a no; and then there is no risk."""
    values = read(patient(smokes(code)))
    assert values["smoker"] == smoker
    assert (values["total_cvd"] is None) == (smoker is None)


def test_a_reported_egfr_stands_in_only_where_there_is_no_creatinine() -> None:
    """CKD-EPI 2021 as reported; an equation with a race term is not read at all."""
    reported = measured("g", "98979-8", 55.0, "mL/min/{1.73_m2}", "2025-01-10T09:00:00Z", "v1")
    by_race = measured("r", "48642-3", 40.0, "mL/min/{1.73_m2}", "2025-01-10T09:00:00Z", "v1")
    assert read(patient(reported))["egfr"] == pytest.approx(72.0, abs=0.5)
    assert read([*without("cr"), reported])["egfr"] == 55.0
    assert read([*without("cr"), by_race])["egfr"] is None


def test_the_body_mass_index_is_needed_for_heart_failure_alone() -> None:
    """Measured, from weight and height, or not known: the other two risks stand."""
    values = read(without("bmi"))
    assert values["heart_failure_risk"] is None
    assert values["total_cvd"] == read(patient())["total_cvd"]
    when = "2025-01-10T09:00:00Z"
    computed = read(
        [*without("bmi"), measured("w", "29463-7", 81.0, "kg", when), measured("h", "8302-2", 180.0, "cm", when)]
    )
    assert computed["bmi"] == 25.0


# -- who it is for ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "kept_out"),
    [
        (diagnosis("d", "I25.10", "2015-01-01T00:00:00Z"), "known_ascvd"),
        (diagnosis("d", "I50.9", "2015-01-01T00:00:00Z"), "known_heart_failure"),
        (diagnosis("d", "Z34.01", "2025-01-10T00:00:00Z"), "pregnant"),
        (diagnosis("d", "Z34.01", "2020-01-10T00:00:00Z"), None),
        (diagnosis("d", "N18.6", "2020-01-10T00:00:00Z"), "dialysis"),
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
    """Secondary prevention, pregnancy, dialysis, palliative care and hospital stays are not for this guidance."""
    assert excluded_by(LOADED, read(patient(resource))) == ([] if kept_out is None else [kept_out])


@pytest.mark.parametrize(
    ("born", "out"),
    [("1995-03-04", ["age >= 30"]), ("1995-03-03", []), ("1945-03-04", []), ("1945-03-03", ["age < 80"])],
)
def test_it_is_for_those_of_30_to_79(born: str, out: list[str]) -> None:
    """From the thirtieth birthday to the day before the eightieth."""
    assert excluded_by(LOADED, read(patient(born=born))) == out


# -- which card ------------------------------------------------------------------------------------------------------

NO_SMOKER = smokes("266919005")
MILD = [
    NO_SMOKER,
    pressure("bp1", 118.0, 72.0, "2025-01-10T09:00:00Z"),
    pressure("bp2", 118.0, 72.0, "2025-02-10T09:00:00Z"),
]


def stage_1(systolic: float, diastolic: float) -> list[Resource]:
    """A man of 60 who smokes, whose pressure is untreated and as given on both days; he takes a statin."""
    readings = [
        pressure("bp1", systolic, diastolic, "2025-01-10T09:00:00Z", "v1"),
        pressure("bp2", systolic, diastolic, "2025-02-10T09:00:00Z", "v2"),
        medicine("m1", "83367"),  # atorvastatin instead of lisinopril
    ]
    return patient(*readings, gender="male", born="1964-05-05")


def test_a_statin_is_a_matter_of_ascvd_and_never_of_the_total() -> None:
    """At ASCVD 8 % the band of statins holds; with a statin it does not, though the total is 13 %."""
    assert band_of(patient()) == "statin_threshold"
    assert band_of(patient(medicine("s", "83367"))) == "usual"
    assert band_of(patient(*MILD)) == "usual"
    for band in GUIDANCE.policy.bands:
        if re.search(r"\brisk >=|total_cvd", band.when) and "statin" in band.when:
            assert band.name == "sex_not_recorded"  # there each threshold has its own half of the condition
    draft = next(one for one in GUIDANCE.cards["prevention"].suggestions if one.label == "Draft atorvastatin 20 mg")
    assert parse(str(draft.when)).names.isdisjoint({"risk", "total_cvd"})


@pytest.mark.parametrize(
    ("systolic", "diastolic", "band"),
    [
        (129, 79, "usual"), (130, 79, "blood_pressure_threshold"), (139, 79, "blood_pressure_threshold"),
        (140, 79, "usual"), (129, 80, "blood_pressure_threshold"), (129, 89, "blood_pressure_threshold"),
        (129, 90, "usual"),
    ],
)  # fmt: skip
def test_drugs_in_stage_1_are_a_matter_of_the_total(systolic: float, diastolic: float, band: str) -> None:
    """From a total of 7.5 % on, at 130-139 or 80-89, untreated."""
    values = read(stage_1(systolic, diastolic))
    assert values["total_cvd"] is not None
    assert values["total_cvd"] >= 0.075
    assert band_of(stage_1(systolic, diastolic)) == band


def test_treated_pressure_or_a_low_total_is_no_reason() -> None:
    """The same pressure with a drug for it, or in a younger man who does not smoke, goes without a card."""
    assert band_of([*stage_1(132, 70), medicine("bp", "17767")]) == "usual"
    young = [one if one["id"] != "p" else {**one, "birthDate": "1985-05-05"} for one in stage_1(132, 70)]
    assert band_of([NO_SMOKER if one["id"] == "smoking" else one for one in young]) == "usual"


def test_an_ldl_of_190_goes_straight_to_its_own_text() -> None:
    """Whatever the risk, and whether it is known or not; at 189 it does not."""
    high = measured("ldl", "13457-7", 190.0, "mg/dL", "2025-01-10T09:00:00Z", "v1")
    assert band_of(patient(high)) == "very_high_cholesterol"
    assert band_of([*without("tc"), high]) == "very_high_cholesterol"
    assert band_of(patient({**high, "valueQuantity": {**high["valueQuantity"], "value": 189.0}})) == "statin_threshold"


@pytest.mark.parametrize(
    ("gone", "panel"), [("tc", True), ("hdl", True), ("smoking", False), ("cr", False), (("bp1", "bp2"), False)]
)
def test_a_missing_input_withholds_the_risk_and_is_named(gone: str | tuple[str, ...], panel: bool) -> None:
    """No risk, a card that says which, and a lipid panel where it is cholesterol that is missing."""
    resources = without(*([gone] if isinstance(gone, str) else gone))
    assert read(resources)["total_cvd"] is None
    assert band_of(resources) == "input_missing"
    assert offered("input_missing", resources) == (["Lipid panel"] if panel else [])
    detail = words("input_missing", resources)[1]
    label = {"tc": "total cholesterol", "hdl": "HDL cholesterol", "smoking": "smoking", "cr": "eGFR"}
    assert label.get(str(gone), "systolic blood pressure") in detail.partition("Not known:")[2]


def test_a_value_beyond_the_equation_is_not_extrapolated() -> None:
    """Cholesterol of 330 mg/dL is known, and PREVENT has nothing to say of it: no risk and no card."""
    beyond = patient(measured("tc", "2093-3", 330.0, "mg/dL", "2025-01-10T09:00:00Z", "v1"))
    values = read(beyond)
    assert values["total_chol"] == 330.0
    assert values["total_cvd"] is None
    assert band_of(beyond) is None


@pytest.mark.parametrize("gender", ["other", "unknown"])
def test_where_sex_is_neither_both_values_are_shown_and_nothing_is_suggested(gender: str) -> None:
    """The equations know two sexes; the card shows what each says."""
    resources = patient(gender=gender)
    values = read(resources)
    assert values["total_cvd"] is None
    assert values["total_cvd_as_woman"] == read(patient())["total_cvd"]
    assert values["total_cvd_as_man"] == read(patient(gender="male"))["total_cvd"]
    assert values["ascvd_as_man"] == read(patient(gender="male"))["ascvd_score"]
    assert band_of(resources) == "sex_not_recorded"
    assert GUIDANCE.cards["both_values"].suggestions == ()
    assert words("both_values", resources)[0] == (
        "10-year CVD risk 13% by the equation for women, 14% by that for men."
    )


# -- what is suggested -----------------------------------------------------------------------------------------------

DRAFT = "Draft atorvastatin 20 mg"


@pytest.mark.parametrize(
    ("resources", "drafted"),
    [
        (patient(), True),
        (patient(born="1985-03-03"), None),  # 40, and under 5 % at that age
        (patient(born="1949-03-04"), True),  # 75
        (patient(born="1949-03-03"), False),  # 76
        (patient(medicine("s", "301542")), False),  # rosuvastatin
        (patient(diagnosis("d", "G72.0", "2020-01-10T00:00:00Z")), False),
        (patient(diagnosis("d", "K74.60", "2020-01-10T00:00:00Z")), False),
        (patient(diagnosis("d", "B18.2", "2020-01-10T00:00:00Z")), False),
        (patient(answered("ps", "82810-3", {"text": "Possible pregnancy"}, "2025-02-01T09:00:00Z")), False),
        (patient(answered("ps", "82810-3", {"text": "Possible pregnancy"}, "2023-02-01T09:00:00Z")), True),
        (patient(*MILD), False),  # under 5 %
    ],
)
def test_a_statin_is_drafted_only_where_the_content_allows_it(resources: list[Resource], drafted: bool | None) -> None:
    """ASCVD from 5 % on, 40 to 75, no statin, no intolerance, no liver disease, not pregnant nor possibly so."""
    found = offered("prevention", resources)
    assert "Discuss prevention" in found
    if drafted is None:
        drafted = (read(resources)["ascvd_score"] or 0.0) >= 0.05
    assert (DRAFT in found) == drafted


def test_an_intolerance_recorded_against_a_statin_withholds_the_draft() -> None:
    """As an AllergyIntolerance, by ingredient."""
    intolerant = {
        "resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"},
        "recordedDate": "2020-01-10T00:00:00Z", "code": {"coding": [{"system": RXNORM, "code": "36567"}]},
        "clinicalStatus": {"coding": [{"code": "active"}]},
    }  # fmt: skip
    assert DRAFT not in offered("prevention", patient(intolerant))


def test_it_speaks_once_a_year_within_its_budget() -> None:
    """Section 5: once a year, at most 15 % of visits."""
    assert GUIDANCE.policy.cooldown_hours == 365 * 24
    assert GUIDANCE.policy.alert_budget == 0.15


# -- what may happen -------------------------------------------------------------------------------------------------


def became(prediction: str, *later: Resource) -> str:
    """The outcome of patient p, seen ten years and more after the visit."""
    batch = EventBatch()
    for resource in [*patient(), *later]:
        assert flatten_json(json.dumps(resource).encode(), batch), resource
    timeline = assemble(batch.columns())
    rows = index_rows(timeline, ["p"], [parse_instant(VISIT)], ["e"])
    outcome = GUIDANCE.all_predictions[prediction].outcome
    seen = parse_instant("2036-01-01T00:00:00Z")
    return label_outcome(GUIDANCE, LOADED.value_sets, timeline, rows, seen, outcome=outcome).state[0]


@pytest.mark.parametrize(
    ("code", "when", "total", "ascvd"),
    [
        ("I21.4", "2030-01-01T00:00:00Z", "positive", "positive"),
        ("I63.9", "2030-01-01T00:00:00Z", "positive", "positive"),
        ("I61.9", "2030-01-01T00:00:00Z", "positive", "positive"),
        ("I50.9", "2030-01-01T00:00:00Z", "positive", "negative"),
        ("I70.0", "2030-01-01T00:00:00Z", "negative", "negative"),
        ("I21.4", "2035-06-01T00:00:00Z", "negative", "negative"),
    ],
)
def test_what_counts_as_the_outcome(code: str, when: str, total: str, ascvd: str) -> None:
    """A first heart attack or stroke within ten years; heart failure counts for the total alone."""
    later = diagnosis("later", code, when)
    assert became("risk", later) == total
    assert became("ascvd", later) == ascvd


# -- the cards -------------------------------------------------------------------------------------------------------


def words(card: str, resources: list[Resource]) -> tuple[str, str]:
    """Summary and detail for one patient."""
    values = read(resources)
    facts = CardFacts(
        risk=values["total_cvd"], base_rate=0.1, release="sha256:" + "9f3c" * 16, values=values,
        gender=str(resources[0]["gender"]), others={"ascvd": Stated(risk=values["ascvd_score"], average=0.06)},
    )  # fmt: skip
    filled = compile_cards(GUIDANCE)[card].render(facts)
    return filled.summary, filled.detail


def test_the_card_reads_as_the_clinical_content_says() -> None:
    """Summary word for word; the detail with its frequencies, values and both thresholds, each for what it is for."""
    summary, detail = words("prevention", patient())
    assert summary == (
        "10-year CVD risk 13% (same age, healthy factors: 3%); heart attack or stroke 8%. Discuss prevention."
    )
    for part in (
        "Of **100** people like her, about **13** have a heart attack, stroke or heart failure in 10 years and **87** do not",
        "With healthy blood pressure, cholesterol and no smoking it would be **3%**.",
        "PREVENT base: age 58, female, total cholesterol 220, HDL 45, SBP 148 treated, current smoker, eGFR 72.",
        "For statins: PREVENT-ASCVD **8%** = intermediate (5-<10 %) in the 2026 guideline.",
        "For blood pressure: total CVD 13%; 7.5 % or more supports drugs in stage 1",
        "First: stop smoking, lower blood pressure.",
        "Computed from the record by published scores and rules.",
        "not approved for patient care",
    ):
        assert part in detail
    assert "AI-derived" not in detail


def test_every_summary_fits_a_card() -> None:
    """Under 140 characters, with the longest values that may stand in it."""
    high = measured("ldl", "13457-7", 245.0, "mg/dL", "2025-01-10T09:00:00Z", "v1")
    for card, resources in (
        ("prevention", patient()), ("very_high_cholesterol", patient(high)), ("both_values", patient(gender="other")),
        ("input_missing", without("tc")),
    ):  # fmt: skip
        assert len(words(card, resources)[0]) < 140


# -- the clinical content --------------------------------------------------------------------------------------------


def test_the_codes_of_the_inputs_are_those_of_the_content(shared: Path) -> None:
    """Every LOINC code of section 3.3 is read, and no other; smoking by the codes of both smoking sets."""
    text = (shared / "clinical/clinical-content.md").read_text(encoding="utf-8")
    table = text.split("### 3.3 cardiovascular-prevention")[1].split("### 3.4")[0]
    wanted = set(re.findall(r"\b\d{4,5}-\d\b", table)) - {"85354-9"}  # the panel: its components are read
    beside = {"8462-4", "13457-7", "18262-6", "2089-1", "14682-9"}  # diastolic, LDL, creatinine in umol/L
    read_ = {
        token.partition("|")[2]
        for feature in FEATURES.values()
        if feature.codes is not None
        for token in feature.codes.tokens
    }
    assert read_ | {"98979-8"} == wanted | beside
    pack = json.loads((shared / "clinical/value_sets.json").read_bytes())["value_sets"]
    for name, level in (("current-smoker", 1), ("smoking-known-no", 0)):
        codes = {f"{part['system']}|{one['code']}" for part in pack[name]["include"] for one in part["concepts"]}
        assert codes == {token for token, value in FEATURES["smoker"].levels.items() if value == level}


def test_no_audit_feature_feeds_a_risk() -> None:
    """Race, ethnicity and language are read by nobody but the audit; PREVENT has none of them."""
    audit = {name for name, feature in FEATURES.items() if feature.use == "audit"}
    assert audit == {"race", "ethnicity", "language"}
    assert not audit & {given for feature in FEATURES.values() for given in feature.inputs.values()}
