"""CRMI's authoring: drafts, clones, revisions, reviews; what only reads; and that none of it is a way around a vote."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from fhir.resources.R4B import get_fhir_model_class

from services.guidance.folder import GUIDANCE_FILE
from services.guidance.release import unpack
from tests.registry import samples
from tests.registry.fhir.carried import attachment, carried
from tests.registry.fhir.conftest import Face
from tests.registry.fhir.test_operations import parameters

pytestmark = pytest.mark.anyio


def words(**given: Any) -> dict[str, Any]:
    """Parameters of texts: `version="1.1.0"`."""
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": one} for name, one in given.items()],
    }


def contained(*, change: str = "") -> dict[str, Any]:
    """The small guidance as one draft PlanDefinition with everything contained; `change` is appended to its title."""
    plan, library, *others = copy.deepcopy(carried())
    if change:
        text = samples.release().files[GUIDANCE_FILE].decode()
        title = next(line for line in text.splitlines() if line.startswith("title:"))
        data = text.replace(title, f"{title} {change}").encode()
        library["content"] = [
            attachment(GUIDANCE_FILE, data) if one["title"] == GUIDANCE_FILE else one for one in library["content"]
        ]
    return {**plan, "status": "draft", "library": ["#l"], "contained": [library, *others]}


def plan_in(bundle: dict[str, Any]) -> dict[str, Any]:
    """The PlanDefinition of a Bundle."""
    found: dict[str, Any] = next(
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "PlanDefinition"
    )
    return found


async def whole(face: Face, digest: str) -> dict[str, bytes]:
    """The files of a release."""
    answer = await face.get(f"Binary/{digest.removeprefix('sha256:')[:32]}")
    return dict(unpack(answer.content, expected_digest=digest).files)


async def test_a_draft_differs_by_its_version_alone_and_begins_anew(face: Face) -> None:
    """$draft: another digest, the same files but one line; registered, without evidence or votes; its authors carry over."""
    path = f"PlanDefinition/{face.key(face.first)}/$draft"
    answer = await face.post(path, words(version="1.1.0"), by="Ben Data")
    assert answer.status_code == 201, answer.text
    get_fhir_model_class("Bundle").model_validate(answer.json())
    plan = plan_in(answer.json())
    assert (plan["status"], plan["extension"][0]["valueCode"]) == ("draft", "registered")
    assert plan["version"].startswith("1.1.0+")
    assert "approvalDate" not in plan
    digest = plan["identifier"][0]["value"]
    before, after = await whole(face, face.first.release), await whole(face, digest)
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == [GUIDANCE_FILE]
    lines = zip(before[GUIDANCE_FILE].splitlines(), after[GUIDANCE_FILE].splitlines(), strict=True)
    assert [new for old, new in lines if old != new] == [b"version: 1.1.0"]
    source = (await face.found(f"PlanDefinition?_id={face.key(face.first)}"))[0]
    derived = [one["resource"] for one in plan["relatedArtifact"] if one["type"] == "derived-from"]
    assert derived == [f"{source['url']}|{source['version']}"]
    (origin,) = await face.found(f"Provenance?target=PlanDefinition/{plan['id']}")
    assert [one["what"]["identifier"]["value"] for one in origin["entity"] if one["role"] == "derivation"] == [
        face.first.release
    ]
    listed = await face.house.as_("Kim Auditor").proposals()
    made = next(one for one in listed if one["release"] == digest)
    assert set(made["authors"]) == {"Ben Data", "Jon Developer"}
    told = await face.house.as_("Kim Auditor").proposal(made["proposal"])
    assert (told["evidence"], told["votes"]) == ([], [])


async def test_whoever_made_a_copy_cannot_vote_on_it(face: Face) -> None:
    """$draft joins the authors: Eve, who votes as data steward elsewhere, is refused on her own draft."""
    made = await face.post(f"PlanDefinition/{face.key(face.first)}/$draft", words(version="1.1.0"), by="Eve Steward")
    path = f"PlanDefinition/{plan_in(made.json())['id']}/$approve"
    refused = await face.post(path, parameters(role="data-steward", transition="development"), by="Eve Steward")
    assert refused.status_code == 409, refused.text
    assert "authored" in refused.text


async def test_a_clone_is_another_guidance_that_begins_as_this_one(face: Face) -> None:
    """$clone: the id is another, the address too; where it comes from is told."""
    path = f"PlanDefinition/{face.key(face.first)}/$clone"
    answer = await face.post(path, words(version="0.1.0", guidance="small-again"), by="Jon Developer")
    assert answer.status_code == 201, answer.text
    plan = plan_in(answer.json())
    assert plan["url"].endswith("/PlanDefinition/small-again")
    files = await whole(face, plan["identifier"][0]["value"])
    assert {key: yaml.safe_load(files[GUIDANCE_FILE])[key] for key in ("id", "version")} == {
        "id": "small-again",
        "version": "0.1.0",
    }
    taken = await face.post(path, words(version="0.2.0", guidance="small-again"), by="Jon Developer")
    assert taken.status_code == 409


async def test_a_draft_is_submitted_and_revised(face: Face) -> None:
    """POST of a draft with its parts contained is a proposal; $revise puts a changed one beside it and deletes nothing."""
    first = await face.post("PlanDefinition", contained(change="in tea"), by="Jon Developer")
    assert first.status_code == 201, first.text
    assert first.headers["location"].endswith(f"/PlanDefinition/{first.json()['id']}")
    path = f"PlanDefinition/{first.json()['id']}/$revise"
    changed = {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": contained(change="in milk")}],
    }
    second = await face.post(path, changed, by="Ben Data")
    assert second.status_code == 201, second.text
    plan = plan_in(second.json())
    assert plan["title"].endswith("in milk")
    assert {one["type"] for one in plan["relatedArtifact"]} >= {"derived-from"}
    assert (await face.get(f"PlanDefinition/{first.json()['id']}")).json()["status"] == "draft"
    listed = await face.house.as_("Kim Auditor").proposals()
    authors = next(one for one in listed if one["release"] == plan["identifier"][0]["value"])["authors"]
    assert set(authors) == {"Ben Data", "Jon Developer"}
    same = await face.post(
        path, {**changed, "parameter": [{"name": "resource", "resource": contained(change="in tea")}]}, by="Ben Data"
    )
    assert same.status_code == 409
    released = await face.post(f"PlanDefinition/{face.key(face.first)}/$revise", changed, by="Ben Data")
    assert released.status_code == 409


async def test_withdrawing_and_retiring_are_votes_and_nothing_is_deleted(face: Face) -> None:
    """One vote changes nothing; the second role's retires. What was released is not withdrawn, a draft is not retired."""
    draft, pilot = face.key(face.second), face.key(face.first)
    reason = parameters(role="operations")
    assert (await face.post(f"PlanDefinition/{pilot}/$withdraw", reason, by="Fay Operations")).status_code == 409
    assert (await face.post(f"PlanDefinition/{draft}/$retire", reason, by="Fay Operations")).status_code == 409
    one = await face.post(f"PlanDefinition/{draft}/$withdraw", reason, by="Fay Operations")
    assert one.status_code == 200, one.text
    assert plan_in(one.json())["status"] == "draft"
    two = await face.post(f"PlanDefinition/{draft}/$withdraw", parameters(role="clinical-reviewer"), by="Ann Clinical")
    assert plan_in(two.json())["status"] == "retired"
    assert (await face.get(f"PlanDefinition/{draft}")).status_code == 200
    again = await face.post(f"PlanDefinition/{draft}/$draft", words(version="2.0.0"), by="Ben Data")
    assert again.status_code == 409  # what is retired does not come back as a copy
    for name, role in (("Fay Operations", "operations"), ("Ann Clinical", "clinical-reviewer")):
        last = await face.post(f"PlanDefinition/{pilot}/$retire", parameters(role=role), by=name)
    assert plan_in(last.json())["status"] == "retired"
    assert plan_in(last.json())["effectivePeriod"]["end"]


