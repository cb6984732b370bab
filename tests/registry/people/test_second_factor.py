"""A second factor: added, asked for, used once, guessed at in vain, lost and taken away."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from services.plumbing.database import reading, writing
from services.plumbing.one_time_codes import code_at
from services.registry.app import create_app
from services.registry.commands import app as commands
from services.registry.memory import ledger
from services.registry.people import accounts, persons, second_factor, security_events
from services.registry.people.tables import recovery_codes, second_factors
from services.registry.settings import RegistrySettings
from services.timeline.errors import BadInput
from tests.registry.conftest import Clock, House, running
from tests.registry.people.browsing import WORDS, Browser, add_factor, hidden, signed_in, with_password

pytestmark = pytest.mark.anyio


async def halfway(house: House, name: str = "Ann Clinical") -> Browser:
    """A browser whose password was right."""
    browser = Browser(house)
    answer = await browser.sign_in(name, WORDS, following="/console/memory")
    assert answer.headers["location"] == "/sign-in/code"
    return browser


async def test_with_a_factor_the_password_alone_opens_nothing(house: House) -> None:
    """No session, no page, no change of the password; the code opens the page one came for, and half a sign-in is good once."""
    secret, _ = await add_factor(await signed_in(house, "Ann Clinical"), house)
    house.clock.pass_time(seconds=30)
    browser = await halfway(house)
    half = browser.http.cookies["knowdo-half"]
    assert "knowdo-session" not in browser.http.cookies
    for path in ("/account", "/password", "/account/second-factor", "/"):
        assert (await browser.open(path)).headers["location"].startswith("/sign-in")
    smuggled = Browser(house)
    smuggled.http.cookies.set("knowdo-session", half, domain="registry.test")
    assert (await smuggled.open("/account")).status_code == 303
    answer = await browser.send("/sign-in/code", code=code_at(secret, house.clock()))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/memory")
    assert (await browser.open("/account")).status_code == 200
    with reading(house.app.state.desk.engine) as connection:
        assert connection.execute(select(second_factors.c.secret)).scalar_one().startswith("sealed1:")
    assert "knowdo-half" not in browser.http.cookies
    browser.http.cookies.set("knowdo-half", half, domain="registry.test")
    assert (await browser.open("/sign-in/code")).headers["location"] == "/sign-in"


async def test_a_code_is_taken_once(house: House) -> None:
    """Whoever looked over a shoulder comes too late, also with the code that added the factor; its holder is told."""
    secret, _ = await add_factor(await signed_in(house, "Ann Clinical"), house)
    code = code_at(secret, house.clock())
    assert (await (await halfway(house)).send("/sign-in/code", code=code)).status_code == 401
    house.clock.pass_time(seconds=30)
    code = code_at(secret, house.clock())
    assert (await (await halfway(house)).send("/sign-in/code", code=f" {code[:3]} {code[3:]} ")).status_code == 303
    replayed = await (await halfway(house)).send("/sign-in/code", code=code)
    assert (replayed.status_code, "used already" in replayed.text) == (401, True)
    with reading(house.app.state.desk.engine) as connection:
        assert [one.happened for one in security_events.of(connection, "Ann Clinical")].count("code used again") == 2


async def test_wrong_codes_wait_like_wrong_passwords(house: House) -> None:
    """Knowing the password gives no free tries: it does not start the count anew. The person is told."""
    await add_factor(await signed_in(house, "Ann Clinical"), house)
    statuses = []
    for _ in range(4):
        browser = Browser(house)
        if (await browser.sign_in("Ann Clinical", WORDS)).status_code == 303:
            statuses.append((await browser.send("/sign-in/code", code="000000")).status_code)
    assert statuses == [401, 401, 429]
    assert (await Browser(house).sign_in("Ann Clinical", WORDS)).status_code == 429
    with reading(house.app.state.desk.engine) as connection:
        assert [one.happened for one in security_events.of(connection, "Ann Clinical")].count("sign-in locked") == 1


async def test_a_recovery_code_is_good_once_and_told(house: House) -> None:
    """As it is copied: with spaces or capitals. Only hashes of them are kept."""
    _, codes = await add_factor(await signed_in(house, "Ann Clinical"), house)
    assert len(set(codes)) == second_factor.CODES
    with reading(house.app.state.desk.engine) as connection:
        kept = str(connection.execute(select(recovery_codes)).all())
    assert not any(one in kept or one.replace("-", "") in kept for one in codes)
    typed = codes[0].upper().replace("-", " ")
    assert (await (await halfway(house)).send("/sign-in/code", code=typed)).status_code == 303
    assert (await (await halfway(house)).send("/sign-in/code", code=codes[0])).status_code == 401
    with reading(house.app.state.desk.engine) as connection:
        assert security_events.of(connection, "Ann Clinical")[0].happened == "recovery code used"
        factor = second_factor.of(connection, "Ann Clinical")
    assert factor is not None
    assert factor.codes_left == 9


async def test_nobody_uses_somebody_elses_code(house: House) -> None:
    """Neither of the app nor a written one."""
    secret, codes = await add_factor(await signed_in(house, "Ann Clinical"), house)
    await add_factor(await signed_in(house, "Ben Data"), house)
    house.clock.pass_time(seconds=30)
    for code in (code_at(secret, house.clock()), codes[0]):
        assert (await (await halfway(house, "Ben Data")).send("/sign-in/code", code=code)).status_code == 401


async def test_adding_one_needs_password_and_code_and_ends_other_sessions(house: House) -> None:
    """A stolen session adds none; a secret of another session, an altered or an old one is not taken."""
    browser = await signed_in(house, "Ann Clinical")
    other = Browser(house)
    await other.sign_in("Ann Clinical", WORDS)
    shown = await browser.open("/account/second-factor")
    found = re.search(r'id="secret">([A-Z2-7 ]+)<', shown.text)
    assert found is not None
    code = code_at(found[1].replace(" ", ""), house.clock())
    page, fields = "/account/second-factor", hidden(shown)
    assert (await browser.http.post(page, data={**fields, "password": "wrong otters", "code": code})).status_code == 401
    assert (await browser.http.post(page, data={**fields, "password": WORDS, "code": "000000"})).status_code == 401
    moved = {**hidden(await other.open(page)), "offer": fields["offer"]}
    assert (await other.http.post(page, data={**moved, "password": WORDS, "code": code})).status_code == 400
    altered = {**fields, "offer": fields["offer"][:-6] + "AAAA=="}
    assert (await browser.http.post(page, data={**altered, "password": WORDS, "code": code})).status_code == 400
    unasked = {**fields, "password": WORDS, "code": code, "name": "Ben Data"}
    assert (await browser.http.post(page, data=unasked)).status_code == 400
    foreign = {**fields, "csrf": "x", "password": WORDS, "code": code}
    assert (await browser.http.post(page, data=foreign)).status_code == 403
    answer = await browser.http.post(page, data={**fields, "password": WORDS, "code": code})
    assert (answer.status_code, "shown this once" in answer.text) == (200, True)
    assert (await other.open("/account")).status_code == 303
    assert (await browser.open("/account")).status_code == 200
    assert "shown this once" not in (await browser.open(page)).text
    house.clock.pass_time(minutes=16)
    late = await signed_in(house, "Ben Data")
    old = await late.open(page)
    house.clock.pass_time(minutes=16)
    answer = await late.http.post(page, data={**hidden(old), "password": WORDS, "code": "000000"})
    assert (answer.status_code, "stood open too long" in answer.text) == (400, True)


async def test_the_code_form_is_sent_from_its_own_page(house: House) -> None:
    """Without its token, from another site, and after ten minutes it opens nothing."""
    secret, _ = await add_factor(await signed_in(house, "Ann Clinical"), house)
    house.clock.pass_time(seconds=30)
    browser = await halfway(house)
    code = code_at(secret, house.clock())
    assert (await browser.http.post("/sign-in/code", data={"csrf": "x", "code": code})).status_code == 403
    fields = {**hidden(await browser.open("/sign-in/code")), "code": code}
    foreign = await browser.http.post("/sign-in/code", data=fields, headers={"Origin": "https://evil.test"})
    assert foreign.status_code == 403
    assert (await Browser(house).http.post("/sign-in/code", data=fields)).headers["location"] == "/sign-in"
    house.clock.pass_time(minutes=10)
    assert (await browser.http.post("/sign-in/code", data=fields)).headers["location"] == "/sign-in"


async def test_it_is_taken_away_and_codes_are_renewed_by_who_has_it(house: House) -> None:
    """A session without the app does neither; the former written codes are worth nothing after."""
    browser = await signed_in(house, "Ann Clinical")
    secret, codes = await add_factor(browser, house)
    page = "/account/second-factor"
    assert (await browser.send(page, f"{page}/remove", code="000000")).status_code == 401
    assert (await browser.send(page, f"{page}/codes", code="nonsense")).status_code == 401
    house.clock.pass_time(seconds=30)
    renewed = await browser.send(page, f"{page}/codes", code=code_at(secret, house.clock()))
    assert renewed.text.count("<li><code>") == 10
    assert codes[0] not in renewed.text
    assert (await browser.send(page, f"{page}/remove", code=codes[0])).status_code == 401
    house.clock.pass_time(seconds=30)
    gone = await browser.send(page, f"{page}/remove", code=code_at(secret, house.clock()))
    assert gone.headers["location"] == "/account"
    assert (await Browser(house).sign_in("Ann Clinical", WORDS)).headers["location"] == "/"


async def test_where_it_is_required_nothing_else_comes_first(house: House, clock: Clock) -> None:
    """For the roles named: every page leads to adding it; other roles and API tokens go on as before."""
    settings = RegistrySettings(
        var=house.settings.var / "required", second_factor="required", second_factor_roles=("clinical-reviewer",)
    )
    async with running(settings, clock) as strict:
        ann = await signed_in(strict, "Ann Clinical")
        for path in ("/", "/account", "/console/memory"):
            assert (await ann.open(path)).headers["location"] == "/account/second-factor"
        answer = await ann.http.post("/console/review/x/pilot", data={})
        assert answer.headers["location"] == "/account/second-factor"
        program = await ann.http.get("/account", headers={"Accept": "application/json"})
        assert (program.status_code, "second factor" in program.json()["detail"]) == (403, True)
        await add_factor(ann, strict)
        assert (await ann.open("/account")).status_code == 200
        assert (await (await signed_in(strict, "Ben Data")).open("/account")).status_code == 200
        bearer = {"Authorization": f"Bearer {strict.tokens['Ann Clinical']}"}
        assert (await strict.http.get("/proposals", headers=bearer)).status_code == 200


async def test_where_it_is_off_none_is_added_and_those_there_are_asked_for(house: House, clock: Clock) -> None:
    """Turning the setting down weakens nobody's account."""
    secret, _ = await add_factor(await signed_in(house, "Ann Clinical"), house)
    with_password(house, "Ben Data")
    house.app.state.second_factor = second_factor.Rule(mode="off")
    ben = Browser(house)
    await ben.sign_in("Ben Data", WORDS)
    page = await ben.open("/account/second-factor")
    assert "takes no second factor" in page.text
    csrf = hidden(await ben.open("/account"))["csrf"]
    sent = {"csrf": csrf, "offer": "x", "password": WORDS, "code": "000000"}
    assert (await ben.http.post("/account/second-factor", data=sent)).status_code == 403
    house.clock.pass_time(seconds=30)
    ann = await halfway(house)
    assert (await ann.send("/sign-in/code", code=code_at(secret, house.clock()))).status_code == 303


