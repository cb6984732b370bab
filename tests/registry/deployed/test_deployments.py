"""A stage becomes a signed lease; a stop is one call by one person and is heard at once."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from sqlalchemy import delete, update

from services.guidance.errors import BadManifest, NotFound, NotPermitted
from services.guidance.manifest import Manifest, check_manifest
from services.plumbing.database import writing
from services.plumbing.keys import SigningKey, public_key_set, verify
from services.registry import app as registry_app
from services.registry.app import open_desk
from services.registry.deployed.stops import stop
from services.registry.memory.proof import prove
from services.registry.people.persons import must_find
from services.registry.settings import RegistrySettings
from services.registry.tables import ledger, ledger_head
from tests.registry import samples
from tests.registry.conftest import VOTERS, Clock, House, running

pytestmark = pytest.mark.anyio


async def manifests(house: House, *, seen: int = 0) -> list[Manifest]:
    """The manifests as a CDS takes them: verified, within their lease, no ledger before `seen`."""
    client = house.as_("cds")
    keys = await client.public_keys()
    found = await client.manifests()
    return [check_manifest(verify(signed, keys), house.clock.now, seen) for signed in found.manifests]


async def test_a_stage_is_a_signed_lease(house: House) -> None:
    """Release, stage, hooks, policy and the head of the ledger: all as agreed, signed by the registry's key."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    (manifest,) = await manifests(house)
    head = (await house.as_("cds").manifests()).head
    assert (manifest.release, manifest.stage, manifest.guidance) == (proposed.release, "pilot", "small")
    assert (manifest.where.sites, manifest.where.hooks) == (("*",), ("patient-view",))
    assert manifest.policy.name == "standard"
    assert (manifest.ledger.number, manifest.ledger.hash) == (head.number, head.hash)
    assert manifest.issuer == house.settings.public_url
    assert manifest.seconds_left(house.clock.now) == 4 * 3600


async def test_nothing_is_signed_before_silence(house: House) -> None:
    """A proposal and a release in development have no manifest."""
    proposed = await house.propose()
    await house.climb(proposed, "development")
    assert await manifests(house) == []


async def test_another_key_does_not_verify(house: House) -> None:
    """A CDS that trusts another registry takes nothing of this one."""
    await house.climb(await house.propose(), "silent")
    (signed,) = (await house.as_("cds").manifests()).manifests
    with pytest.raises(BadManifest):
        verify(signed, public_key_set(SigningKey.generate()))


async def test_a_lease_is_renewed_when_half_of_it_is_over(house: House) -> None:
    """While it is fresh the same text comes again; then a new one; unasked, it ends."""
    await house.climb(await house.propose(), "silent")
    client = house.as_("cds")
    (first,) = (await client.manifests()).manifests
    house.clock.pass_time(hours=1, minutes=59)
    assert (await client.manifests()).manifests == (first,)
    house.clock.pass_time(minutes=2)
    (second,) = (await client.manifests()).manifests
    assert second != first
    assert (await manifests(house))[0].seconds_left(house.clock.now) == 4 * 3600
    house.clock.pass_time(hours=4)
    with pytest.raises(BadManifest, match="lease ended"):
        check_manifest(verify(second, await client.public_keys()), house.clock.now, 0)


