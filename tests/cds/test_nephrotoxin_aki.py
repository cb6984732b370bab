"""nephrotoxin-aki through the whole service: information while an order is selected, a warning before it is signed."""

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
from tests.cds.clients.ehr import trusting
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.patient.test_draft_orders import (
    ACETAMINOPHEN,
    FUROSEMIDE,
    IBUPROFEN,
    LISINOPRIL,
    TOPICAL,
    VANCOMYCIN,
    bundle,
    order,
    searchset,
)
from tests.cds.tea import NOW

pytestmark = pytest.mark.anyio

DIRECTORY = Path(__file__).resolve().parents[2] / "services/guidance/library/nephrotoxin-aki"
LOADED = load_guidance(DIRECTORY)
GUIDANCE = LOADED.definition
REFERENCE = {"name": "made-up orders", "base_rate": 0.09, "n": 1000, "events": 90, "inputs": {}}
AT = datetime.fromtimestamp(NOW / 1e6, UTC)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"


def model(intercept: float) -> bytes:
    """A scorecard of one step over age: its risk is nearly the intercept's."""
    return json.dumps(
        {
            "kind": "scorecard", "inputs": ["age"], "intercept": intercept, "linear": [],
            "steps": [{"input": 0, "cuts": [40.0], "values": [0.0, 0.2], "missing": 0.0}], "pairs": [],
            "calibration": {"intercept": 0.0, "slope": 1.0},
            "reference": {"name": "made-up orders", "linear": [], "steps": [0.1], "pairs": []},
        }
    ).encode()  # fmt: skip


def day(days: float) -> str:
    """So many days before the call."""
    return (AT - timedelta(days=days)).isoformat(timespec="seconds").replace("+00:00", "Z")


def creatinine(value: float, days: float = 1.0) -> dict[str, Any]:
    """A result of p1."""
    return {
        "resourceType": "Observation", "id": f"o{days:g}", "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}, "effectiveDateTime": day(days),
        "issued": day(days), "valueQuantity": {"value": value, "unit": "mg/dL"},
    }  # fmt: skip


def diagnosis(code: str) -> dict[str, Any]:
    """A condition of p1."""
    return {
        "resourceType": "Condition", "id": code, "subject": {"reference": "Patient/p1"}, "recordedDate": day(60),
        "code": {"coding": [{"system": ICD, "code": code}]},
    }  # fmt: skip


def call(
    *drafts: dict[str, Any],
    held: tuple[dict[str, Any], ...] = (),
    hook: str = "order-sign",
    context: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A call about a man of 68, everything asked for answered."""
    person = {"resourceType": "Patient", "id": "p1", "birthDate": f"{AT.year - 68}-01-01", "gender": "male"}
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
    stay = {
        "resourceType": "Encounter", "id": "e1", "status": "in-progress", "class": act, "period": {"start": day(2)},
        "subject": {"reference": "Patient/p1"},
    }  # fmt: skip
    prefetch: dict[str, Any] = {}
    for name, query in derive_queries(GUIDANCE, LOADED.value_sets, hook=hook).items():
        those = [one for one in (person, stay, *held) if one["resourceType"] == query.resource_type]
        if query.codes:
            those = [one for one in those if f"http://loinc.org|{one['code']['coding'][0]['code']}" in query.codes]
        prefetch[name] = (those[0] if those else None) if query.count is None else searchset(those)
    ordering = {"draftOrders": bundle(*drafts)} if context is None else context
    return {
        "hook": hook,
        "hookInstance": f"{hook} {len(drafts)}",
        "context": {"userId": "Practitioner/u", "patientId": "p1", "encounterId": "e1", **ordering},
        "prefetch": prefetch,
    }


@pytest.fixture
async def low(settings: CdsSettings) -> AsyncIterator[Running]:
    """A service whose learned risk is about 5 %: it stays below its threshold."""
    async with _serving(settings, -3.2) as cds:
        yield cds


@pytest.fixture
async def high(settings: CdsSettings) -> AsyncIterator[Running]:
    """A service whose learned risk is about 23 %."""
    async with _serving(settings, -1.4) as cds:
        yield cds


def _serving(settings: CdsSettings, intercept: float) -> Any:
    registry = FakeRegistry()
    registry.deploy(build_release(LOADED, model(intercept), REFERENCE))
    return run(settings, registry, client=registry.client())


async def answered(cds: Running, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The cards of a call that must succeed."""
    answer = await cds.call(request, "nephrotoxin-aki")
    assert answer.status_code == 200, answer.text
    cards: list[dict[str, Any]] = answer.json()["cards"]
    return cards


NAMED: dict[str, Any] = {"medicationCodeableConcept": {
    "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": IBUPROFEN}], "text": "ibuprofen 400 mg"}}  # fmt: skip


