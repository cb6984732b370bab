"""Nobody unknown gets in, nobody gets further than their role, and every refusal is one clear problem."""

from __future__ import annotations

import base64
import json
import re

import pytest

from services.guidance.release import pack
from services.plumbing.registry_client import Acknowledgement, Aggregate
from services.registry import api, decision_api
from services.registry.console import evidence_page as console
from services.registry.people import audit, pages, token_endpoint
from tests.registry import samples
from tests.registry.conftest import House

pytestmark = pytest.mark.anyio

ROUTES = [
    ("GET", "/manifests"),
    ("GET", "/proposals"),
    ("POST", "/proposals"),
    ("GET", "/proposals/x"),
    ("POST", "/proposals/x/evidence"),
    ("POST", "/proposals/x/trial"),
    ("POST", "/proposals/x/votes"),
    ("POST", "/proposals/x/conditions/1/close"),
    ("POST", "/proposals/x/questions"),
    ("POST", "/proposals/x/questions/1/replies"),
    ("POST", "/proposals/x/questions/1/close"),
    ("POST", "/proposals/x/rollback"),
    ("POST", "/deployments/x/suspend"),
    ("GET", f"/releases/{samples.RELEASE}"),
    ("GET", f"/evidence/{samples.RELEASE}"),
    ("GET", "/guidance"),
    ("GET", "/ledger"),
    ("GET", "/audit"),
    ("POST", "/reports"),
    ("POST", "/acknowledgements"),
]


def as_(house: House, name: str) -> dict[str, str]:
    """The header of someone's token."""
    return {"Authorization": f"Bearer {house.tokens[name]}"}


async def test_a_stranger_is_401(house: House) -> None:
    """On every route but the public ones; the answer does not say why."""
    for header in (None, "Bearer", "Bearer x", "Basic eDp5", "bearer knowdo_" + "A" * 43):
        headers = {"Authorization": header} if header else {}
        for method, path in ROUTES:
            answer = await house.http.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["detail"]) == (401, "Not authenticated")
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_every_route_is_in_that_list_or_public(house: House) -> None:
    """A new route cannot be forgotten here."""
    public = {"/", "/keys", "/healthz", "/readyz", "/metrics", "/style.css", "/releases/{digest}/page", "/openapi.json"}
    public |= {"/sign-in", "/sign-out", "/password", "/token"}
    known = {path.replace(samples.RELEASE, "{x}").replace("/x", "/{x}").replace("/1/", "/{x}/") for _, path in ROUTES}
    routes = (
        *api.router.routes,
        *decision_api.router.routes,
        *console.router.routes,
        *pages.router.routes,
        *audit.router.routes,
        *token_endpoint.router.routes,
        *house.app.router.routes,
    )
    there = {path for path in (getattr(route, "path", "") for route in routes) if path} - public
    assert {re.sub(r"\{\w+\}", "{x}", path) for path in there} == known


@pytest.mark.parametrize(
    ("who", "method", "path"),
    [
        ("cds", "GET", "/proposals"),
        ("cds", "GET", "/ledger"),
        ("cds", "GET", "/guidance"),
        ("cds", "POST", "/proposals"),
        ("cds", "POST", "/deployments/small/suspend"),
        ("learner", "GET", "/manifests"),
        ("learner", "POST", "/proposals/x/votes"),
        ("learner", "POST", "/deployments/small/suspend"),
        ("learner", "POST", "/reports"),
        ("Kim Auditor", "POST", "/proposals/x/votes"),
        ("Kim Auditor", "POST", "/proposals/x/questions"),
        ("learner", "POST", "/proposals/x/conditions/1/close"),
        ("Jon Developer", "POST", "/proposals/x/questions/1/close"),
        ("Ann Clinical", "POST", "/proposals/x/rollback"),
        ("Kim Auditor", "POST", "/deployments/small/suspend"),
        ("Kim Auditor", "POST", "/reports"),
        ("Ann Clinical", "POST", "/reports"),
        ("Ann Clinical", "POST", "/proposals"),
    ],
)
async def test_least_privilege(house: House, who: str, method: str, path: str) -> None:
    """A token that leaks opens no more than its work needs."""
    answer = await house.http.request(method, path, headers=as_(house, who), content=b"{}")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "may not" in answer.json()["detail"]


async def test_keys_are_public_and_hold_no_private_part(house: House) -> None:
    """Anyone may verify."""
    answer = await house.http.get("/keys")
    assert answer.status_code == 200
    assert [set(key) for key in answer.json()["keys"]] == [{"kty", "crv", "x", "kid", "alg", "use"}]


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/proposals", b"{", "body"),
        ("/proposals", b"[]", "body"),
        ("/proposals", b'{"release":"%%%","author":"x"}', "$.release"),
        ("/proposals", b'{"release":"","author":"x","state":"general"}', "body"),
        ("/proposals", b'{"author":"x"}', "body"),
        (
            "/proposals",
            json.dumps({"release": base64.b64encode(b"no zip").decode(), "author": "x"}).encode(),
            "release",
        ),
    ],
)
async def test_a_body_that_is_not_one_is_400(house: House, path: str, body: bytes, place: str) -> None:
    """With the place, and nothing kept."""
    answer = await house.http.post(path, headers=as_(house, "learner"), content=body)
    assert answer.status_code == 400
    assert answer.json()["place"].startswith(place)
    assert await house.as_("learner").proposals() == []


