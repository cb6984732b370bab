"""CRMI's operations on a release: a vote, the step that it decides, the whole in one Bundle."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from services.guidance.release import pack, unpack, unpack_evidence
from services.plumbing.keys import verify
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.fhir.conftest import Face

pytestmark = pytest.mark.anyio


def parameters(**given: Any) -> dict[str, Any]:
    """A Parameters resource; `role="x"` is a code, lists are several."""
    kinds = {
        "artifactAssessmentSummary": "valueMarkdown",
        "artifactAssessmentTarget": "valueCanonical",
        "artifactAssessmentRelatedArtifact": "valueRelatedArtifact",
        "artifactAssessmentAuthor": "valueReference",
        "approvalDate": "valueDate",
        "version": "valueString",
        "plan": "valueString",
    }
    given = {"artifactAssessmentSummary": "Read and agreed", **given} if given.pop("reason", True) else given
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name, kinds.get(name, "valueCode"): value}
            for name, values in given.items()
            for value in (values if isinstance(values, list) else [values])
        ],
    }


async def evidence_read(face: Face) -> list[dict[str, str]]:
    """The evidence of the second release as related artifacts."""
    known = await face.house.as_("Kim Auditor").proposal(face.second.proposal)
    return [{"type": "derived-from", "url": f"urn:knowdo:evidence:{one['evidence']}"} for one in known["evidence"]]


async def test_an_approval_is_one_vote_counted_like_any_other(face: Face) -> None:
    """$approve casts one vote in one role; the last one that is needed takes the step."""
    path = f"PlanDefinition/{face.key(face.second)}/$approve"
    first = await face.post(path, parameters(role="data-steward", transition="development"), by="Eve Steward")
    assert first.status_code == 200, first.text
    get_fhir_model_class("Bundle").model_validate(first.json())
    plan, vote = (entry["resource"] for entry in first.json()["entry"])
    assert plan["extension"][0]["valueCode"] == "registered"
    assert vote["author"]["display"] == "Eve Steward (data-steward)"
    # Without role and transition: the one role that she has, and the next step.
    second = await face.post(path, parameters(artifactAssessmentSummary="We need it"), by="Fay Operations")
    assert second.json()["entry"][0]["resource"]["extension"][0]["valueCode"] == "development"
    said = second.json()["entry"][2]["resource"]["extension"]
    content = next(one for one in said if one["url"].endswith("crmi-artifactAssessmentContent"))
    assert {"url": "summary", "valueMarkdown": "We need it"} in content["extension"]
    # For silent the evidence must have been read, and is named by digest.
    blind = await face.post(path, parameters(role="clinical-reviewer"), by="Ann Clinical")
    assert blind.status_code == 409
    read = await face.post(
        path, parameters(artifactAssessmentRelatedArtifact=await evidence_read(face)), by="Ann Clinical"
    )
    assert read.status_code == 200, read.text


async def test_an_approval_that_does_not_fit_is_refused(face: Face) -> None:
    """Another's name, another release, another day, another role, a parameter nobody knows: each with its own answer."""
    path = f"PlanDefinition/{face.key(face.second)}/$approve"
    other = (await face.found(f"PlanDefinition?_id={face.key(face.first)}"))[0]
    for given, by, status in (
        (parameters(artifactAssessmentAuthor={"display": "Ann Clinical"}), "Fay Operations", 409),
        (parameters(artifactAssessmentTarget=f"{other['url']}|{other['version']}"), "Fay Operations", 409),
        (parameters(approvalDate="2020-01-01"), "Fay Operations", 400),
        (parameters(role="clinical-reviewer"), "Fay Operations", 403),
        (parameters(role="operations"), "Jon Developer", 403),
        (parameters(role="operations"), "learner", 403),
        (parameters(transition="nowhere"), "Fay Operations", 400),
        (parameters(vote="perhaps"), "Fay Operations", 400),
        (parameters(reason=False, vote="reject"), "Fay Operations", 400),  # dissent needs a reason
        (parameters(wish="yes"), "Fay Operations", 400),
        (parameters(accepts="some-check", plan="without a name"), "Fay Operations", 400),
        (
            parameters(artifactAssessmentRelatedArtifact={"type": "citation", "display": "a book"}),
            "Fay Operations",
            400,
        ),
        ({"resourceType": "Patient"}, "Fay Operations", 400),
        ([], "Fay Operations", 400),
    ):
        answer = await face.post(path, given, by=by)
        assert (given, answer.status_code) == (given, status), answer.text
        assert answer.json()["resourceType"] == "OperationOutcome"
    nobody = await face.post("PlanDefinition/none/$approve", parameters(), by="Fay Operations")
    assert nobody.status_code == 404
    assert not [one for one in await face.found("Basic") if face.key(face.second) in one["subject"]["reference"]]


