"""The same card with prefetch and without: what the client left out comes from a real FHIR R4 server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.cds.settings import CdsSettings
from services.demo.fhir_search import FhirServer, fill
from services.guidance.check import load_guidance
from services.guidance.models.published import Published, PublishedFile
from services.guidance.release import ReleaseBundle, build_release
from services.timeline.instants import parse_instant
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import hook_request
from tests.fhir_servers.hapi_server import Hospital, NotHere, hospital
from tests.guidance.test_library_cardiovascular_prevention import VISIT
from tests.guidance.test_library_cardiovascular_prevention import patient as prevention_patient
from tests.load.hospital_call import model_of, record

# The first time, what the server is made of has to be fetched.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1800)]

LIBRARY = Path(__file__).resolve().parents[2] / "services/guidance/library"
REFERENCE = {"name": "none", "base_rate": 0.12, "n": 1, "events": 1, "inputs": {}}
# A server stamps what it is given with its own clock, and a way home that was recorded after the index is not known yet.
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Case:
    """A patient, and the guidance that has something to say of them at a moment."""

    bundle: ReleaseBundle
    hook: str
    resources: list[dict[str, Any]]
    context: dict[str, str]
    now: int


def readmission() -> Case:
    """Somebody about to go home: ten diagnoses, fifty results, eight medicines."""
    loaded = load_guidance(LIBRARY / "readmission-30d")
    found = record("p0", LATER)
    context = {"userId": "Practitioner/u", "patientId": "p0", "encounterId": "p0-e"}
    bundle = build_release(loaded, model_of(loaded.definition), REFERENCE)
    return Case(
        bundle,
        "encounter-discharge",
        [one for some in found.values() for one in some],
        context,
        round(LATER.timestamp() * 1e6),
    )


def prevention() -> Case:
    """The worked example of the prevention page: a woman of 58 at a visit."""
    loaded = load_guidance(LIBRARY / "cardiovascular-prevention")
    published = {
        name: Published(file=PublishedFile(feature=feature)).to_json()
        for name, feature in (("risk", "total_cvd"), ("ascvd", "ascvd_score"))
    }
    bundle = build_release(loaded, published["risk"], REFERENCE, others={"ascvd": (published["ascvd"], REFERENCE)})
    context = {"userId": "Practitioner/u", "patientId": "p", "encounterId": "e"}
    # Both patients are in one server, where each medicine needs an id of its own.
    resources = [
        {**one, "id": f"of-p-{one['id']}"} if one["resourceType"] == "MedicationRequest" else one
        for one in prevention_patient()
    ]
    return Case(bundle, "patient-view", resources, context, parse_instant(VISIT))


@pytest.fixture(scope="module")
def ehr() -> Iterator[Hospital]:
    """HAPI's JPA server with both records in it."""
    try:
        with hospital() as server:
            for case in (readmission(), prevention()):
                server.load(case.resources)
            yield server
    except NotHere as fault:
        pytest.skip(str(fault))


