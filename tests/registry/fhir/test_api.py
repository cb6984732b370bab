"""/fhir of the registry: read, searched, page by page, with versions, and OperationOutcome for every error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from services.registry.fhir.searching import PARAMETERS
from tests.registry.fhir.conftest import KINDS, Face

pytestmark = pytest.mark.anyio


async def test_every_type_is_read_searched_and_parsed_as_r4(face: Face) -> None:
    """Each type has resources; each is found by its id, equal to what the search gave, and fhir.resources takes it."""
    assert set(KINDS) == set(PARAMETERS)
    everything = await face.everything()
    assert {one["resourceType"] for one in everything} == set(KINDS)
    for one in everything:
        get_fhir_model_class(one["resourceType"]).model_validate(one)
    ids = [(one["resourceType"], one["id"]) for one in everything]
    assert len(set(ids)) == len(ids)
    for kind, number in dict(ids).items():
        answer = await face.get(f"{kind}/{number}")
        assert answer.headers["content-type"] == "application/fhir+json"
        assert answer.json() == next(one for one in everything if (one["resourceType"], one["id"]) == (kind, number))


async def test_the_state_is_told_and_mapped(face: Face) -> None:
    """What runs is active, what was only proposed is draft; the stage itself stands in an extension."""
    first, second = face.key(face.first), face.key(face.second)
    plans = {one["id"]: one for one in await face.found("PlanDefinition")}
    assert list(plans) == [second, first]  # newest first
    assert plans[first]["status"] == "active"
    assert plans[first]["extension"][0]["valueCode"] == "pilot"
    assert plans[first]["approvalDate"] == "2026-11-22"
    assert "end" not in plans[first]["effectivePeriod"]
    assert plans[second]["status"] == "draft"
    assert "approvalDate" not in plans[second]
    assert plans[second]["url"] == plans[first]["url"]
    assert plans[second]["version"] != plans[first]["version"]
    predecessor = [one["resource"] for one in plans[second]["relatedArtifact"] if one["type"] == "predecessor"]
    assert predecessor == [f"{plans[first]['url']}|{plans[first]['version']}"]
    await face.house.as_("Ida Safety").suspend("small", reason="test")
    assert [one["id"] for one in await face.found("PlanDefinition?deployment-state=suspended")] == [first]


async def test_every_reference_of_a_release_leads_somewhere(face: Face) -> None:
    """Canonicals with their versions, references and attachments name what this face answers."""
    everything = await face.everything()
    known = {f"{one['url']}|{one['version']}" for one in everything if "url" in one and "version" in one}
    read = {f"{one['resourceType']}/{one['id']}" for one in everything}
    base = next(one["url"] for one in everything if one["resourceType"] == "PlanDefinition").partition("/fhir/")[0]

    async def follow(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name == "reference":
                    assert inner in read, inner
                if name in ("definitionCanonical", "resource") and isinstance(inner, str):
                    assert inner in known, inner
                await follow(inner)
            if str(value.get("url", "")).startswith(f"{base}/fhir/Binary/"):
                answer = await face.get(value["url"].partition("/fhir/")[2])
                assert answer.status_code == 200
                assert len(answer.content) == value["size"]
        elif isinstance(value, list):
            for inner in value:
                await follow(inner)

    for one in everything:
        await follow({name: value for name, value in one.items() if name != "resource"})
    card = next(one for one in everything if one["id"] == f"{face.key(face.first)}-page")
    for content in card["content"]:
        answer = await face.house.http.get(content["attachment"]["url"].removeprefix(base))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].partition(";")[0] == content["attachment"]["contentType"]


SEARCHES = {
    "PlanDefinition?status=draft": 1,
    "PlanDefinition?status=draft,active": 2,
    "PlanDefinition?name=sma": 2,
    "PlanDefinition?name=other": 0,
    "PlanDefinition?url=http://127.0.0.1:8000/registry/fhir/PlanDefinition/small": 2,
    "PlanDefinition?_lastUpdated=ge2026-11-23": 1,
    "PlanDefinition?_lastUpdated=lt2026-11-23": 1,
    "PlanDefinition?_lastUpdated=ge2026-11-22&_lastUpdated=lt2026-11": 0,
    "Library?name=SmallModel": 2,
    "AuditEvent?date=lt2026": 0,
    "Basic?_id=vote-999": 0,
    "Provenance?target=PlanDefinition/nobody": 0,
}


async def test_a_search_finds_what_was_asked_for(face: Face) -> None:
    """By status, name, address, time, id and target; several values of one parameter are alternatives."""
    assert {query: len(await face.found(query)) for query in SEARCHES} == SEARCHES
    assert await face.found("AuditEvent?date=eq2026") == await face.found("AuditEvent")


async def test_a_release_is_found_by_digest_and_version(face: Face) -> None:
    """The identifier with its system or without; a version whose plus sign nobody encoded is understood."""
    first = face.key(face.first)
    for query in (f"identifier={face.first.release}", f"identifier=urn:knowdo:release|{face.first.release}"):
        assert [one["id"] for one in await face.found(f"PlanDefinition?{query}")] == [first]
    version = (await face.found(f"PlanDefinition?_id={first}"))[0]["version"]
    assert [one["id"] for one in await face.found(f"PlanDefinition?version={version}")] == [first]


async def test_pages_follow_each_other_to_the_end(face: Face) -> None:
    """The link `next` leads through all, none twice, none left out; the last page has none."""
    for kind in ("Library", "AuditEvent", "Basic"):
        whole = [one["id"] for one in await face.found(f"{kind}?_count=500")]
        path, found = f"{kind}?_count=3", []
        while path:
            bundle = (await face.get(path)).json()
            found += [entry["resource"]["id"] for entry in bundle["entry"]]
            links = {link["relation"]: link["url"].partition("/fhir/")[2] for link in bundle["link"]}
            path = links.get("next", "")
        assert found == whole


async def test_a_version_changes_when_something_was_decided_and_not_before(face: Face) -> None:
    """ETag and lastUpdated stand still until the ledger tells something new about the release."""
    path = f"PlanDefinition/{face.key(face.first)}"
    before = await face.get(path)
    assert (await face.get(path, headers={"If-None-Match": before.headers["etag"]})).status_code == 304
    await face.house.as_("Ida Safety").suspend("small", reason="test")
    after = await face.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json()["meta"]["lastUpdated"] > before.json()["meta"]["lastUpdated"]


REFUSED = (
    ("PlanDefinition", "", 401),
    ("PlanDefinition", "cds", 403),
    ("Patient", "Kim Auditor", 404),
    ("PlanDefinition/none", "Kim Auditor", 404),
    ("Basic/vote-0", "Kim Auditor", 404),
    ("AuditEvent/999999", "Kim Auditor", 404),
    ("Binary/0", "Kim Auditor", 404),
    ("PlanDefinition?patient=1", "Kim Auditor", 400),
    ("PlanDefinition?_lastUpdated=yesterday", "Kim Auditor", 400),
    ("PlanDefinition?_count=0", "Kim Auditor", 400),
    ("PlanDefinition?name=%00", "Kim Auditor", 400),
    ("no/such/place/here", "Kim Auditor", 404),
)


async def test_every_error_is_an_operation_outcome(face: Face) -> None:
    """Below /fhir the form is FHIR's, even for an address that nothing stands at."""
    for path, by, status in REFUSED:
        answer = await face.get(path, by=by)
        assert (path, answer.status_code) == (path, status)
        assert answer.json()["resourceType"] == "OperationOutcome"
        get_fhir_model_class("OperationOutcome").model_validate(answer.json())


async def test_beside_fhir_errors_keep_their_form(face: Face) -> None:
    """The registry's own API goes on to answer problem+json."""
    answer = await face.house.http.get("/proposals")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_capability_statement_tells_what_there_is(face: Face) -> None:
    """Open to all, of R4, with every type and every parameter that a search takes."""
    answer = await face.get("metadata", by="")
    statement = answer.json()
    get_fhir_model_class("CapabilityStatement").model_validate(statement)
    told = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert told.keys() == {*KINDS, "Binary", "OperationDefinition"}
    for kind, known in PARAMETERS.items():
        assert {one["name"] for one in told[kind]["searchParam"]} == known.keys()


def test_the_guide_names_every_type_and_parameter() -> None:
    """An integrator finds in the guide what the statement promises."""
    guide = (Path(__file__).parents[3] / "docs/guides/registry-fhir.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| {kind}" not in guide] == []
    assert [name for known in PARAMETERS.values() for name in known if f"`{name}`" not in guide] == []
