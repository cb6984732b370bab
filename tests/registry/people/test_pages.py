"""Signing in, choosing a password and signing out, as a browser without JavaScript does it, and as an attacker tries it."""

from __future__ import annotations

import re

import pytest

from services.plumbing.database import writing
from services.registry.people import accounts, persons
from services.registry.people.sessions import csrf_of
from services.registry.settings import RegistrySettings
from tests.registry.conftest import Clock, House, running
from tests.registry.people.browsing import WORDS, Browser, hidden, signed_in, with_password

pytestmark = pytest.mark.anyio


async def test_the_right_password_opens_and_signing_out_closes(house: House) -> None:
    """And the page one came for is the one one gets."""
    browser = Browser(house)
    answer = await browser.sign_in("ann clinical", with_password(house, "Ann Clinical"), following="/password")
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")
    page = await browser.open("/password")
    assert "Ann Clinical" in page.text
    kept = browser.http.cookies["knowdo-session"]
    out = await browser.http.post("/sign-out", data=hidden(page))
    assert out.headers["location"] == "/sign-in"
    assert "knowdo-session" not in browser.http.cookies
    browser.http.cookies.set("knowdo-session", kept, domain="registry.test")
    assert (await browser.open("/password")).status_code == 303, "the session has ended at the server, too"