async def test_no_resource_is_overwritten_or_deleted(face: Face) -> None:
    """PUT, PATCH and DELETE are not there: 405 as OperationOutcome."""
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await face.house.http.request(
            method,
            f"/fhir/PlanDefinition/{face.key(face.second)}",
            json={"resourceType": "PlanDefinition", "status": "active"},
            headers={"Authorization": f"Bearer {face.house.tokens['Fay Operations']}"},
        )
        assert (method, answer.status_code) == (method, 405)
        assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_review_is_kept_as_said_and_decides_nothing(face: Face) -> None:
    """$review: in the ledger, as Basic, with lastReviewDate; no role agreed by it, and no state moved."""
    path = f"PlanDefinition/{face.key(face.second)}/$review"
    given = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "artifactAssessmentType", "valueCode": "change-request"},
            {"name": "artifactAssessmentSummary", "valueMarkdown": "The words for the ward are long"},
            {"name": "artifactAssessmentRelatedArtifact", "valueUri": "https://example.org/tea"},
        ],
    }
    answer = await face.post(path, given, by="Jon Developer")
    assert answer.status_code == 200, answer.text
    get_fhir_model_class("Bundle").model_validate(answer.json())
    plan, said = (entry["resource"] for entry in answer.json()["entry"])
    assert plan["lastReviewDate"] == "2026-11-23"
    assert plan["extension"][0]["valueCode"] == "registered"
    assert said["id"].startswith("review-")
    assert (await face.get(f"Basic/{said['id']}")).json() == said
    content = next(one for one in said["extension"] if one["url"].endswith("Content"))["extension"]
    assert {"url": "summary", "valueMarkdown": "The words for the ward are long"} in content
    told = await face.house.as_("Kim Auditor").proposal(face.second.proposal)
    assert told["votes"] == []
    found = await face.house.http.get(
        "/memory?q=words+ward+long", headers={"Authorization": f"Bearer {face.house.tokens['Kim Auditor']}"}
    )
    assert "The words for the ward are long" in found.text


