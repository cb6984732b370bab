"""CDS holds several releases of a guidance, and each call is answered by one of them: by site, by share, in its time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.cds.settings import CdsSettings
from services.guidance.manifest import Share, Where
from tests.cds.conftest import run
from tests.cds.fake_registry import HOOKS, FakeRegistry
from tests.cds.tea import MODEL, bundle, haemoglobin, hook_request, patient, tea_bundle

pytestmark = pytest.mark.anyio
NEW = tea_bundle(**MODEL | {"intercept": -2.0})


def share(of_10000: int) -> Share:
    """So many of 10,000 patients."""
    return Share(of_10000, "cd" * 32)


def asked(cds: Any, number: int) -> dict[str, Any]:
    """A call about one of many patients, with all that it needs."""
    name = f"p{number}"
    release = cds.service.desk.approved.find("tea-time").release
    found = {"Patient": patient(name), "Observation": bundle(haemoglobin(8.0, of=name))}
    return hook_request({query.name: found.get(query.resource_type) for query in release.queries.values()}, of=name)


async def test_a_share_of_the_patients_has_the_newer_release(settings: CdsSettings, registry: FakeRegistry) -> None:
    """Decision rows name which; one that is asked again has the same; discovery still lists one service for each hook."""
    registry.deploy(NEW, deployment="d-2", stage="pilot", share=share(3000), decided=2)
    async with run(settings, registry, client=registry.client()) as cds:
        for number in [*range(60), *range(60)]:
            assert (await cds.call(asked(cds, number))).status_code == 200
        kept = {(row["patient"], row["release"]) for row in cds.decisions()}
        listed = (await cds.http.get("/cds-services")).json()["services"]
        ready = (await cds.http.get("/readyz")).json()["tea-time"]
    by_release = Counter(release for _, release in kept)
    assert len(kept) == 60
    assert set(by_release) == {tea_bundle().digest, NEW.digest}
    assert 8 <= by_release[NEW.digest] <= 28
    assert len({(one["id"], one["hook"]) for one in listed}) == len(listed) == 2
    assert "pilot, 30 %" in ready


async def test_a_place_elsewhere_is_not_here(settings: CdsSettings, registry: FakeRegistry) -> None:
    """The release of another site, one whose time is over, and the share that leaves this patient out: no card, and why."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for number, (changes, why) in enumerate(
        [
            ({"where": Where(sites=("south",), hooks=HOOKS)}, "not approved for patient-view at this site"),
            ({"where": Where(sites=("*",), hooks=HOOKS, tenants=("elsewhere",))}, "not approved for"),
            ({"starts_at": tomorrow}, "its time has not begun"),
            ({"stage": "pilot", "share": share(1)}, "not among the 0.01 %"),
        ]
    ):
        registry.deploy(tea_bundle(), **changes)
        async with run(settings, registry, client=registry.client()) as cds:
            answer = await cds.call(asked(cds, number))
            assert (answer.status_code, answer.json()["cards"]) == (200, [])
            assert cds.decisions()[-1]["status"] == "suspended"
            assert cds.decisions()[-1]["reason"].startswith(why)


async def test_old_gives_way_to_new_in_one_step(settings: CdsSettings, registry: FakeRegistry) -> None:
    """The new manifest names the deployment it replaces; until its bundle is there the old one speaks on."""
    async with run(settings, registry, client=registry.client()) as cds:
        data = None
        registry.deploy(NEW, deployment="d-2", decided=2, replaces=("d-1",))
        data = registry.bundles.pop(NEW.digest)
        registry.signed.pop("tea-time")  # the old one is told of no more
        await cds.heard()
        approved = cds.service.desk.approved
        assert [one.manifest.deployment for one in approved.deployed("tea-time")] == ["d-1"]
        registry.bundles[NEW.digest] = data
        registry.sign(guidance="coffee", release=None, stage="suspended")
        await cds.heard()
        assert [one.manifest.deployment for one in approved.deployed("tea-time")] == ["d-2"]


async def test_a_replayed_manifest_of_a_replaced_release_is_refused(
    settings: CdsSettings, registry: FakeRegistry
) -> None:
    """Though its lease still runs and the deployment is not held any more."""
    before = registry.signed["tea-time"]
    registry.deploy(NEW, deployment="d-2", decided=2, replaces=("d-1",))
    registry.signed.pop("tea-time")
    async with run(settings, registry, client=registry.client()) as cds:
        registry.signed["tea-time"] = before
        registry.sign(guidance="coffee", release=None, stage="suspended")
        await cds.heard()
        approved = cds.service.desk.approved
        assert [one.manifest.deployment for one in approved.deployed("tea-time")] == ["d-2"]
