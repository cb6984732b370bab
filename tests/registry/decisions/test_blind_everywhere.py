"""No way out of the registry tells how somebody voted on an open step to who may still vote on it.

What Ben reads is held against what he would have read had Ann said something else: it is the same, on every route.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.guidance.errors import NotFound
from services.plumbing.registry_client import Proposed
from services.registry.desk import Desk
from services.registry.fhir.names import TRANSITION
from services.registry.memory.export import read_export
from services.registry.memory.proof import prove_export
from services.registry.settings import RegistrySettings
from tests.registry.conftest import Clock, House, running
from tests.registry.decisions.test_blind import WORD, ann_says

pytestmark = pytest.mark.anyio
CHOICES = ("approve", "approve-with-conditions", "reject", "not-enough-evidence")
ROUTES = (
    "/proposals/{proposal}", "/proposals", "/guidance", "/ledger", "/ledger/export", "/memory?limit=200",
    "/memory?words=ann", "/cycle-times", "/fhir/Basic?_count=500", "/fhir/AuditEvent?_count=500",
    "/fhir/Provenance?_count=500", "/fhir/PlanDefinition?_count=500", "/fhir/PlanDefinition/{key}/$package", "/",
    "/console/guidance/small", "/console/memory", "/console/memory/proof", "/console/review/{proposal}/pilot",
    "/releases/{release}/page", "/console/deploy/small",
)  # fmt: skip
OF_A_SERVICE = tuple(one for one in ROUTES if one.startswith(("/proposals", "/guidance", "/ledger", "/fhir/A")))
_LONG = re.compile(r"[\w\-+/=.]{40,}")
_HEX = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12,}")


@pytest.fixture
async def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, tuple[House, Proposed]]]:
    """Four registries that differ in nothing but in what Ann has said."""

    async def unsigned(_: Desk) -> None:
        """When the day's head is signed is a matter of the machine's speed, and would tell houses apart."""

    monkeypatch.setattr(Desk, "sign_day", unsigned)
    async with AsyncExitStack() as stack:
        found = {}
        for choice in CHOICES:
            (tmp_path / choice).mkdir()
            house = await stack.enter_async_context(
                running(RegistrySettings(var=tmp_path / choice, policy="standard", public_pages=True), Clock())
            )
            found[choice] = (house, await ann_says(house, choice))
        yield found


async def read(house: House, proposed: Proposed, route: str, *, who: str = "Ben Data") -> str:
    """What somebody reads there, but for ids and signatures, which differ between two houses anyway."""
    path = route.format(proposal=proposed.proposal, release=proposed.release, key=key_of(proposed))
    answer = await house.http.get(path, headers=as_(house, who))
    assert answer.status_code == 200, (route, answer.text)
    return masked(answer.text)


def masked(text: str) -> str:
    """Without what is drawn by chance."""
    return _HEX.sub("…", _LONG.sub("…", text))


def key_of(proposed: Proposed) -> str:
    """The id of its PlanDefinition."""
    return proposed.release.removeprefix("sha256:")[:32]


def as_(house: House, who: str) -> dict[str, str]:
    """The header that says who asks."""
    return {"Authorization": f"Bearer {house.tokens[who]}"}


async def votes_in_fhir(house: House, who: str) -> list[dict[str, Any]]:
    """Every vote on the pilot as FHIR tells it."""
    answer = await house.http.get("/fhir/Basic?_count=500", headers=as_(house, who))
    found = [one["resource"] for one in answer.json()["entry"]]
    return [one for one in found if {"url": TRANSITION, "valueCode": "pilot"} in one["extension"]]


async def entries(house: House, who: str) -> list[dict[str, Any]]:
    """The ledger as somebody reads it."""
    return list((await house.as_(who).ledger())["entries"])


async def test_no_route_tells_anything_of_the_direction(houses: dict[str, tuple[House, Proposed]]) -> None:
    """Whatever Ann has said, Ben reads the same, and no word of hers; so does a service, of everything it may read."""
    for who, routes in (("Ben Data", ROUTES), ("learner", OF_A_SERVICE)):
        for route in routes:
            seen = {choice: await read(house, it, route, who=who) for choice, (house, it) in houses.items()}
            assert len(set(seen.values())) == 1, (who, route)
            assert WORD not in seen["reject"], (who, route)


async def test_the_refusal_to_release_tells_nothing_of_the_direction(houses: dict[str, tuple[House, Proposed]]) -> None:
    """What is missing is told, and that Ann has voted; to her, that it is her own no."""
    told = {}
    for choice, (house, proposed) in houses.items():
        path = f"/fhir/PlanDefinition/{key_of(proposed)}/$release"
        answer = await house.http.post(path, json={"resourceType": "Parameters"}, headers=as_(house, "Ben Data"))
        assert answer.status_code == 409
        told[choice] = masked(answer.text)
    assert len(set(told.values())) == 1
    assert "clinical-reviewer: voted; how is told once you have voted" in told["reject"]
    house, proposed = houses["reject"]
    path = f"/fhir/PlanDefinition/{key_of(proposed)}/$release"
    own = await house.http.post(path, json={"resourceType": "Parameters"}, headers=as_(house, "Ann Clinical"))
    assert "Ann Clinical rejects it" in own.text


async def test_a_withheld_entry_shows_its_place_in_the_chain_and_nothing_else(house: House) -> None:
    """Number, time, hash, the hash before it, and why; to Ann, to the auditor and to the author everything."""
    await ann_says(house, "reject")
    known = await entries(house, "Kim Auditor")
    (number,) = [one["number"] for one in known if one["action"] == "voted" and one["detail"]["transition"] == "pilot"]
    seen = (await entries(house, "Ben Data"))[number - 1]
    whole = known[number - 1]
    assert whole["detail"]["reason"] == WORD
    assert {name: seen[name] for name in ("number", "at", "prev", "hash")} == {
        name: whole[name] for name in ("number", "at", "prev", "hash")
    }
    assert (seen["action"], seen["actor"], seen["role"]) == ("withheld", "", "")
    assert "until the step is decided or you have voted" in seen["withheld"]
    assert seen.keys() == {"number", "at", "prev", "hash", "subject", "action", "actor", "role", "withheld"}
    for who in ("Ann Clinical", "Jon Developer", "Ida Safety", "Lea Administrator"):
        assert (await entries(house, who))[number - 1] == whole


async def test_an_export_with_withheld_entries_is_proven_and_the_auditors_is_whole(house: House) -> None:
    """Ben's file is whole by its hashes and says how many it could not look into; Kim's holds every word."""
    await ann_says(house, "reject")
    keys = await house.as_("Kim Auditor").public_keys()
    mine = await house.as_("Ben Data").exported_ledger()
    proof = prove_export(read_export(mine, place="ben"), keys)  # type: ignore[arg-type]
    assert (proof.is_whole, proof.withheld) == (True, 1)
    audited = prove_export(read_export(await house.as_("Kim Auditor").exported_ledger(), place="kim"), keys)  # type: ignore[arg-type]
    assert (audited.is_whole, audited.withheld, audited.head) == (True, 0, proof.head)
    lines = mine.splitlines(keepends=True)
    (at,) = [number for number, line in enumerate(lines) if b'"typ":"withheld"' in line]
    sealed = json.loads(lines[at])
    for name, said in (("hash", "does not follow"), ("prev", "does not follow")):
        forged = [*lines[:at], json.dumps({**sealed, name: "0" * 64}).encode() + b"\n", *lines[at + 1 :]]
        faults = prove_export(read_export(b"".join(forged), place="forged"), keys).faults  # type: ignore[arg-type]
        assert any(said in fault or "another hash" in fault for fault in faults), name
    cut = prove_export(read_export(b"".join([*lines[:at], *lines[at + 1 :]]), place="cut"), keys)  # type: ignore[arg-type]
    assert not cut.is_whole


async def test_fhir_tells_who_has_voted_and_after_ones_own_vote_how(house: House) -> None:
    """The Basic of Ann's vote has no disposition for Ben until he has voted, and then it has another version."""
    proposed = await ann_says(house, "reject")
    (before,) = await votes_in_fhir(house, "Ben Data")
    assert "Ann Clinical" in str(before["author"])
    assert "not-persuasive" not in str(before)
    known = await house.as_("Ben Data").proposal(proposed.proposal)
    read_ = [*(one["evidence"] for one in known["evidence"]), known["trial"]["digest"]]
    await house.as_("Ben Data").vote(
        proposed.proposal, transition="pilot", role="data-science-reviewer", vote="approve", release=proposed.release,
        evidence=read_, reason="calibrated",
    )  # fmt: skip
    after, _ = await votes_in_fhir(house, "Ben Data")
    assert "not-persuasive" in str(after)
    assert WORD in str(after)
    assert after["meta"]["versionId"] != before["meta"]["versionId"]
    assert WORD in str(await entries(house, "Ben Data"))


