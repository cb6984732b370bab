"""Alert fatigue through the door: what is not said again, who is not told at all, and what is never hidden."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest
import structlog

from services.cds.settings import CdsSettings
from services.guidance.manifest import policy_named
from tests.cds.conftest import Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import bundle, haemoglobin, hook_request, patient, tea_bundle, withheld

pytestmark = pytest.mark.anyio

Deploy = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def deployed(settings: CdsSettings, registry: FakeRegistry) -> Deploy:
    """Starts a service under a policy that has the words given, and in a trial if the manifest says so."""

    @asynccontextmanager
    async def start(*, manifest: dict[str, Any] | None = None, **policy: Any) -> AsyncIterator[Running]:
        named = policy_named("standard", {"*": {"cooldown_hours": 0} | policy})
        registry.deploy(tea_bundle(), policy=named, **(manifest or {}))
        async with run(settings, registry, client=registry.client()) as cds:
            yield cds

    return start


async def prefetch(cds: Running, of: str, birth: str | None, hb: float) -> dict[str, Any]:
    """What discovery asks for, about one patient."""
    services = (await cds.http.get("/cds-services")).json()["services"]
    keys = next(entry["prefetch"] for entry in services if entry["id"] == "tea-time")
    person = patient(of, birth=birth) if birth else {k: v for k, v in patient(of).items() if k != "birthDate"}
    given = {"Patient": person, "Observation": bundle(haemoglobin(hb, of=of))}
    return {key: given.get(template.partition("?")[0].partition("/")[0]) for key, template in keys.items()}


async def call(
    cds: Running, of: str = "p1", *, birth: str | None = "1940-05-01", hb: float = 8.5, user: str = "", **more: Any
) -> dict[str, Any]:
    """One call about an old patient with little haemoglobin, unless changed; the answer."""
    request = hook_request(await prefetch(cds, of, birth, hb), of=of, **more)
    if user:
        request["context"]["userId"] = user
    answer = await cds.call(request)
    return {"status": answer.status_code, **answer.json()}


async def test_one_band_is_said_once_in_an_encounter_on_whichever_hook(deployed: Deploy) -> None:
    """Said on opening the chart, not said again at discharge; the decision says why."""
    async with deployed(once_per_encounter=True) as cds:
        assert len((await call(cds))["cards"]) == 1
        assert (await call(cds, hook="encounter-discharge"))["cards"] == []
        said, again = cds.decisions()
        metrics = (await cds.http.get("/metrics")).text
    assert (said["status"], again["status"]) == ("shown", "suppressed")
    assert again["reason"] == "duplicate: said before in this encounter"
    assert again["card"]["summary"] == said["card"]["summary"]
    assert 'knowdo_cds_suppressed_total{guidance="tea-time",reason="duplicate"} 1.0' in metrics


async def test_a_patient_who_gets_worse_is_shown_again(deployed: Deploy) -> None:
    """A higher band breaks through cool-down and encounter; falling back is nothing new."""
    bands = [
        {"name": "severe", "when": "risk >= 0.6", "card": "tea"},
        {"name": "high", "when": "risk >= 0.2", "card": "tea"},
        {"name": "usual", "when": "risk >= 0"},
    ]
    async with deployed(cooldown_hours=24, once_per_encounter=True, bands=bands) as cds:
        counts = [len((await call(cds, hb=hb))["cards"]) for hb in (12.0, 8.5, 8.5, 12.0)]
        kept = [(row["band"], row["status"]) for row in cds.decisions()]
    assert counts == [1, 1, 0, 0]
    assert kept == [("high", "shown"), ("severe", "shown"), ("severe", "suppressed"), ("high", "suppressed")]


async def test_an_override_snoozes_the_card_for_who_gave_it(deployed: Deploy) -> None:
    """The reason decides for how long; a colleague is told; the metrics count reasons and never words."""
    async with deployed(snooze={"limited-time": 4}) as cds:
        (card,) = (await call(cds))["cards"]
        reason = {"reason": {"code": "limited-time", "system": "http://terminology.hl7.org"}, "userComment": "busy"}
        said = {"card": card["uuid"], "outcome": "overridden", "overrideReason": reason}
        for _ in range(2):  # sent again, it counts once
            assert (await cds.post("/cds-services/tea-time/feedback", {"feedback": [said]})).status_code == 200
        odd = {"card": card["uuid"], "outcome": "overridden", "overrideReason": {"reason": {"code": "p1 was rude"}}}
        assert (await cds.post("/cds-services/gone/feedback", {"feedback": [odd]})).status_code == 200
        assert (await call(cds))["cards"] == []
        assert len((await call(cds, user="Practitioner/u2"))["cards"]) == 1
        assert cds.decisions()[1]["reason"] == "snoozed: limited-time, until 4 h after that card"
        metrics = (await cds.http.get("/metrics")).text
    assert 'knowdo_cds_overrides_total{guidance="tea-time",reason="limited-time"} 1.0' in metrics
    assert 'knowdo_cds_overrides_total{guidance="unknown",reason="other"} 1.0' in metrics
    assert 'knowdo_cds_feedback_total{guidance="tea-time",outcome="overridden"} 1.0' in metrics
    assert "rude" not in metrics


# --- arms ---


async def test_a_masked_arm_computes_everything_and_shows_nothing(deployed: Deploy) -> None:
    """The card is kept; arm and probability are in every decision, also below the band and where data are missing."""
    async with deployed(manifest={"trial": withheld(1, of=1)}) as cds:
        assert (await call(cds))["cards"] == []
        assert (await call(cds, hb=14, birth="1990-05-01"))["cards"] == []
        assert (await call(cds, birth="2015-05-01"))["cards"] == []
        assert (await call(cds, birth=None))["status"] == 412
        rows = cds.decisions()
    assert [row["status"] for row in rows] == ["masked", "below-band", "outside", "unknown"]
    assert {(row["arm"], row["arm_probability"]) for row in rows} == {("withheld", 1.0)}
    assert rows[0]["card"]["summary"] == "Risk of thirst 62% (average 12%). Offer tea."


async def test_randomisation_comes_before_suppression(deployed: Deploy) -> None:
    """In the masked arm a rule silences nothing, it is noted: both arms are counted alike."""
    rules = [{"when": "hb < 9", "reason": "the team knows"}]
    async with deployed(suppressions=rules, once_per_encounter=True, manifest={"trial": withheld(1, of=1)}) as cds:
        await call(cds)
        await call(cds)
        kept = [(row["status"], row["reason"]) for row in cds.decisions()]
    assert kept == [("masked", "rule: the team knows")] * 2
    async with deployed(suppressions=rules) as cds:
        await call(cds)
        metrics = (await cds.http.get("/metrics")).text
        assert (cds.decisions()[-1]["status"], cds.decisions()[-1]["reason"]) == ("suppressed", "rule: the team knows")
    assert 'knowdo_cds_suppressed_total{guidance="tea-time",reason="rule"} 1.0' in metrics


async def test_one_patient_stays_in_one_arm(deployed: Deploy) -> None:
    """Half of the patients see cards, at every call; a call without the unit is shown and marked as outside."""
    async with deployed(manifest={"trial": withheld(1, of=2)}) as cds:
        for _ in range(2):
            for number in range(20):
                await call(cds, f"p{number}")
        arms: dict[str, set[tuple[str, float, str]]] = {}
        for row in cds.decisions():
            arms.setdefault(row["patient"], set()).add((row["arm"], row["arm_probability"], row["status"]))
    assert all(len(seen) == 1 for seen in arms.values())
    assert {one for seen in arms.values() for one in seen} == {("withheld", 0.5, "masked"), ("show", 0.5, "shown")}
    async with deployed(manifest={"trial": withheld(1, of=1, unit="encounter")}) as cds:
        request = hook_request(await prefetch(cds, "p1", "1940-05-01", 8.5))
        del request["context"]["encounterId"]
        assert len((await cds.call(request)).json()["cards"]) == 1
        assert (cds.decisions()[-1]["arm"], cds.decisions()[-1]["arm_probability"]) == ("unassigned", 1.0)


async def test_a_silent_stage_is_silent_in_every_arm(deployed: Deploy) -> None:
    """What the silent month counts does not depend on an arm."""
    async with deployed(manifest={"trial": withheld(1, of=2), "stage": "silent"}) as cds:
        for number in range(8):
            await call(cds, f"p{number}")
        rows = cds.decisions()
    assert {row["status"] for row in rows} == {"silent"}
    assert {row["arm"] for row in rows} == {"withheld", "show"}


# --- budget and cap ---


@pytest.fixture
def within_an_hour() -> None:
    """Not at the turn of the hour, where a cap begins anew."""
    if (left := 3600 - time.time() % 3600) < 10:
        time.sleep(left)


async def test_a_budget_that_is_spent_drops_nobody(deployed: Deploy) -> None:
    """There is no gate in the call: late in the shift, far over the budget, the sickest is shown as the first was."""
    async with deployed(alert_budget=0.01) as cds:
        for number in range(30):
            assert len((await call(cds, f"p{number}", hb=12))["cards"]) == 1
        last = await call(cds, "sickest", birth="1925-01-01", hb=4)
        assert len(last["cards"]) == 1
        assert cds.decisions()[-1]["risk"] == max(row["risk"] for row in cds.decisions())


@pytest.mark.usefixtures("within_an_hour")
async def test_the_cap_is_a_loud_circuit_breaker(deployed: Deploy, registry: FakeRegistry) -> None:
    """Over it a due card is 503, never an empty answer: log, metric, readiness and registry say so, at once."""
    with structlog.testing.capture_logs() as lines:
        async with deployed(circuit_breaker={"cards_per_hour": 3}) as cds:
            answers = [await call(cds, f"p{number}") for number in range(6)]
            low = await call(cds, "p9", hb=14, birth="1990-05-01")
            metrics = (await cds.http.get("/metrics")).text
            ready = await cds.http.get("/readyz")
            with anyio.fail_after(5):
                while not registry.reports:  # noqa: ASYNC110 (no event leads out)
                    await anyio.sleep(0.01)
            kept = [row["status"] for row in cds.decisions()]
            assert registry.reports[0]["counts"]["cap"] >= 1
    assert [one["status"] for one in answers] == [200, 200, 200, 503, 503, 503]
    assert kept == ["shown"] * 3 + ["suppressed"] * 3 + ["below-band"]
    assert "circuit breaker open until" in answers[3]["issue"][0]["diagnostics"]
    assert low["cards"] == []  # an answer that is true stays one
    assert 'knowdo_cds_suppressed_total{guidance="tea-time",reason="cap"} 3.0' in metrics
    assert 'knowdo_cds_faults_total{guidance="tea-time",kind="circuit breaker"} 3.0' in metrics
    assert ready.status_code == 200
    assert ready.json()["tea-time circuit breaker"].startswith("OPEN until ")
    loud = [line for line in lines if line["event"].startswith("circuit breaker open")]
    assert [(line["log_level"], line["guidance"]) for line in loud] == [("error", "tea-time")]


@pytest.mark.usefixtures("within_an_hour")
async def test_a_lost_answer_is_answered_again_over_the_cap_and_a_new_policy_closes_it(
    deployed: Deploy, registry: FakeRegistry
) -> None:
    """A retry shows what was shown; a policy without that cap takes effect at once."""
    async with deployed(circuit_breaker={"cards_per_hour": 1}) as cds:
        first = hook_request(await prefetch(cds, "p1", "1940-05-01", 8.5))
        assert len((await cds.call(first)).json()["cards"]) == 1
        assert (await call(cds, "p2"))["status"] == 503
        assert len((await cds.call(first)).json()["cards"]) == 1
        registry.deploy(tea_bundle(), policy=policy_named("standard", {}))
        await cds.heard()
        assert len((await call(cds, "p2"))["cards"]) == 1
