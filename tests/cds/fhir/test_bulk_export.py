"""Bulk export over HTTP: asked for, waited for, fetched, deleted; by the learner only; complete and not half."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import text

from services.cds.decisions.records import Entry
from services.cds.fhir.bulk_export import TYPES
from services.cds.fhir.export_jobs import SILENT, Asked
from services.timeline.instants import instant_text
from tests.cds.conftest import URL, Running
from tests.cds.fhir.conftest import AUDITOR, LEARNER
from tests.cds.records import decision, feedback

pytestmark = pytest.mark.anyio

NOW = time.time_ns() // 1000
HOUR = 3_600_000_000


async def made(room: Running, query: str = "") -> tuple[str, dict[str, Any]]:
    """An export, finished: its status address and its manifest."""
    begun = await room.http.get(f"/fhir/$export{query}", headers={**LEARNER, "Prefer": "respond-async"})
    assert begun.status_code == 202, begun.text
    place = begun.headers["content-location"].removeprefix(URL)
    return place, (await finished(room, place)).json()


async def finished(room: Running, place: str) -> httpx.Response:
    """The answer of the status address when it is no longer 202."""
    with anyio.fail_after(20):
        while (answer := await room.http.get(place, headers=LEARNER)).status_code == 202:
            assert answer.headers["x-progress"]
            await anyio.sleep(0.02)
    return answer


async def lines(room: Running, manifest: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The resources of every file."""
    found = {}
    for one in manifest["output"]:
        answer = await room.http.get(one["url"].removeprefix(URL), headers=LEARNER)
        assert answer.headers["content-type"].startswith("application/fhir+ndjson")
        found[one["type"]] = [json.loads(line) for line in answer.text.splitlines()]
        assert len(found[one["type"]]) == one["count"]
    return found


async def test_everything_is_exported_with_its_feedback(room: Running) -> None:
    """More than a page of decisions, in four types, and feedback in the fifth; the manifest says how many."""
    kept = [decision(at=NOW - HOUR + n * 1000) for n in range(510)]
    room.log.write([Entry(decision=one) for one in kept])
    room.log.write([feedback(card_uuid=kept[3].card_uuid, received_at=NOW), feedback(received_at=NOW)])
    _, manifest = await made(room)
    assert manifest["requiresAccessToken"] is True
    assert manifest["error"] == []
    found = await lines(room, manifest)
    assert {kind: len(some) for kind, some in found.items()} == {**dict.fromkeys(TYPES, 510), "Parameters": 2}
    assert [one["id"] for one in found["RiskAssessment"]] == sorted(one.decision for one in kept)
    joined, unknown = sorted(found["Parameters"], key=lambda one: -len(one["parameter"]))
    assert {"intervention", "actionTaken", "user", "date", "location", "release"} <= {
        one["name"] for one in joined["parameter"]
    }
    assert "release" not in {one["name"] for one in unknown["parameter"]}


async def test_since_and_type_narrow_it(room: Running) -> None:
    """Only what was decided or said since then, only the types asked for; by POST as by GET."""
    old, new = decision(at=NOW - 10 * HOUR), decision(at=NOW)
    room.log.write([Entry(decision=old), Entry(decision=new)])
    room.log.write([feedback(card_uuid=old.card_uuid, received_at=NOW)])
    since = instant_text(NOW - HOUR)
    _, manifest = await made(room, f"?_since={since}&_type=AuditEvent,Parameters")
    found = await lines(room, manifest)
    assert [one["id"] for one in found["AuditEvent"]] == [new.decision]
    assert len(found["Parameters"]) == 1, "feedback of now on a card of before"
    body = {"resourceType": "Parameters", "parameter": [{"name": "_since", "valueInstant": since},
            {"name": "_type", "valueString": "AuditEvent"}]}  # fmt: skip
    begun = await room.http.post("/fhir/$export", json=body, headers=LEARNER)
    answer = await finished(room, begun.headers["content-location"].removeprefix(URL))
    assert [one["type"] for one in answer.json()["output"]] == ["AuditEvent"]


