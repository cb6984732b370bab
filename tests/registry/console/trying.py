"""The platform with a small guidance that a CDS holds in silence, and made-up calls about an old woman."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anyio
import httpx

from services.all_in_one import Platform
from services.guidance.made_up import CODE, SYSTEM
from services.plumbing.database import writing
from services.registry.people import persons
from tests.registry import samples
from tests.registry.conftest import Clock, House

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
