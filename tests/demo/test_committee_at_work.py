"""The demo's committee on a real registry under the demo policy: every gate up to pilot, none skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.demo.committee import AUTHOR, SAFETY_OFFICER, VOTERS, Committee
from services.guidance.errors import Refused
from services.plumbing.database import writing
from services.plumbing.registry_client import RegistryClient
from services.registry.people import persons
from services.registry.settings import RegistrySettings
from tests.registry import samples
from tests.registry.conftest import NOW, Clock, running

pytestmark = pytest.mark.anyio


async def test_it_reaches_the_pilot_by_the_gates(tmp_path: Path) -> None:
    """Groups that cannot be told are accepted by the equity reviewer with a plan; a trial and a rollback are filed first."""
    bundle = samples.release()
    members = [samples.group(f"attribute {number}", "small", small=True) for number in range(20)]
    unsure = samples.groups(bundle.digest, *members)
    packs = (
        samples.training_pack(bundle.digest, files={"evidence.json": unsure}, rows=250, events=30),
        samples.silent_pack(bundle.digest, decisions=80, matured=60, events=8),
    )
    async with running(RegistrySettings(var=tmp_path, policy="demo"), Clock()) as house:
        clients = {}
        with writing(house.app.state.desk.engine) as connection:
            for member in (*VOTERS, AUTHOR, SAFETY_OFFICER):
                added = persons.add_person(connection, member.name, member.roles, now=NOW, by="tests")
                clients[member.name] = RegistryClient(house.http, added.token)
        proposed = await house.propose(bundle, evidence=packs)
        committee = Committee(clients)
        for state in ("development", "silent"):
            assert (await committee.move(proposed.proposal, state)).to == state
        with pytest.raises(Refused, match="no trial is filed"):
            await committee.move(proposed.proposal, "pilot")
        digest = await committee.make_ready(proposed.proposal)
        step = await committee.move(proposed.proposal, "pilot")
        assert set(step.doubts) == {f"groups/attribute {number}" for number in range(20)}
        known = await committee.author.proposal(proposed.proposal)
        assert (known["state"], known["trial"]["digest"]) == ("pilot", digest)
