"""The platform with a small guidance that a CDS holds in silence, and made-up calls about an old woman."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx

from services.all_in_one import Platform
from services.guidance.lifecycle import person_key
from services.guidance.made_up import CODE, SYSTEM
from services.guidance.policies import POLICIES
from services.plumbing.database import writing
from services.plumbing.registry_messages import Proposed
from services.registry.deployed import placing
from services.registry.deployed.deployments import ALL
from services.registry.deployed.placing import Placement
from services.registry.people import persons
from tests.registry import samples
from tests.registry.conftest import Clock, House
from tests.registry.console.served import Fill

Json = dict[str, Any]
META = {"security": [{"system": SYSTEM, "code": CODE}]}


async def in_silence(platform: Platform) -> House:
    """The team of the samples, and `small` in its silent stage, heard by the CDS."""
    app, now = platform.services[0], datetime.now(UTC)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://registry.test")
    tokens = {}
    with writing(app.state.desk.engine) as connection:
        for name, roles in samples.TEAM.items():
            tokens[name] = persons.add_person(connection, name, roles, now=now, by="tests").token
        added = persons.add_person(connection, "learner", ["learner"], now=now, by="tests", is_service=True)
        tokens["learner"] = added.token
    house = House(app=app, http=http, settings=platform.registry, clock=Clock(now), tokens=tokens)
    await house.climb(await house.propose(), "silent")
    approved = platform.services[2].state.cds.desk.approved
    with anyio.fail_after(10):
        while not approved.holds("small"):  # noqa: ASYNC110 (no event leads out)
            await anyio.sleep(0.02)
    return house


async def in_pilot_beside_a_silent_one(platform: Platform, house: House) -> tuple[str, str]:
    """The release in silence goes to the pilot, and another of it, whose model says more, is silent; their digests."""
    (first,) = await house.as_("Kim Auditor").proposals()
    await house.agree(Proposed(proposal=first["proposal"], release=first["release"], state="silent"), "pilot")
    bundle = samples.release()
    model = bundle.files["model.json"].replace(b"0.4]", b"1.15]")  # of patients over 65
    second = await house.propose(replace(bundle, files={**bundle.files, "model.json": model}))
    await house.climb(second, "silent")
    approved = platform.services[2].state.cds.desk.approved
    with anyio.fail_after(10):
        while len(approved.deployed("small")) < 2:  # noqa: ASYNC110 (no event leads out)
            await anyio.sleep(0.02)
    return first["release"], second.release


async def both_held(platform: Platform, fill: Fill) -> dict[str, str]:
    """The content of the console's pages, its pilot for half of the patients, until the CDS holds both; what `fill` answered."""
    app, now = platform.services[0], datetime.now(UTC)
    with writing(app.state.desk.engine) as connection:
        known = fill(connection, POLICIES["demo"], now)
        by = persons.everyone(connection)[person_key("Fay Operations")]
        placement = Placement(stage="pilot", share=ALL // 2)
        placing.deploy(connection, "readmission-30d", known["old"], placement, by=by, policy=POLICIES["demo"], now=now)
    approved = platform.services[2].state.cds.desk.approved
    with anyio.fail_after(60):
        while not approved.holds("readmission-30d") or len(approved.deployed("readmission-30d")) < 2:  # noqa: ASYNC110
            await anyio.sleep(0.1)
    return known


def request_of(*, meta: Json | None = None, **more: Any) -> Json:
    """A call about an old woman in hospital."""
    tagged = {"meta": META if meta is None else meta}
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
    woman = {"resourceType": "Patient", "id": "p", "birthDate": "1941-07-09", "gender": "female", **tagged}
    stay = {
        "resourceType": "Encounter", "id": "e", "status": "in-progress", "class": act, "subject": {"reference": "Patient/p"},
        "period": {"start": "2026-11-01T00:00:00Z"}, **tagged,
    }  # fmt: skip
    return {
        "hook": "patient-view", "hookInstance": "try-1",
        "context": {"userId": "Practitioner/u", "patientId": "p", "encounterId": "e"},
        "prefetch": {
            "patient": woman,
            "encounter": stay,
            "encounters": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": stay}]},
            **more,
        },
    }  # fmt: skip
