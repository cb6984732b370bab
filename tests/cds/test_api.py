"""The endpoints, and the table of when nothing is said: a test for each row."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from services.cds.settings import CdsSettings
from services.guidance.check import load_guidance
from services.guidance.manifest import Where, policy_named
from services.guidance.release import build_release
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import FOLDER, MODEL, REFERENCE, bundle, haemoglobin, hook_request, patient, tea_bundle

pytestmark = pytest.mark.anyio


async def prefetch(cds: Running, **by_type: Any) -> dict[str, Any]:
    """A full prefetch as discovery asks for it: what is given by resource type, and nothing of the rest."""
    services = (await cds.http.get("/cds-services")).json()["services"]
    keys = next(entry["prefetch"] for entry in services if entry["id"] == "tea-time")
    return {key: by_type.get(template.partition("?")[0].partition("/")[0]) for key, template in keys.items()}


async def old_woman(cds: Running, hb: float = 8.5, of: str = "p1") -> dict[str, Any]:
    """The prefetch of a patient far above the limit."""
    return await prefetch(cds, Patient=patient(of), Observation=bundle(haemoglobin(hb, of=of)))


# --- a card ---


async def test_a_card_says_risk_reasons_resources_release_and_evidence(cds: Running) -> None:
    """The whole of a card, as a clinician and the rules of CDS Hooks need it; its decision is kept before."""
    answer = await cds.call(hook_request(await old_woman(cds)))
    assert answer.status_code == 200, answer.text
    (card,) = answer.json()["cards"]
    digest = tea_bundle().digest
    assert card["summary"] == "Risk of thirst 62% (average 12%). Offer tea."
    assert "Of **100** people like her, about **62** become thirsty and **38** do not" in card["detail"]
    assert "from Observation/hb1" in card["detail"].replace("\\", "")
    assert "AI-derived" in card["detail"]
    assert card["source"] == {
        "label": f"Knowdo: Tea time 1.2.3, release {digest[7:19]}",
        "url": f"{URL}/registry/releases/{digest}/page",
        "topic": {"system": "urn:knowdo:guidance", "code": "tea-time", "display": "Tea time"},
    }
    assert [one["label"] for one in card["suggestions"]] == ["Bring tea", "Bring iron"]
    resource = card["suggestions"][0]["actions"][0]["resource"]
    assert resource["subject"] == {"reference": "Patient/p1"}
    assert resource["encounter"] == {"reference": "Encounter/p1-e1"}
    assert resource["requester"] == {"reference": "Practitioner/u1"}
    assert resource["occurrencePeriod"] == {"start": "2026-03-01", "end": "2026-03-08"}
    assert card["overrideReasons"][0].keys() == {"code", "system", "display"}
    assert card["links"] == [{"label": "On tea", "url": "https://example.org/tea", "type": "absolute"}]

    (kept,) = cds.decisions()
    assert (kept["status"], kept["card"], kept["card_uuid"]) == ("shown", card, card["uuid"])
    assert (kept["features"]["age"], kept["features"]["hb"]) == (85.0, 8.5)
    assert kept["risk"] == pytest.approx(1 / (1 + 2.718281828459045**-0.5))
    assert kept["contributions"] == {"age": 1.5, "hb": 0.75}
    assert kept["sources"]["hb"] == "Observation/hb1"
    assert kept["release"] == digest


async def test_the_demonstration_policy_and_the_stage_are_said_on_the_card(
    settings: CdsSettings, registry: FakeRegistry
) -> None:
    """Whoever reads a demo's or a pilot's card is told so."""
    where = Where(sites=("north",), hooks=("patient-view",))
    registry.deploy(tea_bundle(), stage="pilot", where=where, policy=policy_named("demo", {}))
    async with run(settings.model_copy(update={"site": "north"}), registry, client=registry.client()) as cds:
        (card,) = (await cds.call(hook_request(await old_woman(cds)))).json()["cards"]
    assert "Demonstration policy" in card["detail"]
    assert "Pilot at north" in card["detail"]


async def test_text_from_the_record_is_escaped(cds: Running) -> None:
    """A resource id cannot draw a link on the card."""
    odd = haemoglobin(8.5, identifier="](http://evil.example)<b>")
    sent = await prefetch(cds, Patient=patient(), Observation=bundle(odd))
    (card,) = (await cds.call(hook_request(sent))).json()["cards"]
    assert "](http://evil" not in card["detail"]
    assert "<b>" not in card["detail"]


# --- 200, no card ---


async def test_below_every_band_nothing_is_said_and_the_decision_says_so(cds: Running) -> None:
    """A young woman with normal blood gets no card."""
    sent = await prefetch(cds, Patient=patient(birth="2000-01-01"), Observation=bundle(haemoglobin(14)))
    assert (await cds.call(hook_request(sent))).json() == {"cards": []}
    (kept,) = cds.decisions()
    assert (kept["status"], kept["band"]) == ("below-band", "usual")
    assert kept["risk"] == pytest.approx(0.0759, abs=1e-4)


async def test_the_silent_stage_computes_keeps_and_says_nothing(settings: CdsSettings, registry: FakeRegistry) -> None:
    """What would have been shown is in the log; the service is listed, for it must be called to be judged."""
    registry.deploy(tea_bundle(), stage="silent")
    async with run(settings, registry, client=registry.client()) as cds:
        assert (await cds.call(hook_request(await old_woman(cds)))).json() == {"cards": []}
        (kept,) = cds.decisions()
    assert kept["status"] == "silent"
    assert kept["card"]["summary"].startswith("Risk of thirst 62%")


async def test_the_cool_down_silences_the_second_card_and_never_a_retry(cds: Running) -> None:
    """Once a day for one patient; the retry of a call whose answer was lost is answered; others are not touched."""
    first = hook_request(await old_woman(cds))
    other = hook_request(await old_woman(cds, of="p2"), of="p2")
    again = hook_request(await old_woman(cds))
    counts = [len((await cds.call(one)).json()["cards"]) for one in (first, again, first, other)]
    assert counts == [1, 0, 1, 1]
    assert [row["status"] for row in cds.decisions()] == ["shown", "suppressed", "shown", "shown"]


async def test_calls_at_once_for_one_patient_show_one_card(cds: Running) -> None:
    """The cool-down holds among concurrent calls."""
    requests = [hook_request(await old_woman(cds)) for _ in range(20)]
    answers = await asyncio.gather(*(cds.call(one) for one in requests))
    assert sum(len(answer.json()["cards"]) for answer in answers) == 1


@pytest.mark.parametrize("stage", ["suspended", "retired"])
async def test_a_stop_is_heard_at_once_and_kept_with_its_reason(cds: Running, stage: Any) -> None:
    """The next call after the stop gets no card; the decision says why; the registry hears that it stopped."""
    request = hook_request(await old_woman(cds))
    cds.registry.sign(guidance="tea-time", release=tea_bundle().digest, stage=stage)
    await cds.heard()
    assert (await cds.call(request)).json() == {"cards": []}
    (kept,) = cds.decisions()
    assert (kept["status"], kept["reason"]) == ("suspended", stage)
    for _ in range(100):
        if len(cds.registry.acknowledgements) == 2:
            break
        await asyncio.sleep(0.01)
    assert [said["stage"] for said in cds.registry.acknowledgements] == ["general", stage]


@pytest.mark.parametrize(
    ("where", "listed"),
    [
        (Where(sites=("south",), hooks=("patient-view",)), []),
        (Where(sites=("*",), hooks=("encounter-discharge",)), ["encounter-discharge"]),
    ],
)
async def test_where_it_is_not_approved_it_says_nothing(
    settings: CdsSettings, registry: FakeRegistry, where: Where, listed: list[str]
) -> None:
    """Another site's approval, or another hook's, is not ours: not offered, and silent if called all the same."""
    registry.deploy(tea_bundle(), where=where)
    async with run(settings, registry, client=registry.client()) as cds:
        services = (await cds.http.get("/cds-services")).json()["services"]
        assert [entry["hook"] for entry in services] == listed
        assert (await cds.call(hook_request({}))).json() == {"cards": []}
        (kept,) = cds.decisions()
    assert (kept["status"], kept["reason"]) == ("suspended", "not approved for patient-view at this site")


async def test_who_is_surely_not_meant_gets_nothing_whatever_else_is_unknown(cds: Running) -> None:
    """A child is outside the population."""
    sent = await prefetch(cds, Patient=patient(birth="2020-01-01"))
    assert (await cds.call(hook_request(sent))).json() == {"cards": []}
    (kept,) = cds.decisions()
    assert (kept["status"], kept["reason"]) == ("outside", "not included: age >= 18")


async def test_an_unknown_exclusion_does_not_exclude_and_is_recorded(cds: Running) -> None:
    """Nobody said whether there was dialysis: the card comes, and the decision says what was not known."""
    sent = await old_woman(cds)
    templates = (await cds.http.get("/cds-services")).json()["services"][0]["prefetch"]
    sent = {key: value for key, value in sent.items() if not templates[key].startswith("Procedure")}
    assert len((await cds.call(hook_request(sent))).json()["cards"]) == 1
    (kept,) = cds.decisions()
    assert "exclusion not known: dialysis" in kept["reason"]
    assert kept["states"]["dialysis"] == "unknown"


async def test_too_much_unknown_abstains(settings: CdsSettings, registry: FakeRegistry) -> None:
    """By policy; the decision is kept with what was unknown."""
    registry.deploy(tea_bundle(), policy=policy_named("standard", {"*": {"when_unknown": "abstain"}}))
    async with run(settings, registry, client=registry.client()) as cds:
        sent = {**await old_woman(cds)}
        templates = (await cds.http.get("/cds-services")).json()["services"][0]["prefetch"]
        sent = {key: value for key, value in sent.items() if not templates[key].startswith("Observation")}
        assert (await cds.call(hook_request(sent))).json() == {"cards": []}
        (kept,) = cds.decisions()
    assert (kept["status"], kept["reason"]) == ("abstained", "unknown: hb")


async def test_optional_data_that_is_unknown_is_said_on_the_card(cds: Running) -> None:
    """The default policy answers, and says what it did not know."""
    sent = await prefetch(cds, Patient=patient(), Observation={"resourceType": "OperationOutcome"})
    (card,) = (await cds.call(hook_request(sent))).json()["cards"]
    assert "Not known: haemoglobin" in card["detail"]
    assert "Bring iron" not in [one["label"] for one in card["suggestions"]]


# --- 412 ---


@pytest.mark.parametrize("given", [{}, {"patient": None}, None])
async def test_required_data_that_is_unknown_is_412_and_not_an_empty_answer(cds: Running, given: Any) -> None:
    """Without the data the service says so; it never answers as if there were no risk."""
    keys = await prefetch(cds)
    sent = {key: {"resourceType": "OperationOutcome"} for key in keys} if given is None else {}
    answer = await cds.call(hook_request(sent))
    assert answer.status_code == 412
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "age" in answer.json()["issue"][0]["diagnostics"]
    (kept,) = cds.decisions()
    assert (kept["status"], kept["states"]["age"]) == ("unknown", "unknown")


async def test_a_required_value_that_is_not_there_is_412_too(cds: Running) -> None:
    """Without a birth date nobody can say that this is an adult: that is no reason for silence."""
    nameless = {"resourceType": "Patient", "id": "p1", "gender": "female"}
    assert (await cds.call(hook_request(await prefetch(cds, Patient=nameless)))).status_code == 412


async def test_the_data_of_another_patient_is_unknown_data(cds: Running) -> None:
    """A prefetch that is not of the patient of the context says nothing of them."""
    answer = await cds.call(hook_request(await old_woman(cds, of="p2")))
    assert answer.status_code == 412


# --- 503 ---


async def test_a_scoring_fault_is_503_counted_and_kept(settings: CdsSettings, registry: FakeRegistry) -> None:
    """What cannot be computed must not read as "no risk"."""
    async with run(settings, registry, client=registry.client()) as cds:
        release = cds.service.desk.approved.find("tea-time").release
        assert release is not None
        release.conditions.clear()  # type: ignore[attr-defined]
        answer = await cds.call(hook_request(await old_woman(cds)))
        metrics = (await cds.http.get("/metrics")).text
        (kept,) = cds.decisions()
    assert answer.status_code == 503
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert (kept["status"], kept["card"]) == ("failed", None)
    assert 'knowdo_cds_faults_total{guidance="tea-time",kind="scoring"} 1.0' in metrics


async def test_a_card_that_breaks_a_rule_never_leaves(
    settings: CdsSettings, registry: FakeRegistry, tmp_path: Path
) -> None:
    """The lint turns it into a 503 that is counted: here a summary that is blank at one risk in a million."""
    folder = shutil.copytree(FOLDER, tmp_path / "tea-time")
    text = (folder / "guidance.yaml").read_text()
    blank = '"{% if risk < 0.622 or risk > 0.623 %}Risk of thirst.{% endif %}"'
    (folder / "guidance.yaml").write_text(re.sub(r"(?m)^    summary: .*$", f"    summary: {blank}", text))
    registry.deploy(build_release(load_guidance(folder), json.dumps(MODEL).encode(), REFERENCE))
    async with run(settings, registry, client=registry.client()) as cds:
        answer = await cds.call(hook_request(await old_woman(cds)))
        metrics = (await cds.http.get("/metrics")).text
        (kept,) = cds.decisions()
    assert answer.status_code == 503
    assert kept["reason"] == "lint: cards[0].summary: empty; cards[0].summary: text, not blank"
    assert 'knowdo_cds_faults_total{guidance="tea-time",kind="lint"} 1.0' in metrics


async def test_a_release_whose_cards_can_only_break_a_rule_is_refused_when_it_is_deployed(
    settings: CdsSettings, registry: FakeRegistry
) -> None:
    """What is the same for every call is judged once, loudly: every call is 503 with the reason, and it is counted."""
    async with run(settings.model_copy(update={"topic_system": ""}), registry, client=registry.client()) as cds:
        answer = await cds.call(hook_request({}))
        metrics = (await cds.http.get("/metrics")).text
        assert (await cds.http.get("/cds-services")).json() == {"services": []}
    assert answer.status_code == 503
    assert "source.topic.system: text, not blank" in answer.json()["issue"][0]["diagnostics"]
    assert "knowdo_cds_manifests_refused_total 1.0" in metrics


async def test_a_decision_that_cannot_be_made_durable_is_503(settings: CdsSettings, registry: FakeRegistry) -> None:
    """No database and no spool: no card, and the failure is counted."""
    (settings.var / "cds").mkdir()
    (settings.var / "cds" / "spool").write_text("a file stands where the folder should")
    async with run(settings, registry, client=registry.client()) as cds:
        request = hook_request(await old_woman(cds))
        with sqlite3.connect(settings.var / "cds" / "decisions.sqlite") as database:
            database.execute("DROP TABLE decisions")
        answer = await cds.call(request)
        metrics = (await cds.http.get("/metrics")).text
    assert answer.status_code == 503
    assert "cards" not in answer.json()
    assert 'knowdo_cds_faults_total{guidance="tea-time",kind="not durable"} 1.0' in metrics


async def test_a_database_that_fails_costs_no_answer(settings: CdsSettings, registry: FakeRegistry) -> None:
    """The decision goes to the spool before the card leaves, and home when the database is back."""
    async with run(settings, registry, client=registry.client()) as cds:
        request = hook_request(await old_woman(cds))
        with sqlite3.connect(settings.var / "cds" / "decisions.sqlite") as database:
            database.execute("ALTER TABLE decisions RENAME TO elsewhere")
        assert len((await cds.call(request)).json()["cards"]) == 1
        assert len(list((settings.var / "cds" / "spool").glob("*.ndjson"))) == 1
        with sqlite3.connect(settings.var / "cds" / "decisions.sqlite") as database:
            database.execute("ALTER TABLE elsewhere RENAME TO decisions")
        await cds.service.durable.bring_home()
        (kept,) = cds.decisions()
    assert (kept["hook_instance"], kept["status"]) == (request["hookInstance"], "shown")


async def test_a_lease_that_is_over_is_503_until_it_is_renewed(settings: CdsSettings, registry: FakeRegistry) -> None:
    """A service that cannot hear the registry falls silent loudly."""
    registry.deploy(tea_bundle(), seconds=2)
    async with run(settings, registry, client=registry.client()) as cds:
        request = hook_request(await old_woman(cds))
        registry.down = True
        assert (await cds.call(request)).status_code == 200
        await asyncio.sleep(2.1)
        answer = await cds.call(request)
        ready = (await cds.http.get("/readyz")).json()
    assert answer.status_code == 503
    assert "lease" in answer.json()["issue"][0]["diagnostics"]
    assert ready["tea-time"] == "general, 0 s of lease left"


# --- 401 ---


async def test_a_stranger_gets_a_generic_401_and_the_log_has_the_reason(cds: Running) -> None:
    """Call and feedback alike; the reason is for us."""
    with structlog.testing.capture_logs() as lines:
        for path in ("/cds-services/tea-time", "/cds-services/tea-time/feedback"):
            answer = await cds.post(path, hook_request({}), Authorization="Bearer a.b.c")
            assert answer.status_code == 401
            said = answer.json()["issue"][0]
            assert said == {"severity": "error", "code": "login", "diagnostics": "Not authenticated"}
    assert sum("cannot be read" in str(line.get("message")) for line in lines) == 2
    assert cds.decisions() == []


async def test_a_token_is_good_for_one_call_even_across_a_restart(
    settings: CdsSettings, registry: FakeRegistry
) -> None:
    """The replay memory survives."""
    async with run(settings, registry, client=registry.client()) as cds:
        token = f"Bearer {cds.ehr.token(URL + '/cds-services/tea-time')}"
        request = hook_request(await old_woman(cds))
        assert (await cds.call(request, Authorization=token)).status_code == 200
        assert (await cds.call(request, Authorization=token)).status_code == 401
    async with run(settings, registry, client=registry.client()) as cds:
        assert (await cds.call(request, Authorization=token)).status_code == 401


async def test_without_a_trusted_client_every_call_is_401(tmp_path: Path, registry: FakeRegistry) -> None:
    """Authentication is on by default, and start-up says what to do."""
    settings = CdsSettings(var=tmp_path, public_url=URL)
    with structlog.testing.capture_logs() as lines:
        async with run(settings, registry, client=registry.client(), keys=registry.keys()) as cds:
            assert (await cds.call(hook_request({}))).status_code == 401
    assert any("knowdo cds trust add" in str(line.get("remedy")) for line in lines)


async def test_open_is_refused_outside_the_demo(tmp_path: Path, registry: FakeRegistry) -> None:
    """`KNOWDO_CDS_OPEN` is no way to run a hospital."""
    with pytest.raises(Exception, match="demo only"):
        async with run(CdsSettings(var=tmp_path, open=True), registry):
            pass
    async with run(CdsSettings(var=tmp_path, open=True, demo=True), registry, client=registry.client()) as cds:
        answer = await cds.http.post("/cds-services/tea-time", json=hook_request(await old_woman(cds)))
    assert answer.status_code == 200


# --- 4xx ---


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"hook": "order-sign"}, "hook"),
        ({"hook": None}, "$.hook"),
        ({"hookInstance": ""}, "$.hookInstance"),
        ({"context": []}, "$.context"),
        ({"context": {}}, "context.patientId"),
        ({"context": {"patientId": "../../x"}}, "context.patientId"),
        ({"context": {"patientId": 7}}, "context.patientId"),
        ({"prefetch": []}, "prefetch"),
        ({"prefetch": "x"}, "prefetch"),
    ],
)
async def test_a_malformed_call_is_400_and_names_the_field(cds: Running, change: Any, place: str) -> None:
    """An OperationOutcome that says where."""
    answer = await cds.call(hook_request({}) | change)
    assert answer.status_code == 400
    assert place in answer.text


async def test_an_unknown_service_is_404(cds: Running) -> None:
    """With an OperationOutcome."""
    answer = await cds.call(hook_request({}), "coffee")
    assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")


@pytest.mark.parametrize(
    "odd",
    [
        {"extension": {"com.epic.cdshooks.request.bpa-trigger-action": "18"}, "surprise": [1]},
        {"fhirServer": 7, "fhirAuthorization": "x"},
        {"fhirServer": "https://nowhere.example", "fhirAuthorization": {"access_token": "t", "expires_in": "300"}},
    ],
)
async def test_what_we_do_not_need_may_be_odd(cds: Running, odd: dict[str, Any]) -> None:
    """Minor versions add fields; EHRs send their own."""
    assert (await cds.call(hook_request(await old_woman(cds)) | odd)).status_code == 200


async def test_shared_examples_of_others_never_give_a_500(cds: Running, shared: Path) -> None:
    """Whatever clients were seen to send: 200, 400, 404 or 412, with the right form."""
    keys = await prefetch(cds)
    seen = set()
    for path in sorted((shared / "data" / "cds-hooks").glob("*.json")):
        raw = path.read_bytes()
        answer = await cds.call(raw)
        content = json.loads(raw)
        context = content if isinstance(content, dict) else {"odd": content}
        forced = hook_request({}) | {"context": {"patientId": "p1", **(content.get("context") or context)}}
        for body in (forced, forced | {"prefetch": dict.fromkeys(keys, content)}, {**context, "hook": "patient-view"}):
            seen.add((await cds.call(body)).status_code)
        seen.add(answer.status_code)
        assert seen <= {200, 400, 404, 412}, path.name
    assert 412 in seen


# --- discovery, feedback, export, readiness ---


async def test_discovery_lists_each_hook_with_the_derived_prefetch(cds: Running) -> None:
    """The same id on two hooks; every template uses only what its hook offers."""
    services = (await cds.http.get("/cds-services/")).json()["services"]
    assert [(entry["id"], entry["hook"]) for entry in services] == [
        ("tea-time", "patient-view"),
        ("tea-time", "encounter-discharge"),
    ]
    for entry in services:
        assert entry["title"] == "Tea time"
        assert entry["description"]
        assert any(template.startswith("Patient/{{context.patientId}}") for template in entry["prefetch"].values())
        assert any(template.startswith("Observation?") for template in entry["prefetch"].values())


async def test_discovery_without_guidance_is_an_empty_list(settings: CdsSettings) -> None:
    """Nothing approved, nothing offered; still 200."""
    async with run(settings, FakeRegistry()) as cds:
        assert (await cds.http.get("/cds-services")).json() == {"services": []}


async def test_a_browser_may_call(cds: Running) -> None:
    """Preflight with both headers, on discovery, service and feedback."""
    for path in ("/cds-services", "/cds-services/tea-time", "/cds-services/tea-time/feedback"):
        headers = {
            "Origin": "https://sandbox.cds-hooks.org",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = await cds.http.options(path, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_feedback_is_kept_once_whatever_the_card(cds: Running) -> None:
    """Repeats, unknown cards, batches, another dialect: 200, and each is in the log once."""
    (card,) = (await cds.call(hook_request(await old_woman(cds)))).json()["cards"]
    accepted = {
        "card": card["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "s"}],
        "outcomeTimestamp": "2026-03-01T12:01:00Z",
    }
    unknown = {"card": "card-17", "outcome": "overridden", "overrideReasons": {"reason": {"code": "1"}}}
    for batch in ([accepted], [accepted, unknown], []):
        answer = await cds.post("/cds-services/tea-time/feedback", {"feedback": batch})
        assert answer.status_code == 200
    (kept,) = cds.decisions()
    assert [one["outcome"] for one in kept["feedback"]] == ["accepted"]


async def test_feedback_that_is_malformed_is_400_and_the_rest_is_kept(cds: Running) -> None:
    """The faults are named by their place."""
    good = {"card": "x", "outcome": "accepted"}
    answer = await cds.post("/cds-services/tea-time/feedback", {"feedback": [good, {"card": "y"}]})
    assert answer.status_code == 400
    assert "feedback[1]" in answer.text


async def test_the_export_needs_its_token_and_gives_lines(cds: Running) -> None:
    """One decision a line, times as instants, feedback inside; a stranger gets 401."""
    await cds.call(hook_request(await old_woman(cds)))
    assert (await cds.http.get("/decisions/export")).status_code == 401
    headers = {"Authorization": "Bearer export-me"}
    answer = await cds.http.get("/decisions/export?guidance=tea-time&since=2026-01-01", headers=headers)
    (line,) = [json.loads(line) for line in answer.text.splitlines()]
    assert line["index_at"] == "2026-03-01T12:00:00Z"
    assert line["feedback"] == []
    assert (await cds.http.get("/decisions/export?since=2999-01-01", headers=headers)).text == ""
    assert (await cds.http.get("/decisions/export?since=soon", headers=headers)).status_code == 400


async def test_readiness_tells_the_lease_of_each_guidance(cds: Running) -> None:
    """Stage and seconds left, who may call, when the registry was heard."""
    answer: httpx.Response = await cds.http.get("/readyz")
    facts = answer.json()
    assert answer.status_code == 200
    assert facts["tea-time"].startswith("general, 35")
    assert facts["registry"] == "heard 0 s ago"
    assert facts["authentication"] == "1 trusted"


async def test_counts_go_to_the_registry_without_patients(settings: CdsSettings, registry: FakeRegistry) -> None:
    """At shut-down the day's totals are sent; sent again they are the same."""
    async with run(settings, registry, client=registry.client()) as cds:
        await cds.call(hook_request(await old_woman(cds)))
        await cds.call(hook_request(await old_woman(cds)))
    assert [one["counts"] for one in registry.reports] == [{"shown": 1, "suppressed": 1, "cool-down": 1, "calls": 2}]
    assert "p1" not in json.dumps(registry.reports).replace(tea_bundle().digest, "")


async def test_another_release_is_another_digest_on_the_card(cds: Running) -> None:
    """A new release speaks from the call after it was heard."""
    other = tea_bundle(**MODEL | {"intercept": -2.4})
    cds.registry.deploy(other)
    await cds.heard()
    (card,) = (await cds.call(hook_request(await old_woman(cds)))).json()["cards"]
    assert other.digest in card["source"]["url"]
