"""A release of another organisation comes in: as a proposal, with its evidence as reading, tested here before it speaks."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.guidance.release import pack
from services.plumbing.keys import SigningKey
from services.registry.settings import RegistrySettings
from tests.postgres import fresh_database
from tests.registry import samples
from tests.registry.conftest import Clock, House, running
from tests.registry.fhir.arriving.test_archive import MANIFEST, npm
from tests.registry.fhir.carried import carried
from tests.registry.fhir.conftest import KINDS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def other(tmp_path: Path, clock: Clock) -> AsyncIterator[House]:
    """Another organisation's registry, with a key and people of its own."""
    settings = RegistrySettings(var=tmp_path / "other", policy="standard", public_url="https://other.example/registry")
    async with running(settings, clock) as house:
        yield house


async def packaged(other: House) -> dict[str, Any]:
    """What the other registry answers to $package of a release in its pilot."""
    proposed = await other.propose()
    assert await other.climb(proposed, "pilot") == "pilot"
    key = proposed.release.removeprefix("sha256:")[:32]
    answer = await other.http.get(
        f"/fhir/PlanDefinition/{key}/$package", headers={"Authorization": f"Bearer {other.tokens['Kim Auditor']}"}
    )
    bundle: dict[str, Any] = answer.json()
    return bundle


async def imported(house: House, body: Any, *, by: str = "Jon Developer") -> httpx.Response:
    """The answer to $import."""
    return await house.http.post("/fhir/$import", json=body, headers={"Authorization": f"Bearer {house.tokens[by]}"})


def asked(bundle: dict[str, Any], keys: Any = None) -> dict[str, Any]:
    """Parameters of $import with a Bundle and the keys that must have signed it."""
    given: list[dict[str, Any]] = [{"name": "bundle", "resource": bundle}]
    if keys is not None:
        given.append({"name": "trustedKeys", "valueString": json.dumps(keys)})
    return {"resourceType": "Parameters", "parameter": given}


async def test_a_release_from_elsewhere_is_a_proposal_with_its_origin(house: House, other: House) -> None:
    """Signed and verified: it stands at registered, says where it comes from, and its evidence is external."""
    keys = (await other.http.get("/keys")).json()
    bundle = await packaged(other)
    answer = await imported(house, asked(bundle, keys))
    assert answer.status_code == 201, answer.text
    plan = answer.json()
    assert plan["extension"][0]["valueCode"] == "registered"
    assert plan["identifier"][0]["value"] == bundle["identifier"]["value"]
    origin = next(one["resource"] for one in plan["relatedArtifact"] if one["type"] == "derived-from")
    assert origin.startswith("https://other.example/registry/fhir/PlanDefinition/small|1.0.0+")
    (listed,) = await house.as_("Kim Auditor").proposals()
    known = await house.as_("Kim Auditor").proposal(listed["proposal"])
    assert {one["kind"] for one in known["evidence"]} == {"external"}
    entry = next(one for one in (await house.as_("Kim Auditor").ledger())["entries"] if one["action"] == "imported")
    assert entry["detail"]["issuer"] == "https://other.example/registry"
    assert entry["detail"]["signed_by"] == keys["keys"][0]["kid"]
    again = await imported(house, asked(bundle, keys))
    assert again.status_code == 201
    assert len(await house.as_("Kim Auditor").proposals()) == 1


async def test_what_was_found_elsewhere_opens_no_gate_here(house: House, other: House) -> None:
    """Their reports, even packed again and filed as training or silent evidence, do not lead on; reports of ours do."""
    bundle = await packaged(other)
    digest = bundle["identifier"]["value"]
    assert (await imported(house, bundle)).status_code == 201
    (listed,) = await house.as_("Kim Auditor").proposals()

    async def failing(to: str) -> list[str]:
        known = await house.as_("Kim Auditor").proposal(listed["proposal"])
        failed = next(step for step in known["steps"] if step["to"] == to)["failed_checks"]
        return [name for name in failed if name.endswith(("-evidence", "-tested-here"))]

    class Proposed:
        proposal, release = listed["proposal"], digest

    proposed: Any = Proposed
    assert await house.agree(proposed, "development") == "development"
    assert "training-evidence" in await failing("silent")
    learner = house.as_("learner")
    await learner.add_evidence(listed["proposal"], pack(samples.training_pack(digest)))
    assert await failing("silent") == ["training-tested-here"]
    theirs = samples.training_pack(digest)
    again = type(theirs)(evidence="training", release=digest, files={**theirs.files, "note.txt": b"packed again"})
    await learner.add_evidence(listed["proposal"], pack(again))
    assert await failing("silent") == ["training-tested-here"]
    await learner.add_evidence(listed["proposal"], pack(samples.training_pack(digest, rows=2100, events=250)))
    assert await failing("silent") == []
    assert await house.agree(proposed, "silent") == "silent"
    await learner.add_evidence(listed["proposal"], pack(samples.silent_pack(digest)))
    assert await failing("pilot") == ["silent-tested-here"]
    await learner.add_evidence(listed["proposal"], pack(samples.silent_pack(digest, decisions=3100)))
    assert await failing("pilot") == []
    assert await house.agree(proposed, "pilot") == "pilot"


