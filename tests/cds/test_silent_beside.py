"""A silent release beside one that speaks: it computes the same call after the answer, and nobody at the bedside notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from services.cds import silent_beside
from services.cds.consider import Withheld
from services.cds.decisions.aggregates import counts_of_day
from services.cds.settings import CdsSettings
from services.plumbing.registry_client import RegistryClient
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import MODEL, bundle, haemoglobin, hook_request, patient, tea_bundle

pytestmark = pytest.mark.anyio
NEW = tea_bundle(**MODEL | {"intercept": -2.0})
PATH = "/cds-services/tea-time"


@pytest.fixture
async def both(settings: CdsSettings, registry: FakeRegistry) -> AsyncIterator[Running]:
    """`tea-time` speaks to everybody, and its successor is silent everywhere."""
    registry.deploy(NEW, deployment="d-2", stage="silent", decided=2)
    async with run(settings, registry, client=registry.client()) as cds:
        yield cds


def asked(cds: Running, name: str = "p1", *, lacking: tuple[str, ...] = (), hb: float = 8.0) -> dict[str, Any]:
    """A call about a patient, with all that it needs but what is lacking."""
    release = cds.service.desk.approved.find("tea-time").release
    assert release is not None
    found = {"Patient": patient(name), "Observation": bundle(haemoglobin(hb, of=name))}
    sent = {q.name: found.get(q.resource_type) for q in release.queries.values() if q.resource_type not in lacking}
    return hook_request(sent, of=name)


async def kept(cds: Running, count: int) -> list[dict[str, Any]]:
    """All decisions, once there are so many."""
    with anyio.fail_after(5):
        while len(found := cds.decisions()) < count:  # noqa: ASYNC110 (no event leads out)
            await anyio.sleep(0.01)
    return found


async def told(cds: Running, name: str) -> dict[str, float]:
    """A counter by its labels, as `/metrics` tells it."""
    lines = (await cds.http.get("/metrics")).text.splitlines()
    found = [line.partition(" ") for line in lines if line.startswith(f"knowdo_cds_{name}_total{{")]
    return {labels.partition("{")[2].rstrip("}"): float(value) for labels, _, value in found}


async def test_both_compute_one_answers_and_the_other_names_the_answer(both: Running) -> None:
    """The card is of the release that speaks; the silent one's decision has its own release, risk and stage."""
    answer = await both.call(asked(both))
    one, other = await kept(both, 2)
    assert answer.json()["cards"][0]["uuid"] == one["decision"]
    assert (one["release"], one["stage"], one["status"], one["beside"]) == (
        tea_bundle().digest, "general", "shown", "",
    )  # fmt: skip
    assert (other["release"], other["stage"], other["status"], other["beside"]) == (
        NEW.digest, "silent", "silent", one["decision"],
    )  # fmt: skip
    assert other["hook_instance"] == one["hook_instance"]
    assert other["features"] == one["features"]
    assert other["log_odds"] - one["log_odds"] == pytest.approx(-2.0 - MODEL["intercept"])


async def test_a_call_is_counted_once(both: Running) -> None:
    """In the metrics of decisions and calls, and in the week of the registry: what was computed beside is told apart."""
    for number in range(3):
        await both.call(asked(both, f"p{number}"))
    await kept(both, 6)
    assert sum((await told(both, "decisions")).values()) == 3
    assert await told(both, "beside") == {'guidance="tea-time",status="silent"': 3}
    by_release = {one.release: one.counts for one in counts_of_day(both.log, datetime.now(UTC), site="")}
    assert by_release[NEW.digest] == {"silent": 3, "calls": 3, "beside": 3}
    assert by_release[tea_bundle().digest] == {"shown": 3, "calls": 3}


