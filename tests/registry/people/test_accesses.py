"""Every access is on record: who, what, when, how it was answered; no body, no query, and nothing lost in silence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import anyio
import pytest

from services.guidance.errors import Unavailable
from services.registry.people.accesses import AccessRecord, find, forget
from services.registry.settings import RegistrySettings
from tests.registry.conftest import NOW, Clock, House, running
from tests.registry.people.browsing import Browser, with_password

pytestmark = pytest.mark.anyio


async def recorded(house: House) -> list[dict[str, Any]]:
    """What is on record, as an auditor reads it."""
    await house.app.state.accesses.write()
    return await house.as_("Kim Auditor").audit()


async def test_who_did_what_and_how_it_was_answered(house: House) -> None:
    """Readers, refusals, strangers and services alike; neither what was sent nor what was asked for in detail."""
    await house.as_("Ann Clinical").proposals()
    bearer = {"Authorization": f"Bearer {house.tokens['cds']}"}
    await house.http.post("/deployments/small/suspend", headers=bearer, content=b'{"reason": "my-secret-reason"}')
    await house.http.get("/proposals?patient=my-secret-query")
    await house.http.get("/some/my-secret-path/that/is/not/there")
    await house.http.get("/healthz")
    rows = await recorded(house)
    assert [(row["who"], row["method"], row["path"], row["status"]) for row in rows] == [
        ("Ann Clinical", "GET", "/proposals", 200),
        ("cds", "POST", "/deployments/small/suspend", 403),
        ("", "GET", "/proposals", 401),
        ("", "GET", "", 404),
    ]
    assert all(row["at"] == "2026-11-22T14:02:07.000000Z" and row["address"] and row["request_id"] for row in rows)
    assert "my-secret" not in str(rows)
    assert (await recorded(house))[-1]["path"] == "/audit", "reading the record is an access, too"


async def test_signing_in_is_on_record_and_the_password_is_not(house: House) -> None:
    """Right and wrong; a wrong one names nobody, for what was typed might be anything."""
    password = with_password(house, "Ann Clinical")
    await Browser(house).sign_in("Ann Clinical", "wrong otters paint")
    await Browser(house).sign_in("Ann Clinical", password)
    rows = [row for row in await recorded(house) if row["method"] == "POST"]
    assert [(row["who"], row["path"], row["status"]) for row in rows] == [
        ("", "/sign-in", 401),
        ("Ann Clinical", "/sign-in", 303),
    ]
    assert "otters" not in str(rows)


@pytest.mark.parametrize(
    ("name", "status"), [("Kim Auditor", 200), ("Dan Privacy", 200), ("Ann Clinical", 403), ("cds", 403)]
)
async def test_auditors_read_it(house: House, name: str, status: int) -> None:
    """And who answers for privacy and security; nobody else."""
    answer = await house.http.get("/audit", headers={"Authorization": f"Bearer {house.tokens[name]}"})
    assert answer.status_code == status


async def test_it_is_searched_and_read_in_parts(house: House) -> None:
    """By person, by moment, after a number."""
    await house.as_("Ann Clinical").proposals()
    house.clock.pass_time(hours=1)
    await house.as_("Ben Data").proposals()
    await house.app.state.accesses.write()
    kim = house.as_("Kim Auditor")
    assert [row["who"] for row in await kim.audit(who="Ben Data")] == ["Ben Data"]
    assert (await kim.audit(since="2026-11-22T15:00:00Z"))[0]["who"] == "Ben Data"
    assert (await kim.audit(after=1))[0]["who"] == "Ben Data"


async def test_it_is_kept_as_long_as_set_and_dropped_then(house: House) -> None:
    """Not a day longer."""
    await house.as_("Ann Clinical").proposals()
    await house.app.state.accesses.write()

    def dropped(days: int) -> int:
        with house.app.state.desk.engine.begin() as connection:
            return forget(connection, NOW + timedelta(days=days))

    assert dropped(0) == 0
    assert dropped(1) == 1


async def test_what_the_database_does_not_take_waits(house: House) -> None:
    """Readiness turns false, and the rows are written once it takes them."""

    class Stubborn:
        """A desk whose database is down for a while."""

        now = house.clock
        is_down = True

        async def note(self, act: Any) -> Any:
            """Refuse, or pass on."""
            if self.is_down:
                raise Unavailable("the database does not answer")
            return await house.app.state.desk.note(act)

    desk = Stubborn()
    record = AccessRecord(desk, kept=timedelta(days=1))  # type: ignore[arg-type]
    row = {"who": "w", "method": "GET", "route": "/", "path": "/", "status": 200, "address": "", "request_id": ""}
    for _ in range(3):
        record.note(row)
    await record.write()
    assert not record.is_written
    desk.is_down = False
    await record.write()
    assert record.is_written
    assert len(await house.app.state.desk.read(lambda connection: find(connection, who="w"))) == 3


async def test_two_who_write_at_once_write_each_access_once(house: House) -> None:
    """The task behind the answers, and whoever wants the record to be whole now."""
    record = house.app.state.accesses
    await record.write()
    for number in range(20):
        record.note(
            {
                "who": f"n{number}",
                "method": "GET",
                "route": "/x",
                "path": "/x",
                "status": 200,
                "address": "",
                "request_id": "",
            }
        )
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(record.write)
    found = await house.app.state.desk.read(find)
    assert sorted(one["who"] for one in found if one["route"] == "/x") == sorted(f"n{number}" for number in range(20))


async def test_every_answer_keeps_browsers_from_harm(house: House, clock: Clock) -> None:
    """No sniffing, no frames, no reading from other sites; errors and JSON included. With TLS, never without it again."""
    for path in ("/keys", "/proposals", "/none", "/sign-in", "/openapi.json"):
        headers = (await house.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "strict-transport-security" not in headers
    settings = RegistrySettings(var=house.settings.var / "tls", public_url="https://registry.test")
    async with running(settings, clock) as other:
        assert "max-age" in (await other.http.get("/keys")).headers["strict-transport-security"]
