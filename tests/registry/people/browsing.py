"""A browser without JavaScript: it keeps cookies, opens pages, and sends their forms as they are."""

from __future__ import annotations

import re
from html import unescape

import httpx

from services.plumbing import one_time_codes
from services.plumbing.database import writing
from services.registry.people import accounts
from tests.registry.conftest import House

PAGE = {"Accept": "text/html,application/xhtml+xml"}
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
WORDS = "gentle otters paint slowly"


class Browser:
    """One browser of one person."""

    def __init__(self, house: House, base_url: str = "http://registry.test") -> None:
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=house.app), base_url=base_url, headers=PAGE)

    async def open(self, path: str, **more: object) -> httpx.Response:
        """A page, without following where it leads."""
        return await self.http.get(path, **more)  # type: ignore[arg-type]

    async def send(self, page: str, to: str | None = None, **fields: str) -> httpx.Response:
        """Open a page and send its form, with what is hidden in it."""
        shown = await self.open(page)
        return await self.http.post(to or page.partition("?")[0], data={**hidden(shown), **fields})

    async def sign_in(self, name: str, password: str, following: str = "") -> httpx.Response:
        """By the page."""
        page = f"/sign-in?next={following}" if following else "/sign-in"
        return await self.send(page, name=name, password=password)


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}


def with_password(house: House, name: str, password: str = WORDS) -> str:
    """Give someone a password of their own."""
    with writing(house.app.state.desk.engine) as connection:
        accounts.give_password(connection, name, now=house.clock(), by="tests", sealer=house.app.state.desk.sealer)
        account = accounts.find(connection, name)
        assert account is not None
        accounts.change_password(
            connection, account.person, password, now=house.clock(), sealer=house.app.state.desk.sealer
        )
    return password


async def add_factor(browser: Browser, house: House, password: str = WORDS) -> tuple[str, list[str]]:
    """Add a second factor by the page; its secret and the written codes."""
    shown = await browser.open("/account/second-factor")
    found = re.search(r'id="secret">([A-Z2-7 ]+)<', shown.text)
    assert found is not None, shown.text
    secret = found[1].replace(" ", "")
    code = one_time_codes.code_at(secret, house.clock())
    answer = await browser.http.post(
        "/account/second-factor", data={**hidden(shown), "password": password, "code": code}
    )
    assert answer.status_code == 200, answer.text
    return secret, re.findall(r"<li><code>([a-z0-9-]+)</code></li>", answer.text)


async def signed_in(house: House, name: str) -> Browser:
    """A browser in which this person is signed in."""
    browser = Browser(house)
    answer = await browser.sign_in(name, with_password(house, name))
    assert answer.status_code == 303
    return browser