async def test_one_person_stops_it(house: House) -> None:
    """One call: the state, the manifest and the ledger say so; who and why are kept."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    answer = await house.as_("Ida Safety").suspend("small", reason="units wrong")
    assert answer["stopped"] == [proposed.release]
    assert [one.stage for one in await manifests(house)] == ["suspended"]
    told = (await house.as_("Kim Auditor").ledger())["entries"][-1]
    assert (told["actor"], told["action"], told["detail"]["from"]) == ("Ida Safety", "suspended", "pilot")
    assert told["detail"]["reason"] == "units wrong"
    assert (await house.as_("Ann Clinical").suspend("small"))["stopped"] == []


@pytest.mark.parametrize("who", ["learner", "cds", "Kim Auditor", "Eve Steward"])
async def test_not_everyone_may_stop(house: House, who: str) -> None:
    """Services and those without a safety role may not; Eve may, being operations."""
    await house.climb(await house.propose(), "silent")
    if who == "Eve Steward":
        assert (await house.as_(who).suspend("small"))["stopped"]
        return
    with pytest.raises(NotPermitted):
        await house.as_(who).suspend("small")


async def test_stopping_what_is_not_there_is_not_found(house: House) -> None:
    """A misspelt name must not look like a stop."""
    with pytest.raises(NotFound):
        await house.as_("Ida Safety").suspend("smal")


async def test_a_stop_is_heard_at_once(house: House) -> None:
    """Whoever waits for manifests hears it in far less than a second; measured over ten stops."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    client, slowest = house.as_("cds"), 0.0
    for _ in range(10):
        head = (await client.manifests()).head
        waiting = asyncio.create_task(client.manifests(after=head.number, wait=20))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        began = time.perf_counter()
        await house.as_("Ida Safety").suspend("small")
        heard = await waiting
        slowest = max(slowest, time.perf_counter() - began)
        manifest = check_manifest(verify(heard.manifests[0], await client.public_keys()), house.clock.now, head.number)
        assert manifest.stage == "suspended"
        await house.agree(proposed, "silent")
    assert slowest < 0.5, f"{slowest:.3f} s"


async def test_a_stop_by_another_process_is_heard_within_a_second(house: House) -> None:
    """The bell rings in one process; what another wrote into the database is found by looking again."""
    await house.climb(await house.propose(), "silent")
    client = house.as_("cds")
    head = (await client.manifests()).head
    waiting = asyncio.create_task(client.manifests(after=head.number, wait=20))
    await asyncio.sleep(0.05)
    # A second app on the same database, with its own bell.
    other = open_desk(house.settings, now=house.clock)
    began = time.perf_counter()
    with writing(other.engine) as connection:
        stop(connection, "small", by=must_find(connection, "Ida Safety"), reason="", now=house.clock.now)
    heard = await waiting
    assert time.perf_counter() - began < 1.0
    assert heard.head.number == head.number + 1
    other.engine.dispose()


async def test_waiting_ends_with_what_there_is(house: House) -> None:
    """Nothing new after the time asked for: the same manifests again."""
    await house.climb(await house.propose(), "silent")
    client = house.as_("cds")
    first = await client.manifests()
    began = time.perf_counter()
    assert await client.manifests(after=first.head.number, wait=0.2) == first
    assert 0.15 < time.perf_counter() - began < 2


async def test_a_new_release_takes_the_place_of_the_old(house: House) -> None:
    """Never two that speak and never none: both changes are one transaction, and the old one can come back."""
    old, new = await house.propose(), await house.propose(samples.release(shift=0.1))
    await house.climb(old, "pilot")
    await house.climb(new, "silent")
    # Until then it is silent beside it: each call is answered by the one and computed by both.
    assert {(one.release, one.stage) for one in await manifests(house)} == {
        (old.release, "pilot"), (new.release, "silent"),
    }  # fmt: skip
    await house.agree(new, "pilot")
    assert [(one.release, one.stage) for one in await manifests(house)] == [(new.release, "pilot")]
    told = (await house.as_("Kim Auditor").ledger())["entries"][-2:]
    assert [(one["action"], one["subject"]) for one in told] == [("suspended", old.release), ("moved", new.release)]
    assert await house.agree(old, "pilot") == "pilot"
    assert [(one.release, one.stage) for one in await manifests(house)] == [(old.release, "pilot")]


async def test_a_retired_release_is_said_to_be_until_no_lease_of_it_runs(house: House) -> None:
    """A CDS that still holds a lease must hear that it ended; after a day there is nothing left to say."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    await house.agree(proposed, "retired")
    assert [one.stage for one in await manifests(house)] == ["retired"]
    house.clock.pass_time(hours=25)
    assert await manifests(house) == []


async def test_every_manifest_names_the_newest_entry(house: House) -> None:
    """After any entry, whatever it is about, older signatures are behind: a cut ledger shows itself."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    before = (await house.as_("cds").manifests()).head.number
    await house.as_("learner").add_evidence(proposed.proposal, samples.packed_silent(proposed.release, decisions=4000))
    (manifest,) = await manifests(house, seen=before + 1)
    assert manifest.ledger.number == before + 1