async def test_a_given_password_must_be_changed_first(house: House) -> None:
    """It opens one page, where another is chosen; it runs out after three days."""
    with writing(house.app.state.desk.engine) as connection:
        given = accounts.give_password(
            connection, "Ann Clinical", now=house.clock(), by="tests", sealer=house.app.state.desk.sealer
        )
    browser = Browser(house)
    answer = await browser.sign_in("Ann Clinical", given)
    assert answer.headers["location"] == "/password"
    page = await browser.open("/password")
    assert "Choose another to go on" in page.text
    first = browser.http.cookies["knowdo-session"]
    answer = await browser.send("/password", old=given, new=WORDS, again=WORDS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.http.cookies["knowdo-session"] != first
    assert "Choose another" not in (await browser.open("/password")).text
    with writing(house.app.state.desk.engine) as connection:
        late = accounts.give_password(
            connection, "Ben Data", now=house.clock(), by="tests", sealer=house.app.state.desk.sealer
        )
    house.clock.pass_time(days=3)
    assert (await Browser(house).sign_in("Ben Data", late)).status_code == 401


async def test_unknown_names_and_wrong_passwords_look_the_same(house: House) -> None:
    """Same words, same status; also for a service, someone who left, and a password that has run out."""
    with_password(house, "Ann Clinical")
    with_password(house, "Ben Data")
    with writing(house.app.state.desk.engine) as connection:
        persons.deactivate(connection, "Ben Data", now=house.clock(), by="tests")
    seen = set()
    for name in ("Ann Clinical", "Ben Data", "cds", "Nobody At All", "Cleo Equity", "x" * 200, "' OR 1=1 --"):
        answer = await Browser(house).sign_in(name, "wrong otters paint slowly")
        assert answer.status_code == 401
        text = re.sub(r'value="[^"]*"', "", answer.text)
        seen.add((text, tuple(sorted(name for name in answer.headers if name != "content-length"))))
    assert len(seen) == 1


async def test_the_sixth_guess_waits_for_everyone_alike(house: House) -> None:
    """With Retry-After, the right password included; a name that nobody has waits as long."""
    password = with_password(house, "Ann Clinical")
    waits = {}
    for name in ("Ann Clinical", "Nobody At All"):
        browser = Browser(house)
        for _ in range(5):
            assert (await browser.sign_in(name, "wrong otters paint")).status_code == 401
        answer = await browser.sign_in(name, password)
        assert answer.status_code == 429
        waits[name] = answer.headers["retry-after"]
    assert len(set(waits.values())) == 1
    house.clock.pass_time(seconds=int(waits["Ann Clinical"]))
    assert (await Browser(house).sign_in("Ann Clinical", password)).status_code == 303


async def test_a_planted_session_is_worth_nothing(house: House) -> None:
    """Fixation: the id that an attacker set before is never the one after signing in, and the old one ends."""
    attacker = await signed_in(house, "Ben Data")
    planted = attacker.http.cookies["knowdo-session"]
    victim = Browser(house)
    victim.http.cookies.set("knowdo-session", planted, domain="registry.test")
    answer = await victim.sign_in("Ann Clinical", with_password(house, "Ann Clinical"))
    assert answer.status_code == 303
    mine = re.search(r"knowdo-session=([^;]+)", answer.headers["set-cookie"])
    assert mine is not None
    assert mine[1] != planted
    assert "Ann" not in (await attacker.open("/password")).text


async def test_cookies_are_out_of_reach(house: House, clock: Clock) -> None:
    """HttpOnly, SameSite, no domain; Secure and `__Host-` wherever the address is not loopback without TLS."""
    browser = Browser(house)
    answer = await browser.sign_in("Ann Clinical", with_password(house, "Ann Clinical"))
    for line in answer.headers.get_list("set-cookie"):
        assert "HttpOnly" in line
        assert "SameSite=lax" in line
        assert "Path=/" in line
        assert "Domain" not in line
        assert "Secure" not in line
    settings = RegistrySettings(var=house.settings.var / "tls", public_url="https://registry.test")
    async with running(settings, clock) as other:
        with_password(other, "Ann Clinical")
        secure = Browser(other, "https://registry.test")
        answer = await secure.sign_in("Ann Clinical", WORDS)
        assert answer.status_code == 303
        lines = answer.headers.get_list("set-cookie")
        assert all(line.startswith("__Host-knowdo-") and "Secure" in line for line in lines)


async def test_nobody_is_signed_in_as_someone_else_by_another_page(house: House) -> None:
    """Login CSRF: without the sign-in page's own cookie and token a right password opens nothing."""
    password = with_password(house, "Ann Clinical")
    fields = {"name": "Ann Clinical", "password": password}
    assert (await Browser(house).http.post("/sign-in", data=fields)).status_code == 403
    foreign = hidden(await Browser(house).open("/sign-in"))
    browser = Browser(house)
    await browser.open("/sign-in")
    assert (await browser.http.post("/sign-in", data={**foreign, **fields})).status_code == 403
    mine = hidden(await browser.open("/sign-in"))
    for header in ({"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = await browser.http.post("/sign-in", data={**mine, **fields}, headers=header)
        assert answer.status_code == 403
    ours = {"Origin": "http://registry.test", "Sec-Fetch-Site": "same-origin"}
    assert (await browser.http.post("/sign-in", data={**mine, **fields}, headers=ours)).status_code == 303


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/x\r\nSet-Cookie: a=b", "evil",
        "/../..//evil.test", "/sign-in", "", "/%0d%0a", "\u2044\u2044evil.test",
    ],
)  # fmt: skip
async def test_signing_in_leads_nowhere_else(house: House, asked: str) -> None:
    """An open redirect would make our address the bait."""
    browser = Browser(house)
    page = await browser.open("/sign-in", params={"next": asked})
    assert hidden(page)["next"] in {"/", "/%0d%0a"}


async def test_what_is_typed_is_shown_as_text(house: House) -> None:
    """A name with markup in it comes back escaped, under a policy that runs no script."""
    answer = await Browser(house).sign_in('"><script>alert(1)</script>', "wrong otters paint")
    assert re.findall(r"<script[^>]*>", answer.text) == re.findall(
        r'<script src="/static/password.js[^"]*" defer>', answer.text
    )
    assert answer.text.count("<script") == 1
    assert "&lt;script&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"old": "wrong otters paint", "new": "another long sentence", "again": "another long sentence"}, "not right"),
        ({"old": WORDS, "new": "another long sentence", "again": "another long sentense"}, "differ"),
        ({"old": WORDS, "new": WORDS, "again": WORDS}, "is the old one"),
        ({"old": WORDS, "new": "password1234", "again": "password1234"}, "tried first"),
    ],
)
async def test_a_password_is_not_changed_when(house: House, fields: dict[str, str], said: str) -> None:
    """The page says why, and the old one stays good."""
    browser = await signed_in(house, "Ann Clinical")
    answer = await browser.send("/password", **fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert (await Browser(house).sign_in("Ann Clinical", WORDS)).status_code == 303


async def test_a_form_takes_no_fields_of_its_senders_making(house: House) -> None:
    """Mass assignment: roles sent along are refused, and change nothing."""
    browser = await signed_in(house, "Ann Clinical")
    answer = await browser.send(
        "/password", old=WORDS, new="another long sentence", again="another long sentence", roles="administrator"
    )
    assert answer.status_code == 400
    assert (await Browser(house).sign_in("Ann Clinical", WORDS)).status_code == 303


async def test_other_sessions_end_with_a_new_password(house: House) -> None:
    """Whoever had stolen one is out."""
    browser = await signed_in(house, "Ann Clinical")
    thief = Browser(house)
    thief.http.cookies.set("knowdo-session", browser.http.cookies["knowdo-session"], domain="registry.test")
    assert (await thief.open("/password")).status_code == 200
    new = "another long sentence"
    assert (await browser.send("/password", old=WORDS, new=new, again=new)).status_code == 303
    assert (await thief.open("/password")).status_code == 303
    assert (await browser.open("/password")).status_code == 200


async def test_the_demo_password_is_shown_and_taken_in_demo_mode_alone(house: House, clock: Clock) -> None:
    """The same database without demo mode refuses it, and a session that it made."""
    settings = RegistrySettings(var=house.settings.var / "demo", demo=True)
    async with running(settings, clock) as demo:
        with writing(demo.app.state.desk.engine) as connection:
            accounts.give_demo_password(connection, "Ann Clinical", now=clock(), sealer=demo.app.state.desk.sealer)
        browser = Browser(demo)
        page = await browser.open("/sign-in")
        assert accounts.DEMO_PASSWORD in page.text
        assert "Ann Clinical" in page.text
        assert (await browser.sign_in("Ann Clinical", accounts.DEMO_PASSWORD)).status_code == 303
        identifier = browser.http.cookies["knowdo-session"]
        demo.app.state.open_console = False
        page = await browser.open("/password")
        assert page.status_code == 303
        page = await browser.open("/sign-in")
        assert accounts.DEMO_PASSWORD not in page.text
        assert (await browser.sign_in("Ann Clinical", accounts.DEMO_PASSWORD)).status_code == 401
        assert csrf_of(identifier) not in page.text
    assert accounts.DEMO_PASSWORD not in (await Browser(house).open("/sign-in")).text
