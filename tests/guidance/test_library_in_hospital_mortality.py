"""The deterioration guidance does what its page and the clinical content say, on an inpatient made of FHIR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.guidance.check import load_guidance
from services.guidance.conditions import parse
from services.guidance.outcome import label_outcome
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import HOUR, parse_instant
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
DIRECTORY = PROJECT / "services/guidance/library/in-hospital-mortality"
LOADED = load_guidance(DIRECTORY)
GUIDANCE = LOADED.definition

NOW = "2025-03-03T14:30:00Z"
SEEN = "2025-03-03T14:10:00Z"


def observations(**changes: float) -> list[dict[str, Any]]:
    """The worked example of the content: breathing 25, on oxygen, pulse 112, temperature 38.4, all else well."""
    said = {"rr": 25, "spo2": 97, "flow": 2, "sbp": 124, "dbp": 70, "pulse": 112, "temp": 38.4, **changes}
    return [
        measured("rr", "9279-1", said["rr"], "/min", SEEN),
        measured("spo2", "59408-5", said["spo2"], "%", SEEN),
        measured("flow", "3151-8", said["flow"], "L/min", SEEN),
        pressure("bp", said["sbp"], said["dbp"], SEEN),
        measured("pulse", "8867-4", said["pulse"], "/min", SEEN),
        measured("temp", "8310-5", said["temp"], "Cel", SEEN),
        answered("acvpu", "80288-4", {"text": "Alert"}, SEEN),
    ]


def patient(**changes: Any) -> list[dict[str, Any]]:
    """A woman of 74 in the third day of a stay."""
    return [
        {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1950-06-01"},
        stay("e", "IMP", "2025-03-01T10:00:00Z", None, **changes),
        measured("na", "2951-2", 131.0, "mmol/L", "2025-03-03T06:00:00Z"),
        measured("cr1", "2160-0", 212.0, "umol/L", "2025-03-02T06:00:00Z"),
        measured("cr2", "2160-0", 1.9, "mg/dL", "2025-03-03T06:00:00Z"),
        diagnosis("c1", "I50.21", "2025-03-01T11:00:00Z"),
        diagnosis("c2", "C78.7", "2025-03-01T11:00:00Z"),
    ]


def test_news2_is_that_of_the_worked_example() -> None:
    """Breathing 25 (3), oxygen (2), pulse 112 (2), temperature 38.4 (1): 8 of 20, and one parameter alone scores 3."""
    values = features_of(LOADED, [*patient(), *observations()], NOW)
    assert values["news2"] == 8
    assert values["news2_largest"] == 3
    assert excluded_by(LOADED, values) == []


def test_the_features_are_what_a_clinician_would_read() -> None:
    """Worked out by hand: the highest creatinine in its unit, metastatic cancer, pressure from the cuff, no lactate asked."""
    values = features_of(LOADED, [*patient(), *observations()], NOW)
    expected = {"age": 74, "map": (124 + 2 * 70) / 3, "sodium": 131, "creatinine": 212 / 88.4, "cancer": 2, "chf": 1}
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    assert values["lactate"] is None
    assert values["lactate_not_measured"] == 1
    assert values["urine_24h"] is None  # nothing measured is not anuria


@pytest.mark.parametrize(
    ("missing", "known"),
    [("rr", False), ("spo2", False), ("pulse", False), ("temp", False), ("acvpu", False), ("flow", True)],
)
def test_news2_is_withheld_when_a_measurement_is_missing(missing: str, known: bool) -> None:
    """All but oxygen must have been measured; oxygen that nobody recorded is room air."""
    seen = [one for one in observations() if one["id"] != missing]
    values = features_of(LOADED, [*patient(), *seen], NOW)
    assert (values["news2"] is not None) == known


def test_measurements_older_than_four_hours_make_no_news2() -> None:
    """The chart is opened in the evening, and the last observations are of the early afternoon."""
    assert features_of(LOADED, [*patient(), *observations()], "2025-03-03T18:11:00Z")["news2"] is None


@pytest.mark.parametrize(("coma", "alert"), [(15, 1.0), (14, 0.0)])
def test_a_glasgow_coma_score_below_15_is_not_alert(coma: float, alert: float) -> None:
    """Where both are recorded, either can say that the patient is not alert."""
    values = features_of(LOADED, [*patient(), *observations(), measured("gcs", "9269-2", coma, "{score}", SEEN)], NOW)
    assert values["alert"] == alert


@pytest.mark.parametrize(
    ("news2", "largest", "deterioration", "palliative", "card"),
    [
        (7, 2, None, 0, "emergency"),
        (6, 3, 0.01, 0, "review"),
        (3, 2, 0.08, 0, "review"),
        (3, 2, 0.0799, 0, None),
        (None, None, 0.2, 0, "review"),
        (8, 3, 0.2, 1, "comfort_care"),
        (2, 1, 0.01, 1, None),
    ],
)
def test_who_gets_a_card(
    news2: float | None, largest: float | None, deterioration: float | None, palliative: float, card: str | None
) -> None:
    """NEWS2 at least 7, or any single 3, or a 24-hour risk of at least 8 %; with palliative care, another card."""
    row = {
        "news2": news2, "news2_largest": largest, "deterioration_24h": deterioration, "palliative": palliative, "risk": 0.04,
    }  # fmt: skip
    held = [band for band in GUIDANCE.policy.bands if parse(band.when).evaluate_one(row)]
    assert held[0].card == card


def test_who_is_left_out() -> None:
    """Visitors of clinics, those who have left, the pregnant, children."""
    clinic = features_of(LOADED, patient(**{"class": {"code": "AMB"}}), NOW)
    assert excluded_by(LOADED, clinic) == ["open_inpatient"]
    left = [patient()[0], stay("e", "IMP", "2025-03-01T10:00:00Z", "2025-03-03T12:00:00Z")]
    assert excluded_by(LOADED, features_of(LOADED, left, NOW)) == ["open_inpatient"]
    expecting = [*patient(), diagnosis("c9", "O09.90", "2025-02-01T11:00:00Z")]
    assert excluded_by(LOADED, features_of(LOADED, expecting, NOW)) == ["pregnant"]
    child = [{**patient()[0], "birthDate": "2012-01-01"}, *patient()[1:]]
    assert excluded_by(LOADED, features_of(LOADED, child, NOW)) == ["age >= 18"]


def became(prediction: str, *later: dict[str, Any], leaves: str = "2025-03-06T12:00:00Z", way: str = "home") -> str:
    """What became of the patient at the landmark of 48 hours, by the outcome of one prediction."""
    system = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
    ended = {"hospitalization": {"dischargeDisposition": {"coding": [{"system": system, "code": way}]}}}
    batch = EventBatch()
    for one in [patient()[0], stay("e", "IMP", "2025-03-01T10:00:00Z", leaves, **ended), *later]:
        flatten_json(json.dumps(one).encode(), batch)
    timeline = assemble(batch.columns())
    at = parse_instant("2025-03-01T10:00:00Z") + 48 * HOUR
    rows = index_rows(timeline, ["p"], [at], ["e"])
    outcome = GUIDANCE.all_predictions[prediction].outcome
    return label_outcome(
        GUIDANCE, LOADED.value_sets, timeline, rows, parse_instant("2026-01-01"), outcome=outcome
    ).state[0]


def intensive_care(when: str) -> dict[str, Any]:
    """An admission to intensive care, as a procedure."""
    return {
        "resourceType": "Procedure", "id": "icu", "status": "completed", "subject": {"reference": "Patient/p"},
        "encounter": {"reference": "Encounter/e"}, "performedDateTime": when,
        "code": {"coding": [{"system": SNOMED, "code": "305351004"}]},
    }  # fmt: skip


def test_what_counts_as_deterioration() -> None:
    """Intensive care after the moment and within 24 hours, or death; what came before, or later, does not."""
    assert became("deterioration_24h", intensive_care("2025-03-03T20:00:00Z")) == "positive"
    assert became("deterioration_24h", intensive_care("2025-03-03T09:00:00Z")) == "negative"
    assert became("deterioration_24h", intensive_care("2025-03-05T09:00:00Z")) == "negative"
    assert became("deterioration_24h", leaves="2025-03-04T02:00:00Z", way="exp") == "positive"
    assert became("deterioration_24h", leaves="2025-03-04T02:00:00Z") == "negative"


def test_what_counts_as_death_in_this_stay() -> None:
    """However late in the stay; leaving alive settles it."""
    assert became("risk", way="exp") == "positive"
    assert became("risk") == "negative"
