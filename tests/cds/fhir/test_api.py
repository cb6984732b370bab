"""/fhir over HTTP: who may read, what is found, page by page; every reading leaves a row."""

from __future__ import annotations

import time
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from sqlalchemy import text

from services.cds.decisions.records import Entry
from services.timeline.instants import instant_text
from tests.cds.conftest import URL, Running
from tests.cds.fhir.conftest import LEARNER, asked
from tests.cds.records import decision
from tests.cds.tea import haemoglobin, hook_request, patient

pytestmark = pytest.mark.anyio

NOW = time.time_ns() // 1000
SECOND = 1_000_000


def accesses(room: Running) -> list[tuple[Any, ...]]:
    """What was recorded."""
    with room.log.engine.connect() as connection:
        found = connection.execute(text("SELECT role, action, what, patient, found FROM accesses ORDER BY access"))
        return [tuple(row) for row in found]


async def test_a_call_can_be_audited(room: Running) -> None:
    """What a hook call decided is found by its patient, in four resources that name each other."""
    answer = await room.call(hook_request({"patient": patient(), "observations": haemoglobin(8.5)}))
    assert answer.status_code in {200, 412}
    (kept,) = room.decisions()
    for kind in ("GuidanceResponse", "Provenance", "AuditEvent"):
        bundle = (await asked(room, f"/fhir/{kind}?patient={kept['patient']}")).json()
        Bundle.model_validate(bundle)
        (entry,) = bundle["entry"]
        assert entry["fullUrl"] == f"{URL}/fhir/{kind}/{kept['decision']}"
        one = await asked(room, f"/fhir/{kind}/{kept['decision']}")
        assert one.headers["content-type"] == "application/fhir+json"
        assert one.json() == entry["resource"]


async def test_pages_follow_each_other_to_the_end(room: Running) -> None:
    """The link `next` leads through all, newest first, none twice; the last page has none."""
    kept = [decision(at=NOW - n * SECOND, index_at=NOW - n * SECOND) for n in range(7)]
    room.log.write([Entry(decision=one) for one in kept])
    url, found = "/fhir/RiskAssessment?patient=p1&guidance=tea-time&_count=3", []
    while url:
        bundle = (await asked(room, url)).json()
        Bundle.model_validate(bundle)
        found += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "").removeprefix(URL)
    assert found == [one.decision for one in kept]


async def test_a_search_finds_what_was_asked_for_and_nothing_else(room: Running) -> None:
    """By patient, by guidance, by time; what has no risk is no RiskAssessment."""
    mine = decision(at=NOW - SECOND, patient="p1")
    other = decision(at=NOW, patient="p2", guidance="coffee")
    blank = decision(at=NOW - 2 * SECOND, status="unknown", risk=None, risks={}, log_odds=None)
    room.log.write([Entry(decision=one) for one in (mine, other, blank)])

    async def found(query: str) -> list[str]:
        bundle = (await asked(room, f"/fhir/{query}")).json()
        return [entry["resource"]["id"] for entry in bundle.get("entry", [])]

    assert await found("GuidanceResponse?patient=Patient/p1") == [mine.decision, blank.decision]
    assert await found("GuidanceResponse?guidance=coffee") == [other.decision]
    moment = instant_text(NOW - SECOND)
    assert await found(f"AuditEvent?date=ge{moment}&date=le{instant_text(NOW)}") == [other.decision, mine.decision]
    assert await found(f"AuditEvent?date=lt{moment}") == [blank.decision]
    assert await found("RiskAssessment") == [other.decision, mine.decision]
    assert (await asked(room, f"/fhir/RiskAssessment/{blank.decision}")).status_code == 404
    assert await found("GuidanceResponse?patient=nobody") == []


async def test_only_an_auditor_reads(room: Running) -> None:
    """No token, an EHR's, a stranger's: 401 that says nothing; the learner's: 403; each an OperationOutcome."""
    path = "/fhir/GuidanceResponse"
    ehr = {"Authorization": f"Bearer {room.ehr.token(URL + path)}"}
    refused = [
        (await room.http.get(path, headers=headers), status)
        for headers, status in (
            ({}, 401), (ehr, 401), ({"Authorization": "Bearer "}, 401), ({"Authorization": "Basic audit-me"}, 401),
            ({"Authorization": "Bearer audit-me2"}, 401), (LEARNER, 403),
        )
    ]  # fmt: skip
    for answer, status in refused:
        assert answer.status_code == status
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert refused[0][0].json()["issue"][0]["diagnostics"] == "Not authenticated"
    assert accesses(room) == []


async def test_every_reading_leaves_a_row_without_the_patient(room: Running) -> None:
    """Who read what and how much, under the patient's pseudonym: also that nothing was found."""
    kept = decision(at=NOW)
    room.log.write([Entry(decision=kept)])
    await asked(room, "/fhir/AuditEvent?patient=p1")
    await asked(room, f"/fhir/Provenance/{kept.decision}")
    await asked(room, "/fhir/Provenance/none")
    rows = accesses(room)
    assert [(*row[:3], row[4]) for row in rows] == [
        ("auditor", "search", "AuditEvent", 1), ("auditor", "read", "Provenance", 1), ("auditor", "read", "Provenance", 0),
    ]  # fmt: skip
    assert rows[0][3] == rows[1][3]
    assert rows[0][3].startswith("pseudonym-")
    assert rows[2][3] == ""


async def test_what_cannot_be_asked_is_an_operation_outcome(room: Running) -> None:
    """A wrong question is answered as FHIR answers it."""
    for path, status in (
        ("Patient", 404), ("Patient/p1", 404), ("AuditEvent?name=x", 400), ("AuditEvent?date=soon", 400),
        ("AuditEvent?_cursor=zzz", 400), ("AuditEvent/%00", 404), ("AuditEvent?patient=%00&guidance=%00", 400),
    ):  # fmt: skip
        answer = await asked(room, f"/fhir/{path}")
        assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome"), path


async def test_metadata_is_open_and_valid(room: Running) -> None:
    """The statement names the four types with their searches, and the export."""
    answer = await room.http.get("/fhir/metadata")
    statement = CapabilityStatement.model_validate(answer.json())
    rest = answer.json()["rest"][0]
    assert statement.fhirVersion == "4.0.1"
    assert {one["type"] for one in rest["resource"]} == {
        "GuidanceResponse",
        "RiskAssessment",
        "Provenance",
        "AuditEvent",
    }
    assert [one["name"] for one in rest["operation"]] == ["export"]
