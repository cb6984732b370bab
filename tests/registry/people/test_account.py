"""People see and end their sessions, on the page and over HTTP, and find what happened to how they sign in."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from services.plumbing.database import reading, writing
from services.registry.commands import app as commands
from services.registry.memory import ledger
from services.registry.people import persons, security_events, sessions
from services.registry.people.browsers import browser_of
from tests.registry.conftest import House
from tests.registry.people.browsing import Browser, hidden, signed_in

pytestmark = pytest.mark.anyio
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def as_(house: House, name: str) -> dict[str, str]:
    """The header of someone's token."""
    return {"Authorization": f"Bearer {house.tokens[name]}"}


async def two_browsers(house: House) -> tuple[Browser, Browser]:
    """Ann signed in twice, the second time in Firefox."""
    first = await signed_in(house, "Ann Clinical")
    second = Browser(house)
    second.http.headers["User-Agent"] = FIREFOX
    assert (await second.sign_in("Ann Clinical", "gentle otters paint slowly")).status_code == 303
    return first, second


def handles(page: str) -> list[str]:
    """The sessions that a page can end."""
    return [one for one in re.findall(r'name="end" value="(\w+)"', page) if one != "others"]


async def test_the_page_lists_ones_sessions_and_marks_this_one(house: House) -> None:
    """Since when, last used, in which browser; the id that opens a session is not on it, nor anybody else's session."""
    first, second = await two_browsers(house)
    await signed_in(house, "Ben Data")
    page = (await second.open("/account")).text
    assert len(handles(page)) == 2
    assert re.search(r"Firefox on Windows\s*<strong>\(this one\)</strong>", page)
    assert page.count("(this one)") == 1
    assert first.http.cookies["knowdo-session"] not in page


async def test_one_session_is_ended_and_the_other_goes_on(house: House) -> None:
    """At once; the ledger keeps that it was ended, and by whom."""
    first, second = await two_browsers(house)
    page = await second.open("/account")
    other = next(
        one for one in handles(page.text) if one != sessions.hashed(second.http.cookies["knowdo-session"])[:16]
    )
    answer = await second.http.post("/account/sessions", data={**hidden(page), "end": other})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert (await first.open("/account")).headers["location"].startswith("/sign-in")
    assert (await second.open("/account")).status_code == 200
    with reading(house.app.state.desk.engine) as connection:
        entry = ledger.entries(connection)[-1]
    assert (entry["action"], entry["actor"]) == ("session ended", "Ann Clinical")


async def test_signing_out_everywhere_else_ends_all_others(house: House) -> None:
    """And no session of anybody else."""
    first, second = await two_browsers(house)
    ben = await signed_in(house, "Ben Data")
    answer = await second.send("/account", "/account/sessions", end="others")
    assert answer.status_code == 303
    assert (await first.open("/account")).status_code == 303
    assert (await second.open("/account")).status_code == 200
    assert (await ben.open("/account")).status_code == 200


async def test_nobody_ends_somebody_elses_session(house: House) -> None:
    """404 for a handle of another person, 403 for a form from elsewhere, 400 for fields that nobody asked for."""
    ann = await signed_in(house, "Ann Clinical")
    ben = await signed_in(house, "Ben Data")
    (theirs,) = handles((await ben.open("/account")).text)
    assert (await ann.send("/account", "/account/sessions", end=theirs)).status_code == 404
    assert (await ann.send("/account", "/account/sessions", end="' OR 1=1 --")).status_code == 404
    assert (await ann.http.post("/account/sessions", data={"end": "others"})).status_code == 403
    fields = {**hidden(await ben.open("/account")), "end": "others"}
    assert (await ann.http.post("/account/sessions", data=fields)).status_code == 403
    assert (await ann.send("/account", "/account/sessions", end="others", name="Ben Data")).status_code == 400
    assert (
        await house.http.request("DELETE", f"/me/sessions/{theirs}", headers=as_(house, "Ann Clinical"))
    ).status_code == 404
    assert (await ben.open("/account")).status_code == 200


