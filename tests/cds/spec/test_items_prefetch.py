"""Items 17 to 26: prefetch."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from services.cds.conformance.contexts import TOKENS
from services.cds.conformance.own_server import OwnServer
from services.cds.desk import wall_clock
from services.cds.settings import CdsSettings
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.spec.calls import full, library_templates, services, without
from tests.cds.tea import bundle, haemoglobin, hook_request, patient

pytestmark = pytest.mark.anyio

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
REMARK = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "not-found"}]}
ACCESS = {"access_token": "t0k", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "x"}


@pytest.fixture
def hospital() -> Iterator[OwnServer]:
    """A FHIR server that has an old woman with too little haemoglobin, whoever is asked for."""
    with OwnServer() as server:
        yield server


@pytest.fixture
async def connected(settings: CdsSettings, registry: FakeRegistry, hospital: OwnServer) -> AsyncIterator[Running]:
    """The service, which may ask that server; at the bedside it is now."""
    told = settings.model_copy(update={"fhir_servers": (hospital.origin,), "fetch_milliseconds": 5000})
    async with run(told, registry, client=registry.client(), clock=wall_clock) as cds:
        yield cds


def through(hospital: OwnServer, prefetch: dict[str, Any]) -> dict[str, Any]:
    """A call that names that server."""
    return hook_request(prefetch, fhirServer=hospital.fhir, fhirAuthorization=ACCESS)


def tokens(template: str) -> list[str]:
    """What stands between the braces."""
    return [token.strip() for token in re.findall(r"\{\{(.*?)\}\}", template)]


def test_item_17_templates_are_queries_with_context_tokens() -> None:
    """All that is shipped: a read or a search, and tokens that are paths of the context."""
    for guidance, hook, template in library_templates():
        assert re.fullmatch(r"[A-Z][A-Za-z]+(/\{\{[^}]+\}\}|\?.+)", template), (guidance, hook, template)
        assert all(token.startswith("context.") for token in tokens(template)), (guidance, hook, template)


def test_item_18_tokens_are_root_fields_that_their_hook_offers() -> None:
    """None leads into draftOrders, and none names what its hook does not have."""
    for guidance, hook, template in library_templates():
        offered = {f"context.{name}" for name in TOKENS[hook]}
        assert set(tokens(template)) <= offered, (guidance, hook, template)


async def test_item_19_we_resolve_our_own_templates(connected: Running, hospital: OwnServer) -> None:
    """What a client did not prefetch is asked for with the ids of the call, no token left in it."""
    await connected.call(through(hospital, {}))
    asked = [hit.path for hit in hospital.hits]
    assert asked
    assert not any("{{" in path or "%7B" in path for path in asked)
    assert all("p1" in path for path in asked)


def test_item_20_templates_keep_to_the_restricted_subset() -> None:
    """No chain, no include, no modifier but `:in`, of the controls only `_count` and `_sort`."""
    for guidance, hook, template in library_templates():
        for name, _ in parse_qsl(template.partition("?")[2]):
            assert re.fullmatch(r"[a-z][a-z-]*(:in)?|_count|_sort|_id", name), (guidance, hook, template)


async def test_item_21_null_and_failure_are_answers_and_what_is_left_out_is_asked_for(
    connected: Running, hospital: OwnServer
) -> None:
    """`null`, an empty searchset and an OperationOutcome are not asked for again; an omitted key is."""
    for told in (None, bundle(), OUTCOME, bundle(REMARK)):
        given = await full(connected, Observation=told, Procedure=told)
        assert (await connected.call(through(hospital, given))).status_code == 200
        assert hospital.hits == []
    await connected.call(through(hospital, await without(connected, "Observation")))
    assert {hit.path.partition("?")[0] for hit in hospital.hits} == {"/fhir/Observation"}


@pytest.mark.parametrize(("told", "dialysis"), [(None, 0.0), (bundle(), 0.0), (OUTCOME, None)])
async def test_item_21_absent_and_unknown_are_told_apart(cds: Running, told: Any, dialysis: float | None) -> None:
    """Nothing there is "no"; a failed query is not known."""
    await cds.call(hook_request(await full(cds, Procedure=told)))
    (kept,) = cds.decisions()
    assert (kept["features"].get("dialysis"), kept["states"]["dialysis"] == "unknown") == (dialysis, dialysis is None)


async def test_item_22_a_bundle_with_a_next_page_never_says_absent(cds: Running) -> None:
    """Of a list that was not read to its end nothing may be called absent."""
    more = bundle(link=[{"relation": "next", "url": "https://fhir.example/next"}])
    await cds.call(hook_request(await full(cds, Procedure=more)))
    assert [row["states"]["dialysis"] for row in cds.decisions()] == ["unknown"]


async def test_item_22_the_next_page_is_fetched_with_the_token(connected: Running, hospital: OwnServer) -> None:
    """On the origin of the named server, with the token of the call."""
    more = bundle(link=[{"relation": "next", "url": f"{hospital.fhir}/pages/2"}])
    await connected.call(through(hospital, await full(connected, Observation=more)))
    assert {(hit.path, hit.authorization) for hit in hospital.hits} == {("/fhir/pages/2", "Bearer t0k")}


@pytest.mark.parametrize(
    "shape",
    [
        bundle(haemoglobin(8.5)),
        bundle(haemoglobin(8.5)) | {"type": "collection"},
        {"resourceType": "Bundle", "entry": [{"resource": haemoglobin(8.5)}]},
        {"response": {"status": "200 OK"}, "resource": bundle(haemoglobin(8.5))},
        [haemoglobin(8.5)],
    ],
    ids=["searchset", "collection", "without a type", "wrapped", "array"],
)
async def test_item_23_every_shape_is_read_alike(cds: Running, shape: Any) -> None:
    """The haemoglobin is found in each, and the card is the same."""
    said = await cds.call(hook_request(await full(cds, Observation=shape)))
    assert [one["summary"] for one in said.json()["cards"]] == ["Risk of thirst 62% (average 12%). Offer tea."]
    assert cds.decisions()[0]["features"]["hb"] == 8.5


async def test_item_24_what_the_prefetch_lacks_is_retrieved_and_nothing_else(
    connected: Running, hospital: OwnServer
) -> None:
    """A prefetch without its observations: those are asked for, and the card rests on them."""
    said = await connected.call(through(hospital, await without(connected, "Observation")))
    assert len(said.json()["cards"]) == 1
    assert {hit.path.partition("?")[0] for hit in hospital.hits} == {"/fhir/Observation"}
    assert connected.decisions()[0]["states"]["hb"] == "value"


async def test_item_25_required_data_that_cannot_be_had_is_412(cds: Running) -> None:
    """Age is required: 412 that names it. Haemoglobin is not: an answer that says that it is unknown."""
    said = await cds.call(hook_request(await without(cds, "Patient")))
    assert said.status_code == 412
    assert "age" in said.json()["issue"][0]["diagnostics"]
    said = await cds.call(hook_request(await without(cds, "Observation")))
    assert said.status_code == 200
    assert "Not known: haemoglobin" in said.json()["cards"][0]["detail"]


async def test_item_26_the_same_card_by_prefetch_and_by_the_fhir_server(
    connected: Running, hospital: OwnServer
) -> None:
    """What is fetched gives the same card as the same data as prefetch."""
    fetched = (await connected.call(through(hospital, {}))).json()["cards"]
    entry = (await services(connected))[0]
    sent = {"patient": hospital.answer("/fhir/Patient/p2", ""), **await without(connected, "Patient", of="p2")}
    labs = next(key for key, template in entry["prefetch"].items() if template.startswith("Observation"))
    query = entry["prefetch"][labs].replace("{{context.patientId}}", "p2")
    sent[labs] = hospital.answer(f"/fhir/{query}", "")
    assert sent["patient"]["id"] == patient("p2")["id"]
    given = (await connected.call(hook_request(sent, of="p2"))).json()["cards"]
    assert [one["summary"] for one in fetched] == [one["summary"] for one in given] != []
