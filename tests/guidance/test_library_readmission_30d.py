"""The readmission guidance does what its page and the clinical content say, on a patient made of FHIR."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.guidance.check import load_guidance
from services.guidance.conditions import parse
from services.guidance.outcome import label_outcome
from services.guidance.words.card_text import CardFacts, compile_cards
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import parse_instant
from services.timeline.timeline import assemble, index_rows
from tests.guidance import patient_by_hand
from tests.guidance.patient_by_hand import ACT, diagnosis, measured, stay

PROJECT = Path(__file__).resolve().parents[2]
DIRECTORY = PROJECT / "services/guidance/library/readmission-30d"
PAGE = PROJECT / "docs/guidance/readmission-30d.md"
LOADED = load_guidance(DIRECTORY)
GUIDANCE = LOADED.definition
FEATURES = GUIDANCE.features

DISPOSITION = "http://terminology.hl7.org/CodeSystem/discharge-disposition"


# -- a patient -----------------------------------------------------------------------------------------------------


def patient(**changes: Any) -> list[dict[str, Any]]:
    """A man of 68, leaving after 8 days, urgent, with 4 admissions in the year before."""
    codes = {
        "priority": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActPriority", "code": "EM"}]},
        "hospitalization": {"dischargeDisposition": {"coding": [{"system": DISPOSITION, "code": "home"}]}},
        "diagnosis": [{"condition": {"reference": "Condition/c1"}, "rank": 1}],
    }
    index = stay("e", "IMP", "2025-03-01T10:00:00Z", "2025-03-09T15:00:00Z", **{**codes, **changes})
    before = [stay(f"b{n}", "IMP", f"2024-{6 + n:02}-01T08:00:00Z", f"2024-{6 + n:02}-03T08:00:00Z") for n in range(4)]
    return [
        {"resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1956-05-05"},
        index,
        *before,
        stay("old", "IMP", "2023-06-01T08:00:00Z", "2023-06-03T08:00:00Z"),
        stay("ed1", "EMER", "2025-01-10T08:00:00Z", "2025-01-10T12:00:00Z"),
        stay("ed2", "EMER", "2025-03-01T04:00:00Z", "2025-03-01T10:00:00Z"),  # led to the stay: not counted
        measured("hb1", "718-7", 11.2, "g/dL", "2025-03-02T06:00:00Z"),
        measured("hb2", "718-7", 98.0, "g/L", "2025-03-08T06:00:00Z"),
        measured("na", "2951-2", 131.0, "mmol/L", "2025-03-08T06:00:00Z"),
        measured("cr", "2160-0", 168.0, "umol/L", "2025-03-08T06:00:00Z"),
        diagnosis("c1", "I50.21", "2025-03-01T11:00:00Z"),
        diagnosis("c2", "J44.9", "2024-06-01T11:00:00Z", "b0"),
        diagnosis("c3", "I50.9", "2025-03-02T11:00:00Z"),
    ]


def features_of(resources: list[dict[str, Any]], at: str = "2025-03-09T15:00:00Z") -> dict[str, float | None]:
    """Every feature of patient p at a moment, None where there is no value."""
    return patient_by_hand.features_of(LOADED, resources, at)


def excluded_by(values: dict[str, float | None]) -> list[str]:
    """The conditions of the population that keep this patient out."""
    return patient_by_hand.excluded_by(LOADED, values)


def test_the_features_are_what_a_clinician_would_count() -> None:
    """Worked out by hand: the last haemoglobin in its unit, four stays in a year, one emergency visit, the scores."""
    values = features_of(patient())
    expected = {
        "age": 68, "sex": 0, "los_days": 8, "urgent": 1, "admissions_12m": 4, "ed_visits_6m": 1, "oncology": 0, "procedure": 0,
        "hb_last": 9.8, "na_last": 131, "albumin_last": None, "hba1c_last": None, "diagnoses_n": 1, "meds_n": 0, "chf": 1,
        "copd": 1, "ckd": 0, "discharge_to": 0, "charlson_quan": 3, "charlson_lace": 4,
        # HOSPITAL: haemoglobin 1, sodium 1, urgent 1, 2-5 admissions 2, stay of 5 days or more 2
        "hospital": 7,
        # LACE: 7-13 days 5, acute 3, comorbidity 4 or more 5, one visit 1
        "lace": 14, "lace_expected": 23.0,
    }  # fmt: skip
    assert {name: values[name] for name in expected} == pytest.approx(expected, nan_ok=True)
    assert values["egfr_last"] == pytest.approx(37.8, abs=0.3)
    assert excluded_by(values) == []


def test_both_hooks_can_speak_only_of_a_discharge() -> None:
    """On encounter-discharge always; on opening a chart only when the way out is recorded."""
    hooks = {hook.hook: hook.when for hook in GUIDANCE.hooks}
    assert hooks == {"encounter-discharge": None, "patient-view": "discharge_planned"}
    assert features_of(patient())["discharge_planned"] == 1
    assert features_of(patient(hospitalization={}))["discharge_planned"] == 0


@pytest.mark.parametrize(
    ("code", "kept_out"),
    [("exp", "discharged_dead"), ("hosp", "discharged_to_hospice"), ("other-hcf", "transferred_to_acute_care"),
     ("aadvice", "left_against_advice"), ("snf", None), ("home", None)],
)  # fmt: skip
def test_who_does_not_leave_alive_for_home_or_care_is_left_out(code: str, kept_out: str | None) -> None:
    """By the disposition of this very stay."""
    values = features_of(
        patient(hospitalization={"dischargeDisposition": {"coding": [{"system": DISPOSITION, "code": code}]}})
    )
    assert excluded_by(values) == ([] if kept_out is None else [kept_out])


@pytest.mark.parametrize(
    ("code", "rank", "kept_out"),
    [("F32.1", 1, "psychiatric_principal"), ("F32.1", 2, None), ("F10.1", 1, None), ("Z51.11", 1, "cancer_therapy_principal"),
     ("Z47.1", 1, "rehabilitation_principal"), ("Z47.1", 3, None), ("O80", 1, "delivery"), ("O80", 2, "delivery"),
     ("Z51.5", 2, "palliative")],
)  # fmt: skip
def test_some_diagnoses_leave_out(code: str, rank: int, kept_out: str | None) -> None:
    """Psychiatric, rehabilitation and cancer therapy as principal diagnosis only; delivery and palliative care anywhere."""
    resources = patient(diagnosis=[{"condition": {"reference": "Condition/x"}, "rank": rank}])
    values = features_of([*resources, diagnosis("x", code, "2025-03-02T11:00:00Z")])
    assert excluded_by(values) == ([] if kept_out is None else [kept_out])


def test_children_outpatients_and_the_dead_are_left_out() -> None:
    """Adults, inpatients, alive."""
    child = [{**one, "birthDate": "2010-01-01"} if one["resourceType"] == "Patient" else one for one in patient()]
    assert excluded_by(features_of(child)) == ["age >= 18"]
    clinic = patient(**{"class": {"system": ACT, "code": "AMB"}})
    assert excluded_by(features_of(clinic)) == ["inpatient"]
    observed = patient(**{"class": {"system": ACT, "code": "OBSENC"}})
    assert set(excluded_by(features_of(observed))) == {"inpatient", "observation_stay"}
    dead = [
        {**one, "deceasedDateTime": "2025-03-09T14:00:00Z"} if one["resourceType"] == "Patient" else one
        for one in patient()
    ]
    assert excluded_by(features_of(dead)) == ["deceased"]
    later = [
        {**one, "deceasedDateTime": "2025-03-19"} if one["resourceType"] == "Patient" else one for one in patient()
    ]
    assert excluded_by(features_of(later)) == []


def test_only_icd_10_pcs_procedures_count() -> None:
    """As in the HOSPITAL score; a SNOMED-coded check-up is no procedure."""

    def procedure(system: str, code: str) -> dict[str, Any]:
        return {
            "resourceType": "Procedure", "id": "x", "status": "completed", "subject": {"reference": "Patient/p"},
            "encounter": {"reference": "Encounter/e"}, "performedDateTime": "2025-03-02",
            "code": {"coding": [{"system": system, "code": code}]},
        }  # fmt: skip

    assert features_of([*patient(), procedure("http://www.cms.gov/Medicare/Coding/ICD10", "02703ZZ")])["procedure"] == 1
    assert features_of([*patient(), procedure("http://www.cms.gov/Medicare/Coding/ICD10", "XW033E5")])["procedure"] == 1
    assert features_of([*patient(), procedure("http://snomed.info/sct", "430193006")])["procedure"] == 0


def test_what_comes_after_discharge_is_not_seen() -> None:
    """A late result, a later stay, a diagnosis recorded next week: none changes a feature."""
    later = [
        measured("late", "718-7", 15.0, "g/dL", "2025-03-10T06:00:00Z"),
        stay("next", "IMP", "2025-03-20T08:00:00Z", "2025-03-25T08:00:00Z"),
        diagnosis("c9", "N18.4", "2025-03-15T11:00:00Z"),
    ]
    assert features_of([*patient(), *later]) == features_of(patient())


@pytest.mark.parametrize(
    ("risk", "hospital", "band"),
    [(0.22, 3.0, "high"), (0.21, 3.0, "usual"), (0.05, 7.0, "high"), (0.3, None, "high"), (0.05, None, "usual")],
)
def test_a_card_is_shown_at_twice_the_average_or_a_high_score(risk: float, hospital: float | None, band: str) -> None:
    """Either is enough; a score that is withheld neither shows nor hides."""
    values = {"risk": risk, "base_rate": 0.11, "hospital": hospital}
    held = [one for one in GUIDANCE.policy.bands if parse(one.when).evaluate_one(values)]
    assert held[0].name == band
    assert (held[0].card is not None) == (band == "high")


def outcome_of(*later: dict[str, Any]) -> str:
    """What became of the patient, with what came after."""
    batch = EventBatch()
    for resource in [*patient(), *later]:
        flatten_json(json.dumps(resource).encode(), batch)
    timeline = assemble(batch.columns())
    rows = index_rows(timeline, ["p"], [parse_instant("2025-03-09T15:00:00Z")], ["e"])
    return label_outcome(GUIDANCE, LOADED.value_sets, timeline, rows, parse_instant("2026-01-01")).state[0]


def came_back(day: str, priority: str, code: str) -> list[dict[str, Any]]:
    """A later stay with its priority and principal diagnosis."""
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActPriority", "code": priority}]}
    listed = [{"condition": {"reference": "Condition/n"}, "rank": 1}]
    return [
        stay("next", "IMP", f"{day}T08:00:00Z", f"{day}T20:00:00Z", priority=kind, diagnosis=listed),
        diagnosis("n", code, f"{day}T09:00:00Z", "next"),
    ]


@pytest.mark.parametrize(
    ("day", "priority", "code", "state"),
    [
        ("2025-03-20", "EM", "I50.9", "positive"),
        ("2025-03-20", "EL", "I50.21", "positive"),  # elective, but the diagnosis is acute
        ("2025-03-20", "EM", "Z51.11", "planned-readmission"),  # cancer therapy is planned whatever its priority
        ("2025-04-20", "EM", "I50.9", "negative"),  # after 30 days
        ("2025-03-10", "EM", "I50.9", "transferred"),  # within 24 hours: one episode
    ],
)
def test_what_counts_as_a_readmission(day: str, priority: str, code: str, state: str) -> None:
    """Unplanned, within 30 days, and no transfer."""
    assert outcome_of(*came_back(day, priority, code)) == state


def test_a_death_without_a_readmission_is_no_success() -> None:
    """It is a competing event, not a negative."""
    dead = {
        "resourceType": "Patient",
        "id": "p",
        "gender": "male",
        "birthDate": "1956-05-05",
        "deceasedDateTime": "2025-03-20",
    }
    assert outcome_of(dead) == "competing-death"
    assert outcome_of() == "negative"


# -- the card ------------------------------------------------------------------------------------------------------


def card(**changes: Any) -> tuple[str, str]:
    """Summary and detail of the example in the clinical content."""
    values = {
        "hospital": 8.0,
        "lace": 12.0,
        "lace_expected": 17.0,
        "admissions_12m": 4.0,
        "hb_last": 9.8,
        "los_days": 8.0,
    }
    usual: dict[str, Any] = {
        "risk": 0.28, "base_rate": 0.11, "release": "sha256:" + "9f3c" * 16, "gender": "male", "ward": True,
        "values": {**dict.fromkeys(FEATURES, 0.0), **values, "albumin_last": None},
        "contributions": {"admissions_12m": 0.5, "hb_last": 0.4, "los_days": 0.2, "age": 0.1},
    }  # fmt: skip
    words = compile_cards(GUIDANCE)["follow_up"].render(CardFacts(**{**usual, **changes}))
    return words.summary, words.detail


def test_the_card_reads_as_the_clinical_content_says() -> None:
    """Summary word for word; the detail with its frequencies, reasons, scores, caution and what is missing."""
    summary, detail = card()
    assert summary == (
        "30-day readmission risk 28% (ward average 11%). HOSPITAL 8 of 13, LACE 12 of 19. Offer follow-up within 7 days."
    )
    for part in (
        "Of **100** people like him, about **28** come back unplanned within 30 days and **72** do not; on this ward it is 11 of 100.",
        "4 admissions in the year before, haemoglobin 9.8 g/dL and stay of 8 days",
        "HOSPITAL (2016) 8: high.",
        "LACE 12: high, about 17 of 100 die or return.",
        "*A prediction, not a reason to keep anyone in hospital.*",
        "Not known: albumin.",
        "AI-derived",
        "release 9f3c9f3c9f3c",
        "not approved for patient care",
    ):
        assert part in detail


def test_a_withheld_score_is_said_and_not_made_up() -> None:
    """Without haemoglobin there is no HOSPITAL score; without any score the summary still stands."""
    values = {**dict.fromkeys(FEATURES, 0.0), "hb_last": None, "hospital": None}
    summary, detail = card(values=values)
    assert summary == "30-day readmission risk 28% (ward average 11%). LACE 0 of 19. Offer follow-up within 7 days."
    assert "HOSPITAL score (2016) is withheld: haemoglobin is not known." in detail
    summary, _ = card(values={})
    assert summary == "30-day readmission risk 28% (ward average 11%). Offer follow-up within 7 days."


def test_a_disagreement_of_risk_and_score_is_said() -> None:
    """Both directions; and nothing when they agree."""
    assert "The two disagree" not in card()[1]
    assert "HOSPITAL is not high" in card(values={"hospital": 3.0})[1]
    assert "HOSPITAL is high, the learned risk" in card(risk=0.12)[1]


def test_suggestions_are_the_two_of_the_content() -> None:
    """A follow-up with its appointment, and the medicines."""
    labels = {one.label: [action.resource for action in one.actions] for one in GUIDANCE.cards["follow_up"].suggestions}
    assert labels == {
        "Book follow-up within 7 days": [
            "readmission-followup-servicerequest.json", "readmission-followup-appointment.json",
        ],
        "Reconcile medicines": ["readmission-medrec-task.json"],
    }  # fmt: skip


# -- the clinical content ------------------------------------------------------------------------------------------


def test_features_are_those_of_the_content(shared: Path) -> None:
    """Names, LOINC codes, ranges and directions of section 3.1, row by row."""
    text = (shared / "clinical/clinical-content.md").read_text(encoding="utf-8")
    table = text.split("### 3.1 readmission-30d")[1].split("### 3.2")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ]
    seen = set()
    for names, _, _, codes, unit_and_range, _, direction in rows[1:]:
        for name in names.split(", "):
            seen.add(name)
            feature = FEATURES[name]
            if direction in ("+1", "-1", "0", "U"):
                assert feature.direction == {"+1": 1, "-1": -1}.get(direction, 0), name
            if found := re.search(r"([\d.]+)-([\d.]+)(;|$)", unit_and_range):
                assert feature.range == (float(found[1]), float(found[2])), name
            loinc = set(re.findall(r"\b\d{3,5}-\d\b", codes))
            if loinc and feature.kind not in ("formula", "score"):
                assert feature.codes is not None
                assert {token.partition("|")[2] for token in feature.codes.tokens} == loinc, name
    assert seen == {name for name, feature in FEATURES.items() if feature.use == "model"}


def test_no_audit_feature_feeds_the_prediction() -> None:
    """Race, ethnicity and language are read by nobody but the audit."""
    audit = {name for name, feature in FEATURES.items() if feature.use == "audit"}
    assert audit == {"race", "ethnicity", "language"}
    fed = {given for feature in FEATURES.values() for given in feature.inputs.values()}
    assert not audit & fed


def test_the_page_names_every_feature_and_shows_the_card() -> None:
    """What the committee reads is what runs."""
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z0-9_]+)` \|", page, flags=re.M)) == set(FEATURES)
    labels = dict(re.findall(r"^\| `([a-z0-9_]+)` \| ([^|]+?) \|", page, flags=re.M))
    assert labels == {name: feature.label for name, feature in FEATURES.items()}
    summary, detail = card(ward=False, values={
        **dict.fromkeys(FEATURES, 0.0), "hospital": 8.0, "lace": 12.0, "lace_expected": 17.0, "admissions_12m": 4.0,
        "hb_last": 9.8, "los_days": 8.0, "albumin_last": None, "hba1c_last": None,
    }, release="sha256:9f3c21b07d55" + "0" * 52)  # fmt: skip
    shown = page.replace("> ", "").replace("\n>\n", "\n\n")
    assert summary in shown
    assert all(line in shown for line in detail.splitlines())
    assert f"version {GUIDANCE.version}" in page
    assert "not approved for patient care" in page
    for reason in GUIDANCE.about.not_for[:2]:
        assert reason in page.lower()
    for citation in GUIDANCE.about.citations:
        assert citation.partition("doi:")[2] in page


def test_one_patient_and_many_read_the_same() -> None:
    """The row of one is the row of the same patient among others, bit for bit."""
    alone = features_of(patient())
    with_others = features_of(
        [*patient(), {"resourceType": "Patient", "id": "q", "gender": "female", "birthDate": "1990-01-01"}]
    )
    assert alone == with_others
    assert np.isfinite([value for value in alone.values() if value is not None]).all()