async def test_no_call_waits_for_it(both: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three calls are answered while nothing of what is computed beside them has come to an end."""
    go, read = asyncio.Event(), silent_beside.read_call

    async def slow(*given: Any, **more: Any) -> Any:
        await go.wait()
        return await read(*given, **more)

    monkeypatch.setattr(silent_beside, "read_call", slow)
    answers = [await both.call(asked(both, f"p{number}")) for number in range(3)]
    assert [len(one.json()["cards"]) for one in answers] == [1, 1, 1]
    assert len(both.decisions()) == 3
    go.set()
    assert Counter(one["beside"] != "" for one in await kept(both, 6)) == {False: 3, True: 3}


async def test_what_it_cannot_compute_is_kept_and_said_to_no_caller(
    both: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is as it was; the evidence of the silent month will count the fault."""

    def broken(*_given: Any, **_more: Any) -> Any:
        raise Withheld("scoring", "it does not compute")

    monkeypatch.setattr(silent_beside, "consider", broken)
    answer = await both.call(asked(both))
    _, other = await kept(both, 2)
    assert (answer.status_code, len(answer.json()["cards"])) == (200, 1)
    assert (other["status"], other["reason"]) == ("failed", "scoring: it does not compute")
    assert await told(both, "faults") == {}


async def test_a_fault_that_nobody_foresaw_is_counted_and_logged_by_its_kind(
    both: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is kept, and that is said; its message, which may hold a patient, is not."""

    async def broken(*_given: Any, **_more: Any) -> Any:
        raise RuntimeError("p1 has 8.0 g/dL")

    monkeypatch.setattr(silent_beside, "read_call", broken)
    assert (await both.call(asked(both))).status_code == 200
    with anyio.fail_after(5):
        while not await told(both, "beside_lost"):  # noqa: ASYNC110 (no event leads out)
            await anyio.sleep(0.01)
    assert await told(both, "beside_lost") == {'why="fault"': 1}
    assert len(both.decisions()) == 1


async def test_of_too_many_at_once_it_is_kept_that_they_were_not_computed(
    both: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hole in the silent month is seen in its evidence."""
    monkeypatch.setattr(silent_beside, "MOST", 0)
    await both.call(asked(both))
    _, other = await kept(both, 2)
    assert (other["status"], other["reason"]) == ("failed", "too many calls at once")


async def test_a_call_that_lacks_required_data_is_computed_beside_too(both: Running) -> None:
    """412 for the caller; the silent release was asked for the same and lacks the same."""
    refused = await both.call(asked(both, lacking=("Patient",)))
    one, other = await kept(both, 2)
    assert refused.status_code == 412
    assert (one["status"], other["status"], other["beside"]) == ("unknown", "unknown", one["decision"])


async def test_a_replayed_token_leaves_no_decision_beside(both: Running) -> None:
    """Its call was refused with 401: what was computed beside it counts as little as what would have answered it."""
    signed = {"Authorization": f"Bearer {both.ehr.token(URL + PATH)}"}
    first = await both.http.post(PATH, json=asked(both), headers=signed)
    again = await both.http.post(PATH, json=asked(both, "p2"), headers=signed)
    assert (first.status_code, again.status_code) == (200, 401)
    await kept(both, 2)
    await anyio.sleep(0.2)  # and nothing more
    await anyio.sleep(0.2)
    assert Counter((one["patient"], one["status"]) for one in both.decisions() if one["beside"]) in (
        {("p1", "silent"): 1},
        {("p1", "silent"): 1, ("p2", "failed"): 1},
    )


@pytest.mark.parametrize("change", [{"stage": "suspended"}, {"stage": "silent"}])
async def test_it_ends_with_the_silent_release_and_answers_where_none_speaks(
    both: Running, change: dict[str, str]
) -> None:
    """The silent one stopped: one decision. The other one stopped: the silent one answers the call itself, with nothing."""
    if change["stage"] == "suspended":
        both.registry.deploy(NEW, deployment="d-2", decided=2, **change)
    else:
        both.registry.deploy(tea_bundle(), stage="suspended")
    await both.heard()
    answer = await both.call(asked(both))
    await anyio.sleep(0.2)
    (one,) = both.decisions()
    assert one["beside"] == ""
    assert one["status"] == ("shown" if change["stage"] == "suspended" else "silent")
    assert len(answer.json()["cards"]) == (1 if change["stage"] == "suspended" else 0)


async def test_a_stop_of_the_service_lets_what_began_end(
    settings: CdsSettings, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a moment; what takes longer is cut off, and its call was answered long before."""
    registry.deploy(NEW, deployment="d-2", stage="silent", decided=2)
    assert Counter(await _kept_after_a_stop(settings, registry, monkeypatch, seconds=0.3)) == {False: 1, True: 1}
    monkeypatch.setattr(silent_beside, "DRAIN", 0.2)
    assert Counter(await _kept_after_a_stop(settings, registry, monkeypatch, seconds=30.0)) == {False: 2, True: 1}


async def _kept_after_a_stop(
    settings: CdsSettings, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, *, seconds: float
) -> list[bool]:
    """One call, then an end at once; of every decision whether it was made beside another."""
    client: RegistryClient = registry.client()
    with monkeypatch.context() as patched:
        patched.setattr(silent_beside, "read_call", _later(silent_beside.read_call, seconds))
        async with run(settings, registry, client=client) as cds:
            assert (await cds.call(asked(cds))).status_code == 200
    async with run(settings, registry, client=registry.client()) as cds:
        return [one["beside"] != "" for one in cds.decisions()]


def _later(read: Callable[..., Awaitable[Any]], seconds: float) -> Callable[..., Awaitable[Any]]:
    async def slow(*given: Any, **more: Any) -> Any:
        await asyncio.sleep(seconds)
        return await read(*given, **more)

    return slow