@pytest.mark.parametrize("query", ["after=-1", "wait=1000", "after=x"])
async def test_an_impossible_question_is_400(house: House, query: str) -> None:
    """A wait longer than any proxy bears, or a negative number."""
    answer = await house.http.get(f"/manifests?{query}", headers=as_(house, "cds"))
    assert answer.status_code == 400


async def test_first_proposal_is_201_and_again_is_200(house: House) -> None:
    """The caller can tell what was new."""
    content = json.dumps({"release": base64.b64encode(pack(samples.release())).decode(), "author": "x"}).encode()
    first = await house.http.post("/proposals", headers=as_(house, "learner"), content=content)
    again = await house.http.post("/proposals", headers=as_(house, "learner"), content=content)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["proposal"] == again.json()["proposal"]
    assert first.json()["state"] == "registered"


async def test_the_proposal_says_what_is_in_the_way(house: House) -> None:
    """Missing roles, and each check of the gate with its numbers and its evidence, before anyone votes."""
    proposed = await house.propose(evidence=())
    await house.agree(proposed, "development")
    known = await house.as_("Ann Clinical").proposal(proposed.proposal)
    step = next(one for one in known["steps"] if one["to"] == "silent")
    assert step["missing_roles"] == ["clinical-reviewer", "data-science-reviewer"]
    assert step["failed_checks"] == ["training-evidence"]
    await house.as_("learner").add_evidence(proposed.proposal, pack(samples.training_pack(proposed.release)))
    known = await house.as_("Ann Clinical").proposal(proposed.proposal)
    step = next(one for one in known["steps"] if one["to"] == "silent")
    assert step["failed_checks"] == []
    size = next(check for check in step["checks"] if check["name"] == "sample-size")
    assert size["numbers"] == {"rows": 2000, "events": 240, "needed": 1000}
    assert size["evidence"] == samples.training_pack(proposed.release).digest


async def test_the_overview_shows_stage_votes_lease_and_counts(house: House) -> None:
    """All that the console needs, and no patient data, for it has none."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    cds = house.as_("cds")
    manifest = (await cds.manifests()).head
    day = {"guidance": "small", "release": proposed.release, "site": "north", "day": "2026-11-22"}
    await cds.report([Aggregate(**day, counts={"calls": 10, "shown": 1})])
    await cds.report([Aggregate(**day, counts={"calls": 12, "shown": 2})])
    await cds.report([Aggregate(**{**day, "site": "south"}, counts={"calls": 5})])
    await cds.acknowledge(
        [
            Acknowledgement(
                worker="w1", deployment="d", guidance="small", release=proposed.release, stage=stage,
                ledger_number=manifest.number, at="2026-11-22T14:02:08Z",
            )
            for stage in ("pilot", "silent")
        ]
    )  # fmt: skip
    (shown,) = await house.as_("Ann Clinical").guidance()
    (release,) = shown["releases"]
    assert release["counts"] == {"calls": 17, "shown": 2}
    assert (release["state"], release["deployment"]["lease_seconds_left"]) == ("silent", 4 * 3600)
    assert release["next"]["to"] == "pilot"
    assert len(release["next"]["missing_roles"]) == 4
    assert [(one["worker"], one["stage"]) for one in shown["workers"]] == [("w1", "silent")]


@pytest.mark.parametrize("counts", [{"patients": 3}, {"calls": -1}, {"calls": "x"}, {"calls": 1.5}, {"Patient/123": 1}])
async def test_a_report_has_no_room_for_anything_but_counts(house: House, counts: dict[str, object]) -> None:
    """A name that is none of ours, a text, a fraction: refused, not kept."""
    row = {"guidance": "small", "release": "r", "site": "s", "day": "2026-11-22", "counts": counts}
    answer = await house.http.post("/reports", headers=as_(house, "cds"), content=json.dumps({"aggregates": [row]}))
    assert answer.status_code == 400


async def test_reports_wake_nobody(house: House) -> None:
    """Counts and acknowledgements are no entries of the ledger: a worker that waits is not woken by its own word."""
    before = (await house.as_("cds").manifests()).head
    await house.as_("cds").report([])
    await house.as_("cds").acknowledge([])
    assert (await house.as_("cds").manifests()).head == before


async def test_the_ledger_is_read_in_parts(house: House) -> None:
    """After a number, at most so many, with the head and the signed heads."""
    everything = await house.as_("Kim Auditor").ledger()
    answer = await house.http.get("/ledger?after=3&limit=2", headers=as_(house, "Kim Auditor"))
    assert [entry["number"] for entry in answer.json()["entries"]] == [4, 5]
    assert everything["head"]["number"] == len(everything["entries"])


async def test_it_is_live_and_ready(house: House) -> None:
    """Readiness names the policy and says that the database answers."""
    assert (await house.http.get("/healthz")).status_code == 200
    answer = await house.http.get("/readyz")
    assert (answer.status_code, answer.json()["database"], answer.json()["policy"]) == (200, True, "standard")
