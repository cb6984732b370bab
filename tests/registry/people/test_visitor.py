"""Who is a visitor, where everyone else is sent, and that no form is read which another site could have sent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from services.plumbing.web import json_response
from services.registry.people.sessions import csrf_of
from services.registry.people.visitor import VisitorDep, checked_form
from services.registry.settings import RegistrySettings
from tests.registry.conftest import Clock, House, running
from tests.registry.people.browsing import PAGE, Browser, signed_in

pytestmark = pytest.mark.anyio
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def house(tmp_path: object, clock: Clock, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A registry with one more page, which tells who sees it and what was sent to it."""
    async with running(RegistrySettings(var=tmp_path, policy="standard"), clock) as house:  # type: ignore[arg-type]
        add_page(house)
        yield house


def add_page(house: House) -> None:
    """The page `/seen`."""

    async def seen(visitor: VisitorDep) -> Response:
        return json_response({"name": visitor.person.name, "via": visitor.via, "csrf": visitor.csrf})

    async def sent(request: Request, visitor: VisitorDep) -> Response:
        return json_response(dict(await checked_form(request, visitor)))

    house.app.add_api_route("/seen", seen, methods=["GET"])
    house.app.add_api_route("/seen", sent, methods=["POST"])


def csrf(browser: Browser) -> str:
    """The form token of a browser's session."""
    return csrf_of(browser.http.cookies["knowdo-session"])


async def test_a_browser_is_led_to_the_sign_in_page_and_back(house: House) -> None:
    """With the whole address it came for; other callers are 401, without a reason."""
    answer = await Browser(house).open("/seen?a=1&b=%20")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fseen%3Fa%3D1%26b%3D%2520")
    answer = await house.http.get("/seen", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["detail"]) == (401, "Not authenticated")


async def test_a_session_and_a_token_say_who_it_is(house: House) -> None:
    """A session has a form token, a bearer token needs none."""
    browser = await signed_in(house, "Ann Clinical")
    assert (await browser.open("/seen")).json() == {"name": "Ann Clinical", "via": "session", "csrf": csrf(browser)}
    bearer = {"Authorization": f"Bearer {house.tokens['Ben Data']}"}
    shown = (await house.http.get("/seen", headers=bearer)).json()
    assert shown == {"name": "Ben Data", "via": "token", "csrf": ""}


async def test_a_password_given_as_a_token_is_none(house: House) -> None:
    """Basic is not taken: a browser would send it along from any site."""
    answer = await house.http.get("/seen", headers={**PAGE, "Authorization": "Basic YTpi"})
    assert answer.status_code == 401


async def test_in_demo_mode_anyone_reads_and_nobody_writes(house: House, clock: Clock) -> None:
    """Until they sign in."""
    async with running(RegistrySettings(var=house.settings.var / "demo", demo=True), clock) as demo:
        add_page(demo)
        browser = Browser(demo)
        assert (await browser.open("/seen")).json()["via"] == "demo"
        answer = await browser.http.post("/seen", data={"csrf": "", "reason": "x"})
        assert answer.status_code == 403


async def test_only_our_own_pages_forms_are_read(house: House) -> None:
    """CSRF: no token, another's, two of them, or another origin, and nothing is done."""
    browser, other = await signed_in(house, "Ann Clinical"), await signed_in(house, "Ben Data")
    good = {"reason": "x", "csrf": csrf(browser)}

    async def post(data: dict[str, object], **headers: str) -> httpx.Response:
        return await browser.http.post("/seen", data=data, headers=headers)  # type: ignore[arg-type]

    assert (await post(good)).json() == {"reason": ["x"]}
    for bad in ({}, {"csrf": ""}, {"csrf": csrf(other)}, {"csrf": [csrf(browser)] * 2}, {"csrf": "é"}):
        assert (await post({"reason": "x", **bad})).status_code == 403
    for origin in ("https://evil.test", "null", "http://registry.test.evil.test", "https://registry.test"):
        assert (await post(good, Origin=origin)).status_code == 403
    assert (await post(good, **{"Sec-Fetch-Site": "same-site"})).status_code == 403
    assert (await post(good, Origin="http://registry.test")).status_code == 200
    assert (await post(good, Origin="null", **{"Sec-Fetch-Site": "same-origin"})).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"reason=x", "text/plain"),
        (b"reason=%ff", FORM["Content-Type"]),
        (b"reason=\xff", FORM["Content-Type"]),
        (b"reason=a%00b", FORM["Content-Type"]),
        (b"&".join(b"a=1" for _ in range(1001)), FORM["Content-Type"]),
    ],
)
async def test_what_is_no_form_is_400(house: House, body: bytes, kind: str) -> None:
    """Other types, letters that are none, control characters, too many fields."""
    browser = await signed_in(house, "Ann Clinical")
    answer = await browser.http.post("/seen", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400


async def test_a_huge_form_is_413(house: House) -> None:
    """Before it is read to its end."""
    browser = await signed_in(house, "Ann Clinical")
    answer = await browser.http.post("/seen", content=b"a=" + b"x" * 300_000, headers=FORM)
    assert answer.status_code == 413


async def test_text_comes_in_one_form(house: House) -> None:
    """NFC, one kind of line end; several values of a field in order, empty ones too."""
    browser = await signed_in(house, "Ann Clinical")
    answer = await browser.http.post(
        "/seen", data={"csrf": csrf(browser), "reason": "cafe\u0301\r\nx", "accept": ["b", "a", ""]}
    )
    assert answer.json() == {"reason": ["café\nx"], "accept": ["b", "a", ""]}