async def test_a_cut_ledger_is_noticed_by_whoever_saw_more(house: House) -> None:
    """Restored from an old copy, the registry signs an older head: a CDS that saw more refuses it."""
    await house.climb(await house.propose(), "silent")
    seen = (await house.as_("cds").manifests()).head
    with writing(house.app.state.desk.engine) as connection:
        connection.execute(delete(ledger).where(ledger.c.number == seen.number))
        connection.execute(update(ledger_head).values(number=seen.number - 1, hash="0" * 64))
    with pytest.raises(BadManifest, match="went backwards"):
        await manifests(house, seen=seen.number)


async def test_after_a_change_of_keys_everything_is_signed_by_the_new_one(house: House) -> None:
    """Though its lease is fresh; and while the old key is still published, what it signed is still taken."""
    await house.climb(await house.propose(), "silent")
    (old,) = (await house.as_("cds").manifests()).manifests
    former = house.settings.folder / "former-keys.json"
    former.write_text(json.dumps(await house.as_("cds").public_keys()))
    house.settings.key_path.unlink()
    settings = house.settings.model_copy(update={"trusted_keys_file": former})
    desk = open_desk(settings, now=house.clock)
    (new,) = (await desk.signed()).manifests
    assert new != old
    assert verify(new, public_key_set(desk.key))["stage"] == verify(old, desk.keys)["stage"] == "silent"
    desk.engine.dispose()


async def test_it_is_the_same_on_either_database(
    tmp_path: Path, clock: Clock, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite and PostgreSQL: propose, climb, four votes at once, a stop beside them, and a memory that is whole."""
    monkeypatch.setattr(registry_app, "LOOK_EVERY", 0.2)  # the first look may be before there is an entry to sign
    settings = RegistrySettings(var=tmp_path, policy="standard", database_url=database)
    async with running(settings, clock) as house:
        proposed = await house.propose()
        await house.climb(proposed, "silent")
        await house.make_ready(proposed)
        known = await house.as_("Kim Auditor").proposal(proposed.proposal)
        evidence = [*(one["evidence"] for one in known["evidence"]), known["trial"]["digest"]]
        roles = ("clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security")
        answers = await asyncio.gather(
            *(
                house.as_(VOTERS[role]).vote(
                    proposed.proposal, transition="pilot", role=role, vote="approve", release=proposed.release,
                    evidence=evidence, reason="read",
                )
                for role in roles
            )
        )  # fmt: skip
        assert sorted(answer["state"] for answer in answers) == ["pilot", "silent", "silent", "silent"]
        assert [one.stage for one in await manifests(house)] == ["pilot"]
        stopped = await asyncio.gather(*(house.as_("Ida Safety").suspend("small") for _ in range(3)))
        assert sorted(len(one["stopped"]) for one in stopped) == [0, 0, 1]
        assert [one.stage for one in await manifests(house)] == ["suspended"]
        await house.as_("cds").report([])
        headers = {"Authorization": f"Bearer {house.tokens['Ida Safety']}"}
        for path in ("/releases/%00/page", "/releases/%00", "/evidence/a%00", "/proposals/%00", "/releases/%ff"):
            assert (await house.http.get(path, headers=headers)).status_code == 404
        assert (await house.http.post("/deployments/%00/suspend", headers=headers)).status_code == 404
        with anyio.fail_after(10):
            # The registry signs by itself; no event leads out.
            while not (await house.as_("Ida Safety").ledger())["signed_heads"]:  # noqa: ASYNC110
                await anyio.sleep(0.1)
        found = prove(settings)
        assert found.is_whole, found.faults
        assert found.witnesses >= 2


async def test_the_demo_policy_is_in_the_signed_manifest(tmp_path: Path, clock: Clock) -> None:
    """Who reads the lease reads `demo`; under the standard policy afterwards it stays what it was agreed under."""
    async with running(RegistrySettings(var=tmp_path, demo=True), clock) as house:
        await house.climb(await house.propose(), "pilot")
        (manifest,) = await manifests(house)
        assert manifest.policy.name == "demo"
    settings = RegistrySettings(var=tmp_path, policy="standard")
    clock.pass_time(hours=3)
    desk = open_desk(settings, now=clock)
    signed = (await desk.signed()).manifests[0]
    renewed = check_manifest(verify(signed, desk.keys), clock.now, 0)
    assert (renewed.policy.name, renewed.expires_at) == ("demo", clock.now + timedelta(hours=4))
    desk.engine.dispose()
