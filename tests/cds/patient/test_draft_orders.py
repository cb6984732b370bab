"""What is being ordered: the draft orders of a context, as the same facts that history has of the order once it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cds.patient.bedside import Bedside, read_bedside
from services.cds.patient.draft_orders import drafts_by_feature
from services.cds.patient.facts import Facts, read_facts
from services.cds.patient.order_names import names_of
from services.cds.schemas import HookRequest
from services.guidance.check import load_guidance
from services.guidance.features import read_features
from services.guidance.ready import Release, open_release
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import DAY, HOUR, instant_text
from services.timeline.timeline import assemble, index_rows
from tests.demo.as_of_comparison import release_of

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
DIRECTORY = Path(__file__).resolve().parents[3] / "services/guidance/library/nephrotoxin-aki"
RELEASE: Release = open_release(release_of(load_guidance(DIRECTORY)))
NOW = 20_000 * DAY + 9 * HOUR
IBUPROFEN, VANCOMYCIN, ACETAMINOPHEN, LISINOPRIL, FUROSEMIDE = "5640", "11124", "161", "29046", "4603"
TOPICAL, ORAL = "6064005", "26643006"


def order(name: str, drug: str, *, route: str = "", **changes: Any) -> dict[str, Any]:
    """A draft of an order of p1."""
    made: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": drug, "display": f"drug {drug}"}]},
        "subject": {"reference": "Patient/p1"},
    }
    if route:
        made["dosageInstruction"] = [{"route": {"coding": [{"system": SNOMED, "code": route}]}}]
    return made | changes


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    """A Bundle as contexts hold it: of no type."""
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}


def searchset(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A complete answer to a search."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [{"resource": one} for one in resources],
    }


def bedside(
    context: dict[str, Any], *, hook: str = "order-sign", held: tuple[dict[str, Any], ...] = (), encounter: str = ""
) -> Bedside:
    """The bedside of p1, a man of 68 of whom everything that is held was answered."""
    person = {"resourceType": "Patient", "id": "p1", "birthDate": "1956-01-01", "gender": "male"}
    prefetch: dict[str, Any] = {}
    for name, query in RELEASE.queries.items():
        those = [one for one in (person, *held) if one["resourceType"] == query.resource_type]
        prefetch[name] = (those[0] if those else None) if query.count is None else searchset(those)
    raw = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in prefetch.items()}
    request = HookRequest(
        hook=hook,
        instance="i",
        patient="p1",
        encounter=encounter,
        user="",
        context={key: msgspec.Raw(json.dumps(value).encode()) for key, value in context.items()},
        prefetch=raw,
        fhir_server="",
        fhir_token="",
    )
    return read_bedside(RELEASE, request, {}, now=NOW)


def facts(context: dict[str, Any], **more: Any) -> Facts:
    """The features at that bedside."""
    known = bedside(context, **more)
    return read_facts(RELEASE, known.patient, known.moment)


@pytest.mark.parametrize("key", ["draftOrders", "medications", "orders"])
def test_a_draft_is_an_order_written_now(key: str) -> None:
    """Whatever its status, intent and date: it is what is ordered, and one of the medicines that are taken."""
    draft = order("d1", IBUPROFEN, intent="proposal", authoredOn="2001-01-01")
    seen = facts({key: bundle(draft)}).values
    assert (seen["nephrotoxin_ordered"], seen["nsaid_ordered"], seen["nephrotoxins_n"]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("context", [{}, {"draftOrders": None}, {"draftOrders": "none"}, {"draftOrders": 7}])
def test_without_draft_orders_nobody_can_say_what_is_ordered(context: dict[str, Any]) -> None:
    """Not sent, null or no Bundle is unknown; it is never read as nothing ordered."""
    assert facts(context).states["nephrotoxin_ordered"] == "unknown"


def test_no_draft_among_those_sent_is_known_to_be_none() -> None:
    """An empty Bundle says that nothing is ordered."""
    seen = facts({"draftOrders": {"resourceType": "Bundle"}})
    assert (seen.values["nephrotoxin_ordered"], seen.states["nephrotoxin_ordered"]) == (0.0, "value")


def test_a_stored_draft_is_no_fact() -> None:
    """Only what the context holds is being ordered; a draft that lies in the record is not."""
    seen = facts({"draftOrders": bundle()}, held=(order("old", IBUPROFEN, authoredOn="2024-10-01"),))
    assert (seen.values["nsaid_ordered"], seen.values["nephrotoxins_n"]) == (0.0, 0.0)


def test_on_order_select_only_the_selected_are_what_it_is_about() -> None:
    """The other drafts are taken into account as medicines, and not flagged."""
    context = {
        "draftOrders": bundle(order("d1", VANCOMYCIN), order("d2", IBUPROFEN)),
        "selections": ["MedicationRequest/d1"],
    }
    seen = facts(context, hook="order-select").values
    assert (seen["nephrotoxin_ordered"], seen["nsaid_ordered"], seen["nephrotoxins_n"]) == (1.0, 0.0, 2.0)
    signed = facts(context, hook="order-sign").values
    assert (signed["nephrotoxin_ordered"], signed["nsaid_ordered"], signed["nephrotoxins_n"]) == (1.0, 1.0, 2.0)


def test_only_a_route_that_is_known_to_be_local_takes_an_order_out() -> None:
    """Skin, eye and ear do not count; another route, none, and two that differ do."""
    for draft, counts in (
        (order("d", IBUPROFEN, route=TOPICAL), 0.0),
        (order("d", IBUPROFEN, route=ORAL), 1.0),
        (order("d", IBUPROFEN), 1.0),
        (
            order(
                "d",
                IBUPROFEN,
                dosageInstruction=[
                    {"route": {"coding": [{"system": SNOMED, "code": TOPICAL}]}},
                    {"text": "or by mouth"},
                ],
            ),
            1.0,
        ),
    ):
        assert facts({"draftOrders": bundle(draft)}).values["nsaid_ordered"] == counts


def test_a_medication_beside_the_orders_says_what_one_of_them_is() -> None:
    """It is no order itself; and an order whose medicine nobody described is not known to be harmless."""
    drug = {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": RXNORM, "code": IBUPROFEN}]}}
    pointing = order("d1", "") | {"medicationReference": {"reference": "Medication/m"}}
    del pointing["medicationCodeableConcept"]
    seen = facts({"draftOrders": bundle(drug, pointing)}).values
    assert (seen["nsaid_ordered"], seen["nephrotoxins_n"]) == (1.0, 1.0)
    assert facts({"draftOrders": bundle(pointing)}).states["nephrotoxin_ordered"] == "unknown"


def test_an_order_that_does_not_say_of_what_leaves_it_open() -> None:
    """Beside others, too: that none of those is nephrotoxic says nothing of it. What is forbidden orders nothing."""
    nameless = order("d1", "", medicationCodeableConcept={})
    assert facts({"draftOrders": bundle(order("d2", ACETAMINOPHEN), nameless)}).states["nsaid_ordered"] == "unknown"
    assert facts({"draftOrders": bundle(order("d2", IBUPROFEN), nameless)}).values["nsaid_ordered"] == 1.0
    forbidden = nameless | {"doNotPerform": True}
    assert facts({"draftOrders": bundle(forbidden)}).values["nsaid_ordered"] == 0.0


def test_what_is_no_order_of_this_patient_is_skipped_and_counted() -> None:
    """Other patients, what is over, other types and broken resources give no fact, and each has its reason."""
    known = bedside(
        {
            "draftOrders": bundle(
                order("a", IBUPROFEN, subject={"reference": "Patient/p2"}),
                order("b", IBUPROFEN, status="cancelled"),
                {"resourceType": "NutritionOrder", "id": "c"},
                {"resourceType": "Observation", "id": "d"},
            )
        }
    )
    assert read_facts(RELEASE, known.patient, known.moment).values["nephrotoxin_ordered"] == 0.0
    assert {reason: n for reason, n in known.skipped.items() if reason.startswith("draftOrders")} == {
        "draftOrders: of another patient": 1,
        "draftOrders: MedicationRequest: status cancelled": 1,
        "draftOrders: NutritionOrder: not read": 1,
        "draftOrders: Observation is no order that is read": 1,
    }


def test_an_order_in_a_stay_that_has_ended_is_written_at_its_end() -> None:
    """The index is the end of the stay then, and the draft is part of it."""
    ended = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": instant_text(NOW - 50 * HOUR), "end": instant_text(NOW - HOUR)},
    }
    known = bedside({"draftOrders": bundle(order("d1", IBUPROFEN))}, held=(ended,), encounter="e1")
    assert known.moment.at == NOW - HOUR
    assert read_facts(RELEASE, known.patient, known.moment).values["nsaid_ordered"] == 1.0


def test_each_feature_has_the_drafts_that_it_counts_and_their_names() -> None:
    """By the same table as its value: what a button deletes is what the card speaks of."""
    known = bedside(
        {
            "draftOrders": bundle(
                order("d1", IBUPROFEN),
                order("d2", VANCOMYCIN),
                order("d3", IBUPROFEN, route=TOPICAL),
                order("d4", ACETAMINOPHEN),
            )
        }
    )
    found = drafts_by_feature(RELEASE, known.patient, known.moment, known.orders)
    assert {name: [one.reference for one in drafts] for name, drafts in found.items()} == {
        "nephrotoxin_ordered": ["MedicationRequest/d1", "MedicationRequest/d2"],
        "nsaid_ordered": ["MedicationRequest/d1"],
    }
    assert names_of(found["nsaid_ordered"], known.orders) == ("drug 5640",)


DRUGS = st.sampled_from([IBUPROFEN, VANCOMYCIN, ACETAMINOPHEN, LISINOPRIL, FUROSEMIDE])


@given(
    drafts=st.lists(st.tuples(DRUGS, st.sampled_from(["", TOPICAL, ORAL])), max_size=3),
    earlier=st.lists(st.tuples(DRUGS, st.integers(1, 40)), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_a_draft_equals_the_order_that_history_has_of_it(
    drafts: list[tuple[str, str]], earlier: list[tuple[str, int]]
) -> None:
    """Every feature of the call is, bit for bit, that of the row at the moment when the orders were authored."""
    held = tuple(
        order(f"h{n}", drug, status="active", authoredOn=instant_text(NOW - days * DAY))
        for n, (drug, days) in enumerate(earlier)
    )
    made = [order(f"d{n}", drug, route=route) for n, (drug, route) in enumerate(drafts)]
    at_bedside = facts({"draftOrders": bundle(*made)}, held=held)
    batch = EventBatch()
    person = {"resourceType": "Patient", "id": "p1", "birthDate": "1956-01-01", "gender": "male"}
    written = [one | {"status": "active", "authoredOn": instant_text(NOW)} for one in made]
    for resource in (person, *held, *written):
        flatten_json(json.dumps(resource).encode(), batch)
    timeline = assemble(batch)
    matrix = read_features(RELEASE.plan, timeline, index_rows(timeline, ["p1"], [NOW], [""]))
    in_history = {
        name: (value if state == 0 else None)
        for name, value, state in zip(matrix.names, matrix.values[0].tolist(), matrix.states[0].tolist(), strict=True)
    }
    assert dict(at_bedside.values) == in_history


@pytest.mark.parametrize("name", ["a b", "ü", "a/b", "..", "x" * 257, "a\u0000", ""])
def test_an_order_whose_id_is_none_is_counted_and_cannot_be_deleted(name: str) -> None:
    """The warning stands; what would name the order in an action is not made: the card would not be well-formed."""
    orders = bedside({"draftOrders": bundle(order(name, IBUPROFEN))}).orders
    (draft,) = orders.drafts
    assert draft.now
    assert draft.reference == ""
