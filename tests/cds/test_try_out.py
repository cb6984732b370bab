"""Trying guidance out: who may, what it says, and that nothing of it stays."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import structlog

from services.guidance.made_up import CODE, SYSTEM
from services.plumbing.keys import SigningKey, sign
from services.plumbing.try_tokens import write_pass
from tests.cds.conftest import URL, Running
from tests.cds.tea import bundle, haemoglobin, hook_request, patient, tea_bundle, withheld

pytestmark = pytest.mark.anyio
META = {"security": [{"system": SYSTEM, "code": CODE}]}
Json = dict[str, Any]


def made_up(**changes: Any) -> Json:
    """A call about an old woman with little haemoglobin, tagged as test data."""
    prefetch = {"patient": patient(meta=META)} | results(bundle(haemoglobin(8.0) | {"meta": META}))
    return hook_request(prefetch | changes)


def results(answer: Json) -> Json:
    """An answer to both searches for results that tea-time asks for."""
    return {"observations_ever": answer, "observations_years": answer}


def keys_of(cds: Running) -> tuple[str, ...]:
    """The prefetch keys that tea-time asks for."""
    release = cds.service.desk.approved.find("tea-time").release
    assert release is not None
    return tuple(release.queries)


async def tried(cds: Running, request: Any, *, shown: str = "", release: str = "", guidance: str = "tea-time") -> Any:
    """Ask as the registry does."""
    shown = shown or write_pass(cds.registry.key, audience=URL, now=time.time())
    return await cds.http.post(
        f"/try/{guidance}",
        json={"request": request, "release": release},
        headers={"Authorization": f"Bearer {shown}"},
    )


def claims(**changes: Any) -> Json:
    """A pass that is good, unless changed."""
    now = int(time.time())
    return {"typ": "knowdo-try", "aud": URL, "iat": now, "exp": now + 60, "jti": "a" * 24} | changes


async def test_it_says_the_card_the_risk_what_led_to_it_and_what_each_prefetch_gave(cds: Running) -> None:
    """And the same card as a call on the same data."""
    request = made_up()
    answer = await tried(cds, request)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["status"], said["sent"], said["stage"]) == ("shown", True, "general")
    assert said["risk"] == pytest.approx(0.62, abs=0.01)
    (card,) = said["answer"]["cards"]
    (called,) = (await cds.call(request)).json()["cards"]
    assert {key: card[key] for key in ("summary", "detail", "indicator")} == {
        key: called[key] for key in ("summary", "detail", "indicator")
    }
    by_name = {row["name"]: row for row in said["inputs"]}
    assert by_name["hb"]["value"] == 8.0
    assert by_name["hb"]["source"] == "Observation/hb1"
    assert by_name["age"]["contribution"] > by_name["hb"]["contribution"] > 0
    given = {one["key"]: (one["state"], one["resources"]) for one in said["prefetch"]}
    assert set(given) == set(keys_of(cds))
    assert given["patient"] == ("given", 1)
    assert said["milliseconds"] > 0


async def test_no_decision_no_count_and_no_line_with_patient_data_is_left(cds: Running) -> None:
    """The log of decisions, the metrics of cards and the log of the service know nothing of it."""
    with structlog.testing.capture_logs() as lines:
        assert (await tried(cds, made_up())).json()["sent"]
    assert cds.decisions() == []
    assert "1940-05-01" not in json.dumps(lines, default=str)
    assert "p1" not in json.dumps(lines, default=str)
    metrics = (await cds.http.get("/metrics")).text
    assert 'guidance="tea-time"' not in "\n".join(
        line for line in metrics.splitlines() if "decision" in line or "card" in line
    )


@pytest.mark.parametrize(
    "case",
    [
        "wrong key",
        "audience",
        "expired",
        "not yet",
        "too long",
        "type",
        "no number",
        "more claims",
        "ehr",
        "none",
        "two",
    ],
)
async def test_only_a_pass_of_the_registry_for_here_and_now_opens_it(cds: Running, case: str) -> None:
    """Everything else is 401, and the caller is not told why."""
    key, now = cds.registry.key, int(time.time())
    shown = {
        "wrong key": lambda: sign(claims(), SigningKey.generate()),
        "audience": lambda: sign(claims(aud="https://other.example"), key),
        "expired": lambda: sign(claims(iat=now - 90, exp=now - 30), key),
        "not yet": lambda: sign(claims(iat=now + 40, exp=now + 90), key),
        "too long": lambda: sign(claims(exp=now + 3600), key),
        "type": lambda: sign(claims(typ="knowdo-manifest"), key),
        "no number": lambda: sign(claims(jti=""), key),
        "more claims": lambda: sign(claims(sub="x"), key),
        "ehr": lambda: cds.ehr.token(f"{URL}/try/tea-time"),
        "none": lambda: "",
        "two": lambda: next(iter(cds.registry.signed.values())),
    }[case]()
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    answer = await cds.http.post("/try/tea-time", json={"request": made_up()}, headers=headers)
    assert answer.status_code == 401, answer.text
    assert "knowdo-try" not in answer.text


async def test_a_pass_is_good_once(cds: Running) -> None:
    """The second time it is refused, whatever it asks."""
    shown = write_pass(cds.registry.key, audience=URL, now=time.time())
    assert (await tried(cds, made_up(), shown=shown)).status_code == 200
    assert (await tried(cds, made_up(), shown=shown)).status_code == 401


async def test_a_pass_opens_no_hook_and_no_feedback(cds: Running) -> None:
    """It is for trying alone."""
    for path in ("/cds-services/tea-time", "/cds-services/tea-time/feedback", "/decisions/export"):
        shown = write_pass(cds.registry.key, audience=URL, now=time.time())
        answer = await cds.http.post(path, json=made_up(), headers={"Authorization": f"Bearer {shown}"})
        assert answer.status_code in {401, 405}


async def test_what_is_not_tagged_as_test_data_is_refused_without_its_content(cds: Running) -> None:
    """A patient, or one result among others, at whatever place."""
    for request, place in (
        (hook_request({"patient": patient()}), "$.prefetch.patient"),
        (made_up(**results(bundle(haemoglobin(8.0) | {"meta": META}, haemoglobin(7.0)))), ".entry[1].resource"),
    ):
        answer = await tried(cds, request)
        assert answer.status_code == 400
        assert place in answer.text
        assert "1940" not in answer.text


async def test_a_silent_release_is_computed_and_said_not_to_be_sent(cds: Running) -> None:
    """Its card is there to be looked at."""
    cds.registry.deploy(tea_bundle(), stage="silent")
    await cds.heard()
    said = (await tried(cds, made_up())).json()
    assert (said["status"], said["sent"], said["stage"]) == ("silent", False, "silent")
    assert len(said["answer"]["cards"]) == 1


async def test_a_silent_release_beside_one_in_use_is_tried_by_its_digest(cds: Running) -> None:
    """Without a digest the one in use answers."""
    second = tea_bundle(intercept=-9.0)
    cds.registry.deploy(second, stage="silent", deployment="d-2")
    await cds.heard()
    assert len(cds.service.desk.approved.deployed("tea-time")) == 2
    assert (await tried(cds, made_up())).json()["stage"] == "general"
    said = (await tried(cds, made_up(), release=second.digest)).json()
    assert (said["release"], said["stage"], said["status"]) == (second.digest, "silent", "below-band")


async def test_no_arm_of_a_trial_is_told(cds: Running) -> None:
    """Nobody learns from a try in which arm a patient is: all are shown, where a call would show nothing."""
    cds.registry.deploy(tea_bundle(), trial=withheld(1, of=1))
    await cds.heard()
    assert (await cds.call(made_up())).json()["cards"] == []
    assert (await tried(cds, made_up())).json()["status"] == "shown"


async def test_no_card_is_a_result_with_its_reason(cds: Running) -> None:
    """Below the band, unknown, or an answer that failed; what is not said for sure is told."""
    young = patient(birth="2000-01-01", meta=META)
    said = (await tried(cds, made_up(patient=young, **results(bundle(haemoglobin(14.0) | {"meta": META}))))).json()
    assert (said["status"], said["answer"]["cards"]) == ("below-band", [])
    unknown = (await tried(cds, hook_request({}))).json()
    assert unknown["status"] == "unknown"
    assert unknown["reason"]
    assert {one["state"] for one in unknown["prefetch"]} == {"missing"}
    failed = (
        await tried(cds, made_up(**results({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]})))
    ).json()
    assert {"key": "observations_ever", "state": "failed", "resources": 0} in failed["prefetch"]


async def test_a_release_that_is_not_held_here_and_guidance_that_is_stopped_are_said_so(cds: Running) -> None:
    """404 for the one, 503 for the other; the digest of what is held is taken."""
    held = cds.service.desk.approved.find("tea-time").manifest.release or ""
    assert (await tried(cds, made_up(), release=held)).status_code == 200
    assert (await tried(cds, made_up(), release="sha256:" + "0" * 64)).status_code == 404
    assert (await tried(cds, made_up(), guidance="nothing")).status_code == 404
    cds.registry.deploy(tea_bundle(), stage="suspended")
    await cds.heard()
    assert (await tried(cds, made_up())).status_code == 503