async def test_the_requirements_tell_type_codes_unit_and_period_of_each_feature(face: Face) -> None:
    """$data-requirements: the haemoglobin of the small guidance by LOINC, in g/dL, within its window; by GET and by POST."""
    path = f"PlanDefinition/{face.key(face.first)}/$data-requirements"
    answer = await face.get(path)
    assert answer.status_code == 200, answer.text
    library = answer.json()
    get_fhir_model_class("Library").model_validate(library)
    assert library["type"]["coding"][0]["code"] == "module-definition"
    assert (await face.post(path, {"resourceType": "Parameters"}, by="Kim Auditor")).json() == library
    (bundle,) = {face.first.release}
    features = yaml.safe_load((await whole(face, bundle))[GUIDANCE_FILE])["features"]
    read = {
        part["valueString"]: one
        for one in library["dataRequirement"]
        for part in one["extension"][0]["extension"]
        if part["url"] == "name"
    }
    assert read.keys() == {name for name, one in features.items() if one["kind"] not in ("formula", "score", "absent")}
    hb = read["hb"]
    assert hb["type"] == "Observation"
    assert {"url": "unit", "valueString": features["hb"]["unit"]} in hb["extension"][0]["extension"]
    assert all(code["system"] == "http://loinc.org" for code in hb["codeFilter"][0]["code"])
    assert {one["resource"] for one in library["relatedArtifact"]} >= {"http://loinc.org"}


async def test_the_difference_of_two_releases_is_told_in_elements_words_files_and_figures(face: Face) -> None:
    """$artifact-diff: the same release differs in nothing; a draft with other words in exactly these."""
    plans = {one["id"]: one for one in await face.found("PlanDefinition")}
    first, second = (
        f"{plans[key]['url']}|{plans[key]['version']}" for key in (face.key(face.first), face.key(face.second))
    )
    given = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "source", "valueCanonical": first},
            {"name": "target", "valueCanonical": second},
            {"name": "compareComputable", "valueBoolean": True},
        ],
    }
    answer = await face.post("$artifact-diff", given, by="Kim Auditor")
    assert answer.status_code == 200, answer.text
    get_fhir_model_class("Parameters").model_validate(answer.json())
    named: dict[str, list[Any]] = {}
    for one in answer.json()["parameter"]:
        named.setdefault(one["name"], []).append(one)
    assert [one["valueString"] for one in named["file"]] == ["model.json"]
    assert "change" not in named  # the words are the same
    assert "codes" not in named
    assert {part["valueString"] for one in named["operation"] for part in one["part"] if part["name"] == "path"} >= {
        "PlanDefinition.status"
    }
    by_default = (await face.get(f"$artifact-diff?target=PlanDefinition/{face.key(face.second)}")).json()
    assert by_default["parameter"][0]["valueCanonical"] == first  # the one proposed before
    made = await face.post("PlanDefinition", contained(change="in tea"), by="Jon Developer")
    words_too = await face.get(
        f"$artifact-diff?source=PlanDefinition/{face.key(face.first)}&target=PlanDefinition/{made.json()['id']}"
    )
    title = next(
        one
        for one in words_too.json()["parameter"]
        if one["name"] == "operation" and one["part"][1]["valueString"] == "PlanDefinition.title"
    )
    assert title["part"][0]["valueCode"] == "replace"
    assert title["part"][2]["valueString"].endswith("in tea")
    nothing = await face.get(
        f"$artifact-diff?source=PlanDefinition/{face.key(face.first)}&target=PlanDefinition/{face.key(face.first)}"
    )
    assert {one["name"] for one in nothing.json()["parameter"]} == {"source", "target", "figure"}


