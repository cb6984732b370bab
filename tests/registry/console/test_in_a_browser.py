"""Every page in a real Chromium: accessible, quiet under its policy, readable, on a desk and on a telephone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.browser.chromium import Scheme, chromium, why_not
from tests.registry.console.readable import must_be_readable
from tests.registry.console.served import Served, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a browser")
PAGES: Final = (
    "overview", "guidance-list", "guidance", "compare", "try", "memory", "memory-search", "proof", "evidence", "evidence-stopped",
    "sign-in", "error", "plain", "deploy-stopped", "place", "notices",
)  # fmt: skip


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One registry with its content."""
    with served(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(registry: Served) -> Iterator[Browser]:
    """One browser for all pages, started after the registry, whose thread it must outlive nothing of."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def axe() -> Any:
    """The rules of axe-core, as they come with the package."""
    return pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()


def visit(
    browser: Browser, registry: Served, path: str, *, width: int = 1280, scheme: Scheme = "light", scripts: bool = True
) -> tuple[Page, list[str]]:
    """A page as Cleo Equity sees it, and every complaint of the browser, violations of the policy among them."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, extra_http_headers=registry.as_("Cleo Equity"),
        java_script_enabled=scripts,
    )  # fmt: skip
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.on("request", lambda request: None if request.url.startswith(registry.url) else complaints.append(request.url))
    page.goto(registry.url + path)
    return page, complaints


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_can_be_read(browser: Browser, registry: Served, axe: Any, name: str) -> None:
    """No violation that axe-core finds, no complaint, nothing to scroll sideways down to 320 pixels, no text too small."""
    page, complaints = visit(browser, registry, registry.pages[name])
    must_be_readable(page, axe)
    # A page that answers 404 is called a failure by the browser itself.
    assert [one for one in complaints if name != "error" or "404" not in one] == []
    page.context.close()


def test_nothing_that_people_wrote_is_run(browser: Browser, registry: Served) -> None:
    """A note, a reason, a search and a report of the learner hold scripts; none runs on any page that shows them."""
    pages = registry.pages | {"echo": "/console/memory?words=%3Cscript%3Edocument.title%3D%27run%27%3C%2Fscript%3E"}
    for name in (
        "guidance",
        "memory",
        "memory-search",
        "overview",
        "evidence",
        "evidence-stopped",
        "report",
        "echo",
        "review",
        "deploy",
        "deploy-stopped",
    ):
        page, _ = visit(browser, registry, pages[name])
        assert page.title() != "run", name
        page.context.close()


def test_the_report_of_a_pack_keeps_its_style_and_loses_its_scripts(browser: Browser, registry: Served) -> None:
    """Its own style sheet is let in by digest; everything else that it holds is refused by its policy."""
    page, complaints = visit(browser, registry, registry.pages["report"])
    assert page.evaluate("() => getComputedStyle(document.body).color") == "rgb(1, 2, 3)"
    assert any("script" in one.lower() for one in complaints)
    page.context.close()


def test_a_search_saves_a_reload_and_needs_no_script(browser: Browser, registry: Served) -> None:
    """With htmx only the lines change and the address follows; without scripts the same form brings the same lines."""
    lines = {}
    for scripts in (True, False):
        page, complaints = visit(browser, registry, "/console/memory", scripts=scripts)
        page.fill("#words", "potassium")
        page.click("text=Search")
        page.wait_for_url("**/console/memory?words=potassium**")
        page.wait_for_selector("#found-h:has-text('Found: 1 line')")
        lines[scripts] = page.inner_text("#found ol")
        if scripts:
            assert page.evaluate("() => document.activeElement.id") == "found-h"
        # What htmx put in has `autofocus`; Chromium says that it leaves the focus to htmx.
        assert [one for one in complaints if not one.startswith("info: Autofocus")] == []
        page.context.close()
    assert lines[True] == lines[False]
    assert "potassium unit wrong at site B" in lines[True]


def test_the_first_key_leads_past_the_navigation(browser: Browser, registry: Served) -> None:
    """Tab shows the skip link, and every link and field after it shows where the focus is."""
    page, _ = visit(browser, registry, "/")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to the content"
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.context.close()


def test_targets_are_large_enough(browser: Browser, registry: Served) -> None:
    """Buttons, fields and links that stand alone are at least 24 pixels high on a telephone (WCAG 2.5.8)."""
    small = """() => [...document.querySelectorAll('nav a, button, input, select, summary, .tasks a, .button')]
        .filter(e => e.checkVisibility() && e.type !== 'hidden').map(e => [e.textContent.trim(), e.getBoundingClientRect().height]).filter(e => e[1] < 24)"""
    for name in ("overview", "memory", "compare", "guidance", "review", "deploy", "deploy-one", "stop"):
        page, _ = visit(browser, registry, registry.pages[name], width=390)
        assert page.evaluate(small) == [], name
        page.context.close()


def test_on_paper_the_navigation_is_gone_and_the_numbers_are_open(browser: Browser, registry: Served) -> None:
    """Dark ink on white, every detail open, no form."""
    page, _ = visit(browser, registry, registry.pages["guidance"], scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("() => getComputedStyle(document.querySelector('nav')).display") == "none"
    closed = "() => [...document.querySelectorAll('details table')].filter(t => t.getBoundingClientRect().height === 0).length"
    assert page.evaluate(closed) == 0
    page.context.close()


def test_the_pages_do_not_tell_how_others_vote_on_an_open_step(browser: Browser, registry: Served) -> None:
    """Two have voted on the step to pilot: their names are there, their direction and reason are not."""
    page, _ = visit(browser, registry, registry.pages["evidence"])
    text = page.inner_text("main")
    assert "Ann Clinical (clinical-reviewer)" in text
    assert "fit for pilot" not in text
    page.goto(registry.url + "/console/memory?guidance=readmission-30d&kind=vote")
    assert "agreed on the step to pilot" in page.inner_text("#found")  # of 1.0.0, which was decided
    assert page.inner_text("#found").count("agreed on the step to pilot") == 4
    page.context.close()