async def test_the_same_over_http(house: House) -> None:
    """Listed, ended one by one or all; a service has no sessions to look at, and a stranger is 401."""
    first, second = await two_browsers(house)
    listed = (await house.http.get("/me/sessions", headers=as_(house, "Ann Clinical"))).json()["sessions"]
    assert sorted(one["browser"] for one in listed) == ["Firefox on Windows", "another browser"]
    assert set(listed[0]) == {"handle", "how", "began_at", "seen_at", "browser"}
    handle = next(one["handle"] for one in listed if one["browser"] != "Firefox on Windows")
    gone = await house.http.delete(f"/me/sessions/{handle}", headers=as_(house, "Ann Clinical"))
    assert gone.json() == {"ended": 1}
    assert (await first.open("/account")).status_code == 303
    assert (await second.open("/account")).status_code == 200
    assert (await house.http.delete("/me/sessions", headers=as_(house, "Ann Clinical"))).json() == {"ended": 1}
    assert (await second.open("/account")).status_code == 303
    for method, path in (
        ("GET", "/me/sessions"),
        ("DELETE", "/me/sessions"),
        ("DELETE", "/me/sessions/x"),
        ("GET", "/me/security-events"),
    ):
        assert (await house.http.request(method, path)).status_code == 401
        assert (await house.http.request(method, path, headers=as_(house, "cds"))).status_code == 403


async def test_what_happened_is_on_the_page_and_over_http(house: House) -> None:
    """A new password, a token, and that tries to sign in failed; nothing of what happened to others."""
    browser = await signed_in(house, "Ann Clinical")
    with writing(house.app.state.desk.engine) as connection:
        persons.new_token(connection, "Ben Data", now=house.clock(), by="tests")
    for _ in range(5):
        assert (await Browser(house).sign_in("Ann Clinical", "wrong otters paint slowly")).status_code == 401
    assert (await Browser(house).sign_in("Ann Clinical", "wrong otters paint slowly")).status_code == 429
    page = (await browser.open("/account")).text
    assert "Your password was changed" in page
    assert page.count("Tries to sign in under your name failed") == 1
    assert "Your token was replaced" not in page
    told = (await house.http.get("/me/security-events", headers=as_(house, "Ann Clinical"))).json()["events"]
    assert [one["happened"] for one in told] == ["sign-in locked", "password changed", "password given", "person added"]


async def test_an_administrator_ends_somebodys_sessions(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """By command, on the registry's own machine; the person finds it on their page, the ledger keeps who did it."""
    browser = await signed_in(house, "Ann Clinical")
    monkeypatch.setenv("KNOWDO_VAR", str(house.settings.var))
    monkeypatch.setenv("KNOWDO_REGISTRY_DATABASE_URL", house.settings.database_url)
    with writing(house.app.state.desk.engine) as connection:
        sessions.begin(connection, "Ben Data", how="organisation", now=house.clock(), browser="Edge on Windows")
    ended = CliRunner().invoke(commands, ["person", "sessions", "Ann Clinical", "--end"])
    assert ended.output == "1 ended\n"
    assert (await browser.open("/account")).status_code == 303
    with reading(house.app.state.desk.engine) as connection:
        entry = ledger.entries(connection)[-1]
        assert (entry["action"], entry["actor"].endswith("at the command line")) == ("sessions ended", True)
        assert security_events.of(connection, "Ann Clinical")[0].happened == "sessions ended"
        assert len(sessions.of(connection, "Ben Data", now=house.clock())) == 1
    nobody = CliRunner().invoke(commands, ["person", "sessions", "Nobody At All", "--end"])
    assert nobody.exit_code != 0


async def test_what_happened_is_forgotten_after_a_year_and_a_month(house: House) -> None:
    """As long as the record of accesses is kept by default."""
    with writing(house.app.state.desk.engine) as connection:
        now = house.clock() + security_events.KEPT
        security_events.note(connection, "Ann Clinical", "token added", by="x", now=now)
        assert len(security_events.of(connection, "Ann Clinical")) == 2
        security_events.note(connection, "Ann Clinical", "token added", by="x", now=now + security_events.KEPT * 2)
        assert len(security_events.of(connection, "Ann Clinical")) == 1


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (FIREFOX, "Firefox on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.0", "another browser"),
        ("<script>alert(1)</script>", "another browser"),
        ("", "another browser"),
    ],
)  # fmt: skip
def test_a_browser_is_told_in_a_few_words(agent: str, said: str) -> None:
    """Of a list of ours; what the sender wrote is never kept."""
    assert browser_of(agent) == said