async def test_information_while_it_is_selected_and_a_warning_before_it_is_signed(high: Running) -> None:
    """The same card, named after the order, louder at the last moment; the first never silences the second."""
    draft = order("d1", IBUPROFEN, **NAMED)
    selecting = {"draftOrders": bundle(draft), "selections": ["MedicationRequest/d1"]}
    (told,) = await answered(high, call(held=(creatinine(1.9),), hook="order-select", context=selecting))
    (warned,) = await answered(high, call(draft, held=(creatinine(1.9),)))
    assert (told["indicator"], warned["indicator"]) == ("info", "warning")
    assert (
        told["summary"]
        == "Ibuprofen 400 mg with eGFR 38: kidney injury risk 23% in 7 days (average 9%). Consider another painkiller."
    )
    assert "Of **100** people like him, about **23** have kidney injury within a week" in told["detail"]
    assert "not given it" not in told["detail"]  # no causal comparison was approved
    assert [row["status"] for row in high.decisions()] == ["shown", "shown"]


async def test_the_draft_is_replaced_by_its_own_id(high: Running) -> None:
    """Delete and create stand in one suggestion, of one type, and only what the card is about is deleted."""
    drafts = (order("d1", IBUPROFEN), order("d2", VANCOMYCIN), order("d3", IBUPROFEN, route=TOPICAL))
    (card,) = await answered(high, call(*drafts, held=(creatinine(1.9),)))
    assert card["selectionBehavior"] == "at-most-one"
    replace, keep, pharmacist = card["suggestions"]
    assert replace["label"] == "Replace with acetaminophen"
    delete, create = replace["actions"]
    assert (delete["type"], delete["resourceId"]) == ("delete", "MedicationRequest/d1")
    assert (create["type"], create["resource"]["resourceType"]) == ("create", "MedicationRequest")
    assert create["resource"]["subject"] == {"reference": "Patient/p1"}
    assert [one["label"] for one in (keep, pharmacist)] == [
        "Keep and check creatinine in 48 hours",
        "Pharmacist review",
    ]
    assert keep["actions"][0]["resource"]["occurrenceDateTime"] == (AT + timedelta(days=2)).date().isoformat()


async def test_several_painkillers_are_all_taken_off(high: Running) -> None:
    """A delete for each, and one create."""
    drafts = (order("d1", IBUPROFEN), order("d2", "7258"))
    (card,) = await answered(high, call(*drafts, held=(creatinine(1.9),)))
    actions = card["suggestions"][0]["actions"]
    assert [one.get("resourceId") for one in actions] == ["MedicationRequest/d1", "MedicationRequest/d2", None]


@pytest.mark.parametrize(
    "held",
    [
        (diagnosis("K74.60"),),
        (diagnosis("Z51.5"),),
        (
            {
                "resourceType": "AllergyIntolerance",
                "id": "a",
                "patient": {"reference": "Patient/p1"},
                "recordedDate": day(90),
                "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": ACETAMINOPHEN}]},
            },
        ),
    ],
    ids=["cirrhosis", "palliative", "allergy"],
)
async def test_acetaminophen_is_not_offered_where_it_may_harm(held: tuple[dict[str, Any], ...], high: Running) -> None:
    """The card is there all the same; palliative care takes away every action, and not the card."""
    (card,) = await answered(high, call(order("d1", IBUPROFEN), held=(creatinine(1.9), *held)))
    labels = [one["label"] for one in card.get("suggestions", [])]
    assert "Replace with acetaminophen" not in labels
    assert len(labels) == (0 if held[0]["id"] == "Z51.5" else 2)


async def test_an_antibiotic_is_never_replaced_nor_to_be_delayed(high: Running) -> None:
    """Its card offers a check and a pharmacist, and says so."""
    (card,) = await answered(high, call(order("d1", VANCOMYCIN), held=(creatinine(1.9),)))
    assert "Do not delay needed antibiotics" in card["detail"]
    assert all(action["type"] == "create" for one in card["suggestions"] for action in one["actions"])


async def test_the_rules_speak_below_the_learned_threshold(low: Running) -> None:
    """An NSAID with an eGFR below 30, and the three medicines together below 60; one of the three missing is silence."""
    assert await answered(low, call(order("d1", IBUPROFEN), held=(creatinine(1.9),))) == []
    (poor,) = await answered(low, call(order("d1", IBUPROFEN), held=(creatinine(2.6),)))
    assert poor["summary"].startswith("Drug 5640 with eGFR 26: kidney injury risk")
    taken = tuple(order(drug, drug, status="active", authoredOn=day(50)) for drug in (LISINOPRIL, FUROSEMIDE))
    (three,) = await answered(low, call(order("d1", IBUPROFEN), held=(creatinine(1.9), *taken)))
    assert "three together are hard on the kidneys" in three["detail"]
    assert await answered(low, call(order("d1", IBUPROFEN), held=(creatinine(1.9), *taken[:1]))) == []