async def test_the_next_export_begins_where_this_one_may_have_missed(room: Running) -> None:
    """`transactionTime` lies a little before the export began: what is younger comes again, rather than never."""
    _, manifest = await made(room)
    assert manifest["transactionTime"] < instant_text(time.time_ns() // 1000 - 9_000_000)
    assert manifest["output"] == [], "nothing there is no file"


async def test_only_the_learner_exports(room: Running) -> None:
    """Nobody else asks, looks, fetches or deletes."""
    place, manifest = await made(room)
    for headers, status in (({}, 401), (AUDITOR, 403)):
        for method, path in (("GET", "/fhir/$export"), ("POST", "/fhir/$export"), ("GET", place), ("DELETE", place),
                             ("GET", place.replace("status", "file") + "/AuditEvent.ndjson"), ("GET", "/decisions/export")):  # fmt: skip
            answer = await room.http.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome"), path
    assert manifest["output"] == []


async def test_deleted_is_gone(room: Running, tmp_path: Path) -> None:
    """Manifest and files are gone after DELETE; files were readable by this user only."""
    room.log.write([Entry(decision=decision(at=NOW))])
    place, manifest = await made(room)
    folder = tmp_path / "cds" / "exports" / place.rpartition("/")[2]
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}
    assert (await room.http.delete(place, headers=LEARNER)).status_code == 202
    assert (await room.http.get(place, headers=LEARNER)).status_code == 404
    file = manifest["output"][0]["url"].removeprefix(URL)
    assert (await room.http.get(file, headers=LEARNER)).status_code == 404
    assert not folder.exists()


async def test_it_expires_and_leaves_no_copy(room: Running, tmp_path: Path) -> None:
    """After a day rows and files go with the next round; so does a folder that no export knows."""
    room.log.write([Entry(decision=decision(at=NOW))])
    place, _ = await made(room)
    folder = tmp_path / "cds" / "exports"
    (folder / "of-a-dead-worker").mkdir()
    exports = room.app.state.fhir.exports
    exports.tidy()
    assert [path.name for path in folder.iterdir()] == [place.rpartition("/")[2]]
    with room.log.engine.begin() as connection:
        connection.execute(text("UPDATE exports SET expires_at = 1"))
    assert (await room.http.get(place, headers=LEARNER)).status_code == 404
    exports.tidy()
    assert list(folder.iterdir()) == []


async def test_an_export_whose_worker_died_says_so(room: Running) -> None:
    """Nobody waits for ever: without a beat it has failed, with the remedy."""
    jobs = room.app.state.fhir.exports.jobs
    export = jobs.add(Asked(types=["AuditEvent"]), role="learner", now=NOW - SILENT - HOUR)
    answer = await room.http.get(f"/fhir/$export-status/{export}", headers=LEARNER)
    assert answer.status_code == 503
    assert "Ask for it again" in answer.text


async def test_a_full_disk_is_a_failed_export_and_no_half_one(room: Running, tmp_path: Path) -> None:
    """Where the files cannot be written the status says so."""
    (tmp_path / "cds" / "exports").write_text("a file where the folder should be")
    begun = await room.http.get("/fhir/$export", headers=LEARNER)
    answer = await finished(room, begun.headers["content-location"].removeprefix(URL))
    assert (answer.status_code, answer.json()["resourceType"]) == (503, "OperationOutcome")
    assert "disk" in answer.text


async def test_what_cannot_be_exported_is_refused(room: Running) -> None:
    """A filter that is not understood is never passed over."""
    for query in ("_type=Patient", "_since=soon", "_outputFormat=csv", "_elements=id"):
        answer = await room.http.get(f"/fhir/$export?{query}", headers=LEARNER)
        assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome"), query


async def test_every_page_that_is_exported_is_recorded(room: Running) -> None:
    """Who exported what and how much stands in the log's own rows, for both ways out."""
    room.log.write([Entry(decision=decision(at=NOW))])
    await made(room, "?_type=AuditEvent")
    await room.http.get("/decisions/export", headers=LEARNER)
    with room.log.engine.connect() as connection:
        rows = connection.execute(text("SELECT role, action, what, found FROM accesses ORDER BY access")).all()
    assert [tuple(row) for row in rows] == [
        ("learner", "export", "AuditEvent", 1),
        ("learner", "export", "decisions", 1),
    ]