async def test_a_release_without_quorum_is_refused_with_all_that_is_missing(face: Face) -> None:
    """$release says which roles have not agreed and which checks are in the way, one issue each."""
    answer = await face.post(f"PlanDefinition/{face.key(face.second)}/$release", {}, by="Ann Clinical")
    assert answer.status_code == 400  # an object that is no resource
    answer = await face.post(
        f"PlanDefinition/{face.key(face.second)}/$release", parameters(reason=False), by="Ann Clinical"
    )
    assert answer.status_code == 409
    get_fhir_model_class("OperationOutcome").model_validate(answer.json())
    said = [issue["diagnostics"] for issue in answer.json()["issue"]]
    assert "registered" in said[0]
    assert said[1:] == ["data-steward: no approval yet", "operations: no approval yet"]


async def test_a_step_that_was_agreed_is_taken_when_its_gate_has_opened_since(house: House) -> None:
    """Two agreed on evidence that failed a check; better evidence came later: $release takes that step, and lacks the next."""
    bundle = samples.release()
    proposed = await house.propose(bundle, evidence=(samples.training_pack(bundle.digest, rows=900),))
    assert await house.agree(proposed, "development") == "development"
    assert await house.agree(proposed, "silent") == "development"
    await house.as_("learner").add_evidence(proposed.proposal, pack(samples.training_pack(bundle.digest)))
    face = Face(house=house, first=proposed, second=proposed)
    answer = await face.post(
        f"PlanDefinition/{face.key(proposed)}/$release", parameters(reason=False), by="Ann Clinical"
    )
    assert answer.status_code == 409
    assert "it is in state silent" in answer.json()["issue"][0]["diagnostics"]
    (plan,) = await face.found("PlanDefinition")
    assert plan["extension"][0]["valueCode"] == "silent"


async def test_a_release_that_may_speak_answers_its_signed_manifest(face: Face) -> None:
    """$release pins every part by version, names every digest, and carries the registry's signature."""
    path = f"PlanDefinition/{face.key(face.first)}/$release"
    answer = await face.post(path, parameters(reason=False), by="Ann Clinical")
    assert answer.status_code == 200, answer.text
    get_fhir_model_class("Bundle").model_validate(answer.json())
    manifest, plan, provenance = (entry["resource"] for entry in answer.json()["entry"])
    pinned = [one["resource"] for one in manifest["relatedArtifact"] if one["type"] == "composed-of"]
    assert f"{plan['url']}|{plan['version']}" in pinned
    assert all(one.endswith(f"|{plan['version']}") for one in pinned)
    keys = (await face.house.http.get("/keys")).json()
    payload = verify(base64.b64decode(provenance["signature"][0]["data"]).decode(), keys)
    assert (payload["release"], payload["stage"]) == (face.first.release, "pilot")
    again = await face.post(path, parameters(reason=False, version=plan["version"]), by="Ann Clinical")
    assert again.status_code == 200
    assert (await face.post(path, parameters(reason=False, version="9.9.9"), by="Ann Clinical")).status_code == 409
    assert (
        await face.post(path, parameters(reason=False, versionBehavior="force"), by="Ann Clinical")
    ).status_code == 400


async def test_a_package_holds_everything_and_can_be_checked(face: Face) -> None:
    """$package: every resource; the bytes have their digests; the statement binds release and evidence."""
    answer = await face.get(f"PlanDefinition/{face.key(face.first)}/$package")
    bundle = answer.json()
    get_fhir_model_class("Bundle").model_validate(bundle)
    assert answer.content == (await face.get(f"PlanDefinition/{face.key(face.first)}/$package")).content
    resources = [entry["resource"] for entry in bundle["entry"]]
    release, *packs = (base64.b64decode(one["data"]) for one in resources if one["resourceType"] == "Binary")
    assert unpack(release).digest == face.first.release
    digests = sorted(unpack_evidence(one).digest for one in packs)
    statement = next(one for one in resources if one["id"].endswith("-package"))
    keys = (await face.house.http.get("/keys")).json()
    said = verify(base64.b64decode(statement["signature"][0]["data"]).decode(), keys)
    assert (said["typ"], said["release"], said["evidence"]) == ("knowdo-package", face.first.release, digests)


async def test_only_readers_package(house: House) -> None:
    """Without a token there is no package, and the answer says nothing of what there is."""
    answer = await house.http.get("/fhir/PlanDefinition/none/$package")
    assert answer.status_code == 401
    assert answer.json()["issue"][0]["diagnostics"] == "Not authenticated"