async def called(case: Case, folder: Path, server: Hospital, change: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one card and the decision of a fresh service (no cool-down holds), the call changed by `change`."""
    settings = CdsSettings(
        var=folder, demo=True, public_url=URL, fhir_servers=(server.origin,), fetch_milliseconds=10_000
    )
    registry = FakeRegistry()
    registry.deploy(case.bundle)
    async with run(settings, registry, client=registry.client(), clock=lambda: case.now) as cds:
        prefetch, queries = await complete(cds, case)
        request = hook_request(prefetch, hook=case.hook) | {"context": case.context, "queries": queries}
        answer = await cds.call(change(request), case.bundle.guidance)
        assert answer.status_code == 200, answer.text
        (card,) = answer.json()["cards"]
        (kept,) = cds.decisions()
        return card, kept


async def complete(cds: Running, case: Case) -> tuple[dict[str, Any], dict[str, str]]:
    """Every prefetch that discovery asks for, as another EHR would have answered it; and the queries."""
    services = (await cds.http.get("/cds-services")).json()["services"]
    (templates,) = [entry["prefetch"] for entry in services if entry["hook"] == case.hook]
    other = FhirServer(case.resources)
    filled = {key: fill(template, case.context) for key, template in templates.items()}
    queries = {key: query for key, query in filled.items() if query is not None}
    return {key: other.answer(query) for key, query in queries.items()}, queries


def access(server: Hospital, base: str) -> dict[str, Any]:
    """What a client sends so that a service may fetch."""
    granted = {
        "access_token": server.token, "token_type": "Bearer", "expires_in": 300,
        "scope": "patient/Observation.rs patient/Patient.read Whatever (Epic writes) here", "subject": "cds-service",
    }  # fmt: skip
    return {"fhirServer": base, "fhirAuthorization": granted}


def said(card: dict[str, Any]) -> Any:
    """The card without the identifiers that each answer has of its own."""
    return json.loads(UUID.sub("", json.dumps(card)))


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The features of two decisions that differ, by value or by what is known of them."""
    return {
        name: [(kept["features"][name], kept["states"][name]) for kept in (one, other)]
        for name in other["features"]
        if (one["features"][name], one["states"][name]) != (other["features"][name], other["states"][name])
    }


def first_pages(server: Hospital) -> Any:
    """What a client sends that prefetches from a server which pages: the first page of each answer, with its links."""

    def change(request: dict[str, Any]) -> dict[str, Any]:
        bound = request["queries"]
        prefetch = {key: server.get(f"{server.paged}/{query}") for key, query in bound.items()}
        assert any(link["relation"] == "next" for page in prefetch.values() for link in page.get("link", []))
        return {**request, "prefetch": prefetch, **access(server, server.paged)}

    return change


@pytest.mark.parametrize("case", [readmission(), prevention()], ids=lambda case: case.bundle.guidance)
async def test_the_card_is_the_same_with_prefetch_and_without(case: Case, ehr: Hospital, tmp_path: Path) -> None:
    """Everything prefetched; nothing; nothing, and the server answers in small pages."""

    def nothing(base: str) -> Any:
        return lambda request: {**request, "prefetch": {}, **access(ehr, base)}

    whole, decided = await called(case, tmp_path / "whole", ehr, lambda request: request)
    for name, base in (("one page", ehr.base), ("pages of 5", ehr.paged)):
        card, kept = await called(case, tmp_path / name, ehr, nothing(base))
        assert said(card) == said(whole), name
        assert differing(kept, decided) == {}, name
        assert kept["risks"] == decided["risks"], name
        assert ehr.token not in json.dumps(kept)


async def test_the_card_is_the_same_where_the_first_pages_were_prefetched(ehr: Hospital, tmp_path: Path) -> None:
    """A client whose server pages sends what it got; the other pages come from that server."""
    case = readmission()
    whole, decided = await called(case, tmp_path / "whole", ehr, lambda request: request)
    card, kept = await called(case, tmp_path / "first pages", ehr, first_pages(ehr))
    assert said(card) == said(whole)
    assert differing(kept, decided) == {}


async def test_another_token_is_refused_and_the_answer_says_so(ehr: Hospital, tmp_path: Path) -> None:
    """The server's 401 becomes a 412 that names it; no card, and nothing that reads as "no risk"."""
    case = readmission()
    settings = CdsSettings(
        var=tmp_path, demo=True, public_url=URL, fhir_servers=(ehr.origin,), fetch_milliseconds=10_000
    )
    registry = FakeRegistry()
    registry.deploy(case.bundle)
    async with run(settings, registry, client=registry.client(), clock=lambda: case.now) as cds:
        granted = {"access_token": "another", "token_type": "Bearer"}
        request = hook_request({}, hook=case.hook) | {"context": case.context}
        sent = request | {"fhirServer": ehr.base, "fhirAuthorization": granted}
        answer = await cds.call(sent, case.bundle.guidance)
        metrics = (await cds.http.get("/metrics")).text
    assert answer.status_code == 412
    assert "patient: refused (401)" in answer.text
    assert 'knowdo_cds_fetches_total{outcome="refused (401)"}' in metrics
