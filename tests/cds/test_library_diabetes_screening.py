"""Diabetes screening through the whole service, with the prefetch that discovery asks for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.cds.settings import CdsSettings
from services.guidance.check import load_guidance
from services.guidance.prefetch import derive_queries
from services.guidance.release import build_release
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import NOW
from tests.guidance.patient_by_hand import diagnosis, measured, pressure, stay

pytestmark = pytest.mark.anyio

LOADED = load_guidance(Path(__file__).resolve().parents[2] / "services/guidance/library/diabetes-screening")
GUIDANCE = LOADED.definition
QUERIES = derive_queries(GUIDANCE, LOADED.value_sets, hook="patient-view")
REFERENCE = {"name": "made-up visits", "base_rate": 0.07, "n": 1000, "events": 70, "inputs": {}}
LOINC = "http://loinc.org"
Resource = dict[str, Any]


def scorecard() -> bytes:
    """A model of one input: 14 % at a body mass index of 30 or more, 2 % below."""
    model = {
        "kind": "scorecard", "inputs": ["bmi"], "intercept": 0.0, "linear": [],
        "steps": [{"input": 0, "cuts": [30.0], "values": [-3.89182, -1.81529], "missing": -3.0}], "pairs": [],
        "calibration": {"intercept": 0.0, "slope": 1.0},
        "reference": {"name": "none", "linear": [], "steps": [-3.0], "pairs": []},
    }  # fmt: skip
    return json.dumps(model).encode()


@pytest.fixture
async def cds(settings: CdsSettings) -> AsyncIterator[Running]:
    """A service that the guidance is deployed to."""
    registry = FakeRegistry()
    registry.deploy(build_release(LOADED, scorecard(), REFERENCE))
    async with run(settings, registry, client=registry.client()) as running:
        yield running


def ago(days: float) -> str:
    """A moment so many days before the call."""
    moment = datetime.fromtimestamp(NOW / 1e6, UTC) - timedelta(days=days)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def patient(*more: Resource) -> list[Resource]:
    """A man of 47 with a body mass index of 31, seen a year ago, never tested."""
    return [
        {"resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1978-05-05"},
        stay("e", "AMB", ago(0), None),
        stay("v", "AMB", ago(365), ago(364.9)),
        measured("bmi", "39156-5", 31.0, "kg/m2", ago(365), "v"),
        pressure("bp", 134.0, 84.0, ago(365), "v"),
        *more,
    ]


def without(*names: str) -> list[Resource]:
    """The same man, something not recorded."""
    return [one for one in patient() if one["id"] not in names]


RECENT = measured("again", "39156-5", 31.0, "kg/m2", ago(20))
OLD = measured("glucose", "2345-7", 99.0, "mg/dL", ago(1100))


def request(resources: list[Resource], *, unanswered: str = "", cut: str = "") -> Resource:
    """A call whose prefetch answers every query; but for one, or with one page that says that there is more."""
    prefetch: dict[str, Any] = {}
    for name, query in QUERIES.items():
        found = [one for one in resources if one["resourceType"] == query.resource_type]
        if query.count is None:
            prefetch[name] = next((one for one in found if one["id"] in ("p", "e")), None)
            continue
        if query.codes:
            found = [one for one in found if codes_of(one) & set(query.codes)]
        found.sort(
            key=lambda one: str(one.get("effectiveDateTime") or one.get("period", {}).get("start") or ""), reverse=True
        )
        entries = [{"fullUrl": f"https://x/{one['resourceType']}/{one['id']}", "resource": one} for one in found]
        total = len(entries) + (500 if name == cut else 0)
        prefetch[name] = {"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entries}
    if unanswered:
        del prefetch[unanswered]
    context = {"userId": "Practitioner/u", "patientId": "p", "encounterId": "e"}
    return {"hook": "patient-view", "hookInstance": "i", "context": context, "prefetch": prefetch}


def codes_of(observation: Resource) -> set[str]:
    """Its own code and those of its components."""
    concepts = [observation["code"], *(part["code"] for part in observation.get("component", ()))]
    return {f"{coding['system']}|{coding['code']}" for concept in concepts for coding in concept["coding"]}


async def cards_of(cds: Running, call: Resource) -> list[Resource]:
    """The cards that the service answers with."""
    answer = await cds.call(call, GUIDANCE.id)
    assert answer.status_code == 200, answer.text
    found: list[Resource] = answer.json()["cards"]
    return found


async def test_the_card_appears_with_its_words_and_its_drafts(cds: Running) -> None:
    """Criteria, risk beside them, reasons to decline, and three suggestions bound to patient, practitioner and visit."""
    (card,) = await cards_of(cds, request(patient()))
    assert card["summary"] == "Diabetes test due: none in 3 years. 5-year risk 14% (average 7%). Meets USPSTF criteria."
    assert card["indicator"] == "info"
    assert "Of **100** people like him, about **14** develop diabetes in 5 years" in card["detail"]
    assert "Age **47** and BMI **31.0** meet USPSTF 2021 (grade B)" in card["detail"].replace("\\", "")
    assert len(card["overrideReasons"]) == len(GUIDANCE.override_reasons) == 13
    assert [one["label"] for one in card["suggestions"]] == ["HbA1c", "Fasting glucose instead", "Lifestyle education"]
    codes = []
    for suggestion in card["suggestions"]:
        (action,) = suggestion["actions"]
        draft = action["resource"]
        assert (action["type"], draft["resourceType"], draft["status"]) == ("create", "ServiceRequest", "draft")
        assert draft["intent"] == "proposal"
        assert draft["subject"] == {"reference": "Patient/p"}
        assert draft["requester"] == {"reference": "Practitioner/u"}
        codes.append(draft["code"]["coding"][0]["code"])
    assert codes == ["4548-4", "1558-6", "313204009"]
    assert [row["status"] for row in cds.decisions()] == ["shown"]


async def test_criteria_and_risk_that_disagree_are_both_on_the_card(cds: Running) -> None:
    """At a body mass index of 26 the criteria are met and the learned risk is low: the card is shown and says so."""
    resources = [one for one in patient() if one["id"] != "bmi"]
    (card,) = await cards_of(cds, request([*resources, measured("bmi", "39156-5", 26.0, "kg/m2", ago(9))]))
    assert "5-year risk 2% (average 7%)" in card["summary"]
    assert "The two disagree" in card["detail"]


async def test_to_who_is_new_here_the_criteria_speak_alone(cds: Running) -> None:
    """No visit half a year ago: no risk on the card, and why."""
    resources = [one for one in without("v") if one["id"] != "bmi"]
    (card,) = await cards_of(cds, request([*resources, measured("bmi", "39156-5", 31.0, "kg/m2", ago(9))]))
    assert card["summary"] == "Diabetes test due: none in 3 years. Meets USPSTF criteria."
    assert "is not computed" in card["detail"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ([measured("t", "4548-4", 5.6, "%", ago(400))], "not included: not tested"),
        ([measured("t", "4548-4", 38.0, "mmol/mol", ago(1090))], "not included: not tested"),
        ([measured("t", "1558-6", 5.2, "mmol/L", ago(30))], "not included: not tested"),
        ([diagnosis("d", "E11.9", ago(400))], "not included: not diabetes"),
        ([diagnosis("d", "R73.03", ago(400))], "not included: not prediabetes"),
    ],
)
async def test_a_test_or_a_diagnosis_that_was_sent_silences(cds: Running, more: list[Resource], reason: str) -> None:
    """Nobody who was tested in 3 years, or is known to have it, is told that a test is due."""
    assert await cards_of(cds, request(patient(*more))) == []
    (row,) = cds.decisions()
    assert reason in json.dumps(row, default=str)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (request(without("bmi")), "not known whether: bmi >= 25"),
        (request(patient(RECENT), cut="observations_years"), "not known whether: not tested"),
        (request(patient(), cut="conditions"), "not known whether: not diabetes"),
    ],
)
async def test_what_is_not_known_never_makes_somebody_due(cds: Running, call: Resource, reason: str) -> None:
    """No body mass index, a page of results or of diagnoses that was cut off: silence, and the log says why."""
    assert await cards_of(cds, call) == []
    (row,) = cds.decisions()
    assert reason in json.dumps(row, default=str)


async def test_a_page_that_was_cut_off_beyond_three_years_is_enough(cds: Running) -> None:
    """Its last row is older than the criterion looks back: all that matters was sent, and nothing in it is a test."""
    (card,) = await cards_of(cds, request(patient(RECENT, OLD), cut="observations_years"))
    assert "Diabetes test due" in card["summary"]


@pytest.mark.parametrize("missing", ["observations_years", "conditions"])
async def test_a_query_that_was_not_answered_never_makes_somebody_due(cds: Running, missing: str) -> None:
    """Whatever the service does without it, it does not say that there was no test."""
    answer = await cds.call(request(patient(), unanswered=missing), GUIDANCE.id)
    assert "test due" not in answer.text


async def test_no_birth_date_is_no_answer(cds: Running) -> None:
    """412, as for every required entry: silence would read as not due."""
    ageless = [{"resourceType": "Patient", "id": "p", "gender": "male"}, *patient()[1:]]
    assert (await cds.call(request(ageless), GUIDANCE.id)).status_code == 412