async def test_it_works_on_postgresql_too(tmp_path: Path, clock: Clock, other: House) -> None:
    """An NPM package over HTTP, and every type read again, on the other database."""
    for database in fresh_database():
        settings = RegistrySettings(var=tmp_path / "ours", policy="standard", database_url=database)
        async with running(settings, clock) as house:
            bundle = await packaged(other)
            assert (await imported(house, bundle)).status_code == 201
            files = {f"package/{number}.json": json.dumps(one).encode() for number, one in enumerate(carried())}
            token = {"Authorization": f"Bearer {house.tokens['Jon Developer']}"}
            answer = await house.http.post(
                "/fhir/$import", content=npm({"package/package.json": MANIFEST, **files}), headers=token
            )
            assert answer.status_code == 201, answer.text
            for kind in KINDS:
                listed = await house.http.get(f"/fhir/{kind}?_count=1", headers=token)
                assert listed.status_code == 200, listed.text
                entries = listed.json().get("entry", [])
                assert bool(entries) == (kind != "Basic")
                for entry in entries:
                    again = await house.http.get(f"/fhir/{kind}/{entry['resource']['id']}", headers=token)
                    assert again.json() == entry["resource"]


async def test_what_was_made_here_is_not_relabelled(house: House) -> None:
    """A package of our own release is no import: its evidence stays ours."""
    bundle = await packaged(house)
    answer = await imported(house, bundle)
    assert answer.status_code == 409
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_package_that_was_touched_is_refused_and_nothing_is_kept(house: House, other: House) -> None:
    """Missing bytes, wrong digests, evidence left out or exchanged, a stranger's key, no signature: each named, none kept."""
    keys = (await other.http.get("/keys")).json()
    whole = await packaged(other)
    digest = whole["identifier"]["value"]
    key = digest.removeprefix("sha256:")[:32]

    def without(**member: str) -> dict[str, Any]:
        bundle = copy.deepcopy(whole)
        bundle["entry"] = [
            entry
            for entry in bundle["entry"]
            if not all(entry["resource"].get(name) == value for name, value in member.items())
        ]
        return bundle

    def changed(kind: str, number: str, **member: Any) -> dict[str, Any]:
        bundle = copy.deepcopy(whole)
        next(
            entry["resource"]
            for entry in bundle["entry"]
            if (entry["resource"]["resourceType"], entry["resource"]["id"]) == (kind, number)
        ).update(member)
        return bundle

    documents = [
        entry["resource"]
        for entry in whole["entry"]
        if entry["resource"]["resourceType"] == "DocumentReference" and not entry["resource"]["id"].endswith("-page")
    ]
    evidence = documents[0]["id"]
    foreign = base64.b64encode(pack(samples.training_pack("sha256:" + "b" * 64))).decode()
    another = base64.b64encode(pack(samples.release(shift=0.7))).decode()
    cut = base64.b64encode(pack(samples.release())[:-30]).decode()
    stranger = {"keys": [SigningKey.generate().public()]}
    two = copy.deepcopy(whole)
    two["entry"].append({"resource": {"resourceType": "PlanDefinition", "id": "x", "status": "draft"}})
    twice = copy.deepcopy(whole)
    twice["entry"].append(twice["entry"][0])
    for name, body, status, said in (
        ("no release", without(resourceType="Binary", id=key), 400, "missing"),
        ("no bytes at all", without(resourceType="Binary"), 400, "missing"),
        ("no evidence", without(resourceType="Binary", id=evidence), 400, "missing"),
        ("another release", changed("Binary", key, data=another), 400, "not sha256:"),
        ("a cut release", changed("Binary", key, data=cut), 400, "zip"),
        ("not base64", changed("Binary", key, data="***"), 400, "base64"),
        ("evidence of another release", changed("Binary", evidence, data=foreign), 400, "not sha256:"),
        ("evidence left out", asked(without(resourceType="DocumentReference", id=evidence), keys), 400, "signed"),
        ("not signed", asked(without(resourceType="Provenance"), keys), 400, "not signed"),
        ("signed by a stranger", asked(whole, stranger), 400, "key that you trust"),
        ("keys that are none", asked(whole, {"key": "x"}), 400, "JWK set"),
        ("two rules", two, 400, "2 PlanDefinitions"),
        ("one resource twice", twice, 400, "twice"),
        ("no rule", {"resourceType": "Bundle", "type": "collection"}, 400, "no resource"),
        ("an entry without resource", {"resourceType": "Bundle", "entry": [{}]}, 400, "without a resource"),
        ("no package", {"resourceType": "Parameters", "parameter": []}, 400, "one package"),
        ("something else", {"resourceType": "Patient"}, 400, "not a Bundle"),
    ):
        answer = await imported(house, body)
        outcome = answer.json()
        assert (name, answer.status_code, outcome["resourceType"]) == (name, status, "OperationOutcome"), answer.text
        assert said in outcome["issue"][0]["diagnostics"], (name, answer.text)
    assert await house.as_("Kim Auditor").proposals() == []
    for by, status in (("cds", 403), ("Fay Operations", 403)):
        assert (await imported(house, whole, by=by)).status_code == status