async def test_a_demo_person_gets_none(house: House, clock: Clock) -> None:
    """Everybody knows the password, so anybody could shut the others out."""
    settings = RegistrySettings(var=house.settings.var / "demo", demo=True, second_factor="required")
    async with running(settings, clock) as demo:
        with writing(demo.app.state.desk.engine) as connection:
            accounts.give_demo_password(connection, "Ann Clinical", now=clock(), sealer=demo.app.state.desk.sealer)
        browser = Browser(demo)
        await browser.sign_in("Ann Clinical", accounts.DEMO_PASSWORD)
        assert (await browser.open("/account")).status_code == 200
        assert (await browser.open("/account/second-factor")).status_code == 403


async def test_an_administrator_takes_a_lost_one_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """By command; sessions end, the person is told, and the ledger keeps who did it. Twice is refused."""
    browser = await signed_in(house, "Ann Clinical")
    await add_factor(browser, house)
    monkeypatch.setenv("KNOWDO_VAR", str(house.settings.var))
    monkeypatch.setenv("KNOWDO_REGISTRY_DATABASE_URL", house.settings.database_url)
    done = CliRunner().invoke(commands, ["person", "reset-factor", "Ann Clinical"])
    assert done.exit_code == 0, done.output
    assert (await browser.open("/account")).status_code == 303
    assert (await Browser(house).sign_in("Ann Clinical", WORDS)).headers["location"] == "/"
    with reading(house.app.state.desk.engine) as connection:
        entry = ledger.entries(connection)[-1]
        event = security_events.of(connection, "Ann Clinical")[0]
    assert (entry["action"], entry["actor"].endswith("at the command line")) == ("second factor removed", True)
    assert event.said == "The second factor of your account was removed"
    assert CliRunner().invoke(commands, ["person", "reset-factor", "Ann Clinical"]).exit_code != 0