async def test_what_does_not_fit_is_refused_and_nothing_is_kept(face: Face) -> None:
    """Each operation with a wrong caller, parameter or artifact: its own answer, as OperationOutcome; nothing is proposed."""
    first, second = face.key(face.first), face.key(face.second)
    before = len(await face.found("PlanDefinition"))
    text = {"name": "artifactAssessmentSummary", "valueString": "seen"}
    review: dict[str, Any] = {"resourceType": "Parameters", "parameter": [text]}
    cases: tuple[tuple[str, Any, str, int], ...] = (
        (f"PlanDefinition/{first}/$draft", words(version="1.1"), "Ben Data", 400),
        (f"PlanDefinition/{first}/$draft", words(version="1.0.0"), "Ben Data", 409),
        (f"PlanDefinition/{first}/$draft", words(), "Ben Data", 400),
        (f"PlanDefinition/{first}/$draft", words(version="1.1.0"), "Ann Clinical", 403),
        (f"PlanDefinition/{first}/$draft", words(version="1.1.0"), "cds", 403),
        ("PlanDefinition/none/$draft", words(version="1.1.0"), "Ben Data", 404),
        (f"PlanDefinition/{first}/$clone", words(version="1.0.0"), "Ben Data", 400),
        (f"PlanDefinition/{first}/$clone", words(version="1.0.0", guidance="No Id"), "Ben Data", 400),
        (f"PlanDefinition/{first}/$clone", words(version="1.0.0", guidance="small"), "Ben Data", 409),
        ("PlanDefinition", {**contained(), "status": "active"}, "Ben Data", 400),
        ("PlanDefinition", {**contained(), "contained": []}, "Ben Data", 409),
        ("PlanDefinition", {**contained(), "contained": [1]}, "Ben Data", 400),
        ("PlanDefinition", {"resourceType": "Library", "status": "draft"}, "Ben Data", 400),
        ("PlanDefinition", contained(), "Ann Clinical", 403),
        (f"PlanDefinition/{second}/$revise", words(), "Ben Data", 400),
        (f"PlanDefinition/{second}/$review", {"resourceType": "Parameters"}, "Ann Clinical", 400),
        (f"PlanDefinition/{second}/$review", review, "Kim Auditor", 403),
        (f"PlanDefinition/{second}/$review", review, "cds", 403),
        (f"PlanDefinition/{second}/$review", words(artifactAssessmentSummary="MRN 12345 fell"), "Ann Clinical", 400),
        (
            f"PlanDefinition/{second}/$review",
            {**review, "parameter": [text, {"name": "reviewDate", "valueDate": "2020-01-01"}]},
            "Ann Clinical",
            400,
        ),
        (
            f"PlanDefinition/{second}/$review",
            {**review, "parameter": [text, {"name": "artifactAssessmentAuthor", "valueReference": {"display": "Ben"}}]},
            "Ann Clinical",
            409,
        ),
        (f"PlanDefinition/{second}/$data-requirements", words(wish="x"), "Kim Auditor", 400),
        ("$artifact-diff", {"resourceType": "Parameters"}, "Kim Auditor", 400),
        ("$artifact-diff?target=http://elsewhere/PlanDefinition/small|1", {"resourceType": "Parameters"}, "Kim Auditor", 404),
        (f"$artifact-diff?compareExecutable=true&target=PlanDefinition/{first}", {"resourceType": "Parameters"}, "Kim Auditor", 400),
        (f"$artifact-diff?compareComputable=yes&target=PlanDefinition/{first}", {"resourceType": "Parameters"}, "Kim Auditor", 400),
        (f"PlanDefinition/{second}/$withdraw", parameters(role="operations"), "Jon Developer", 403),
        (f"PlanDefinition/{second}/$withdraw", parameters(transition="pilot"), "Fay Operations", 400),
    )  # fmt: skip
    for path, given, by, status in cases:
        answer = await face.post(path, given, by=by)
        assert (path, by, answer.status_code) == (path, by, status), answer.text
        assert answer.json()["resourceType"] == "OperationOutcome"
        get_fhir_model_class("OperationOutcome").model_validate(answer.json())
    assert len(await face.found("PlanDefinition")) == before


async def test_every_operation_has_a_definition_made_from_what_it_reads(face: Face) -> None:
    """Each operation of the statement leads to an OperationDefinition; CRMI's are named as its base."""
    statement = (await face.get("metadata", by="")).json()["rest"][0]
    plan = next(one for one in statement["resource"] if one["type"] == "PlanDefinition")
    listed = [*plan["operation"], *statement["operation"]]
    assert {one["name"] for one in listed} == {
        "approve", "release", "package", "review", "data-requirements", "draft", "clone", "revise", "withdraw", "retire",
        "artifact-diff", "import",
    }  # fmt: skip
    for one in listed:
        definition = (await face.get(one["definition"].partition("/fhir/")[2], by="")).json()
        get_fhir_model_class("OperationDefinition").model_validate(definition)
        assert definition["code"] == one["name"]
    draft = (await face.get("OperationDefinition/draft", by="")).json()
    assert draft["base"] == "http://hl7.org/fhir/uv/crmi/OperationDefinition/crmi-draft"
    assert [(one["name"], one["min"]) for one in draft["parameter"] if one["use"] == "in"] == [("version", 1)]
