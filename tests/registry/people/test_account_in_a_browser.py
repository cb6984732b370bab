"""Signing in and one's account in a real Chromium: accessible, quiet, with and without scripts, on a desk and a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from services.plumbing.one_time_codes import code_at
from tests.browser.chromium import chromium, why_not
from tests.registry.console.readable import must_be_readable
from tests.registry.console.served import NOW, Served, served
from tests.registry.people.browsing import WORDS
from tests.registry.people.in_chromium import sign_in, with_passwords

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a browser")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry with people in it."""
    with served(tmp_path_factory.mktemp("registry"), fill=with_passwords) as running:
        yield running


@pytest.fixture(scope="module")
def browser(registry: Served) -> Iterator[Browser]:
    """One browser for all."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def axe() -> Any:
    """The rules of axe-core."""
    return pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()


def page_of(browser: Browser, registry: Served, *, scripts: bool = True) -> tuple[Page, list[str]]:
    """A fresh page, and every complaint of the browser; a request elsewhere is one."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=scripts).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.on("request", lambda request: None if request.url.startswith(registry.url) else complaints.append(request.url))
    return page, complaints


def test_a_person_adds_a_second_factor_and_signs_in_with_it(browser: Browser, registry: Served, axe: Any) -> None:
    """From the first sign-in to the code, by clicks; each page can be read by everybody."""
    page, complaints = page_of(browser, registry)
    page.goto(f"{registry.url}/sign-in")
    must_be_readable(page, axe)
    sign_in(page, registry, "Ann Clinical")
    assert "Chrome" in page.inner_text("table")
    must_be_readable(page, axe)
    page.click("text=Add your second factor")
    must_be_readable(page, axe)
    secret = page.inner_text("#secret").replace(" ", "")
    page.fill("#password", WORDS)
    page.fill("#code", code_at(secret, NOW))
    page.click("text=Add the second factor")
    written = page.locator("ul code").all_inner_texts()
    assert len(written) == 10
    must_be_readable(page, axe)
    page.click("text=I have written them down")
    page.click("text=Change your second factor")
    must_be_readable(page, axe)
    page.click("text=Sign out")
    sign_in(page, registry, "Ann Clinical")
    assert page.evaluate("() => document.activeElement.id") == "code"
    must_be_readable(page, axe)
    page.fill("#code", written[0])
    page.click("button[type=submit]")
    assert "9 recovery codes are left" in page.inner_text("main")
    assert complaints == []
    page.context.close()


def test_a_session_is_ended_by_a_click_without_scripts(browser: Browser, registry: Served) -> None:
    """The other browser is out; this one goes on."""
    page, _ = page_of(browser, registry, scripts=False)
    sign_in(page, registry, "Ben Data")
    other, _ = page_of(browser, registry, scripts=False)
    sign_in(other, registry, "Ben Data")
    assert other.locator("button[value]:has-text('End')").count() == 2
    other.click("tr:not(:has-text('this one')) button[name=end]")
    assert other.locator("tbody tr").count() == 1
    page.goto(f"{registry.url}/account")
    assert page.url.startswith(f"{registry.url}/sign-in")
    page.context.close()
    other.context.close()


def test_a_password_is_shown_on_request_and_judged_while_it_is_typed(
    browser: Browser, registry: Served, axe: Any
) -> None:
    """By length and by the list of those tried first; it is sent as a password again."""
    page, complaints = page_of(browser, registry)
    sign_in(page, registry, "Cleo Equity")
    page.goto(f"{registry.url}/password")
    for typed, said in (
        ("short", "Too short: 5 of 12 letters."),
        ("Passw0rd2026!", "one of those that are tried first"),
        ("aaaaaaaaaaaaaaaa", "few different letters"),
        ("slow otters!", "Fair"),
        ("slow otters paint", "Good."),
        ("gentle otters paint slowly", "Very good."),
        ("", ""),
    ):
        page.fill("#new", typed)
        assert said in page.inner_text("[role=status]"), typed
        assert bool(said) == bool(page.inner_text("[role=status]"))
    page.fill("#new", "gentle otters paint slowly")
    must_be_readable(page, axe)
    button = page.locator("#new + button")
    assert button.get_attribute("aria-label") == "Show: New password"
    button.click()
    assert page.get_attribute("#new", "type") == "text"
    assert page.evaluate("() => document.activeElement.id") == "new"
    button.click()
    assert page.get_attribute("#new", "type") == "password"
    assert complaints == []
    page.context.close()


def test_without_scripts_there_is_no_dead_button(browser: Browser, registry: Served) -> None:
    """What only a script can do is not on the page."""
    page, _ = page_of(browser, registry, scripts=False)
    sign_in(page, registry, "Cleo Equity")
    page.goto(f"{registry.url}/password")
    assert page.locator("main button").all_inner_texts() == ["Choose this password"]
    assert page.locator("meter").count() == 0
    page.context.close()