async def test_who_leaves_takes_it_along(house: House) -> None:
    """A person who is deactivated has no factor and no codes, and half a sign-in of theirs is worth nothing."""
    secret, _ = await add_factor(await signed_in(house, "Ann Clinical"), house)
    house.clock.pass_time(seconds=30)
    browser = await halfway(house)
    with writing(house.app.state.desk.engine) as connection:
        persons.deactivate(connection, "Ann Clinical", now=house.clock(), by="tests")
        assert connection.execute(select(recovery_codes)).first() is None
        assert connection.execute(select(second_factors)).first() is None
    answer = await browser.http.post("/sign-in/code", data={"code": code_at(secret, house.clock())})
    assert answer.headers["location"] == "/sign-in"


@pytest.mark.parametrize("kind", ["code", "written"])
async def test_two_who_send_the_same_code_at_once_are_one(house: House, database: str, kind: str, clock: Clock) -> None:
    """On each database the first takes it."""
    settings = RegistrySettings(var=house.settings.var / "both", database_url=database)
    async with running(settings, clock) as both:
        secret, codes = await add_factor(await signed_in(both, "Ann Clinical"), both)
        clock.pass_time(seconds=30)
        code = code_at(secret, clock()) if kind == "code" else codes[0]
        desk = both.app.state.desk
        with reading(desk.engine) as connection:
            ann = persons.must_find(connection, "Ann Clinical")

        def take() -> bool:
            with writing(desk.engine) as connection:
                return second_factor.accept(connection, ann, code, now=clock(), sealer=desk.sealer)

        taken: list[bool] = []

        async def one() -> None:
            taken.append(await anyio.to_thread.run_sync(take))

        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(one)
        assert sorted(taken) == [False, False, False, True]


def test_a_role_that_there_is_not_is_a_fault_at_the_start(tmp_path: Path) -> None:
    """A misspelt role would require nothing of anybody."""
    with pytest.raises(BadInput, match="no such role: clinical reviewer"):
        create_app(RegistrySettings(var=tmp_path, second_factor_roles=("clinical reviewer",)))