async def test_nobody_sees_by_withdrawing(house: House) -> None:
    """A withdrawal of what was never said is no vote: neither its answer nor anything after it tells the direction."""
    proposed = await ann_says(house, "reject")
    answer = await house.as_("Ben Data").vote(
        proposed.proposal, transition="pilot", role="data-science-reviewer", vote="withdraw", release=proposed.release,
        evidence=[], reason="",
    )  # fmt: skip
    assert answer["decision"]["rejected_by"] == []
    assert WORD not in str(answer)
    for route in ROUTES:
        assert WORD not in await read(house, proposed, route), route


async def test_a_closed_condition_of_an_open_step_is_withheld_and_not_to_be_found_by_trying(house: House) -> None:
    """That Ann agreed with conditions is not told by its closing, nor by the refusal to let somebody else close it."""
    proposed = await ann_says(house, "approve-with-conditions")
    (one,) = (await house.as_("Ann Clinical").proposal(proposed.proposal))["conditions"]
    with pytest.raises(NotFound):
        await house.as_("Ben Data").close_condition(proposed.proposal, one["number"], how="it is met")
    await house.as_("Ann Clinical").close_condition(proposed.proposal, one["number"], how="it is met")
    closed = (await entries(house, "Ann Clinical"))[-1]
    assert (closed["action"], closed["detail"]["text"]) == ("condition closed", WORD)
    assert (await entries(house, "Ben Data"))[-1]["action"] == "withheld"
    for route in ROUTES:
        assert WORD not in await read(house, proposed, route), route