async def test_without_a_learned_risk_the_rules_speak_alone(low: Running) -> None:
    """Where too much is unknown for the model, an NSAID with an eGFR below 30 still gets its card, which says so."""
    request = call(order("d1", IBUPROFEN), held=(creatinine(2.6),))
    needed = {"patient", "encounter", "observations_years", "observations_month", "observations_days", "conditions"}
    registry_names = [name for name in request["prefetch"] if name not in needed]
    for name in registry_names:
        del request["prefetch"][name]
    (card,) = await answered(low, request)
    assert "eGFR 26" in card["summary"]


async def test_without_a_creatinine_the_card_asks_for_one(low: Running) -> None:
    """Nothing in 90 days is told, with a creatinine to order; an older one does not count."""
    for held in ((), (creatinine(1.0, days=120),)):
        (card,) = await answered(low, call(order("d1", IBUPROFEN), held=held))
        assert "no creatinine in 90 days" in card["summary"]
        (suggestion,) = card["suggestions"]
        (action,) = suggestion["actions"]
        assert action["resource"]["code"]["coding"][0]["code"] == "2160-0"


async def test_what_is_on_the_skin_or_harmless_is_not_flagged(high: Running) -> None:
    """A topical NSAID and another medicine are no nephrotoxins; the decision says that it was not meant."""
    for draft in (order("d1", IBUPROFEN, route=TOPICAL), order("d1", ACETAMINOPHEN)):
        assert await answered(high, call(draft, held=(creatinine(1.9),))) == []
    assert {row["status"] for row in high.decisions()} == {"outside"}


async def test_dialysis_and_an_injury_that_is_there_are_not_its_business(high: Running) -> None:
    """Too late to act before it."""
    for held in ((creatinine(1.9), diagnosis("N18.6")), (creatinine(1.0, days=40), creatinine(1.9))):
        assert await answered(high, call(order("d1", IBUPROFEN), held=held)) == []


async def test_a_call_that_does_not_say_what_is_ordered_is_412(high: Running) -> None:
    """Never an empty answer, which would read as no risk: a draft without a medicine, or no draft orders at all."""
    nameless = order("d1", "", medicationCodeableConcept={})
    answer = await high.call(call(nameless, held=(creatinine(1.9),)), "nephrotoxin-aki")
    assert answer.status_code == 412
    lacking = await high.call(call(held=(creatinine(1.9),), context={}), "nephrotoxin-aki")
    assert lacking.status_code == 400  # of a client that must send them; of one that may not, 412
    assert "draftOrders" in lacking.text
    assert "draft orders" in answer.text
    assert [row["status"] for row in high.decisions()] == ["unknown"]


async def test_where_a_client_may_not_send_the_orders_it_is_412(tmp_path: Path) -> None:
    """Epic without its scopes for unsigned orders: nobody can say what is ordered, and that is said."""
    async with trusting("epic", tmp_path, build_release(LOADED, model(-1.4), REFERENCE)) as cds:
        answer = await cds.call(call(held=(creatinine(1.9),), context={}), "nephrotoxin-aki")
        assert answer.status_code == 412
        assert "draft orders" in answer.text
        assert [row["status"] for row in cds.decisions()] == ["unknown"]


async def test_an_order_that_does_not_say_of_what_is_412(high: Running) -> None:
    """A draft without a medicine is not known to be harmless, and that is said."""
    nameless = order("d1", "", medicationCodeableConcept={})
    answer = await high.call(call(nameless, held=(creatinine(1.9),)), "nephrotoxin-aki")
    assert answer.status_code == 412
    assert "draft orders" in answer.text


async def test_the_example_of_the_page_is_a_call(high: Running) -> None:
    """What the page shows as a context gets a card that is about the order in it."""
    page = (DIRECTORY.parents[3] / "docs/guidance/nephrotoxin-aki.md").read_text(encoding="utf-8")
    context = json.loads(page.split("```json")[1].split("```")[0])
    (card,) = await answered(high, call(held=(creatinine(1.9),), context=context))
    assert card["summary"].startswith("Ibuprofen with eGFR 38")
    assert card["suggestions"][0]["actions"][0]["resourceId"] == "MedicationRequest/draft-1"


async def test_words_of_an_order_mark_up_nothing(high: Running) -> None:
    """What a prescriber typed is text on the card, whatever it looks like."""
    evil = {
        "medicationCodeableConcept": NAMED["medicationCodeableConcept"] | {"text": "**x** [y](http://z)\n# big <b>"}
    }
    (card,) = await answered(high, call(order("d1", IBUPROFEN, **evil), held=(creatinine(1.9),)))
    assert "\n" not in card["summary"]
    assert "[y](http" not in card["detail"]
