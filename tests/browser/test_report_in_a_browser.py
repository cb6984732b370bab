"""The report of a real training run in a real Chromium: quiet, readable on a telephone and a desk, in the dark and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.learner.run_log import REPORT_FILE
from tests.browser import looks_of_a_page as looks
from tests.browser.chromium import Scheme, chromium, opened, why_not

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from services.learner.retrain import Trained

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "a browser is here")
SMALLEST = 12
WIDTHS = (1280, 390)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def page(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report as it is in the evidence pack."""
    file = tmp_path_factory.mktemp("report") / "evidence.html"
    file.write_bytes(trained.pack.files[REPORT_FILE])
    return file


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_it_opens_quietly_and_can_be_read(browser: Browser, page: Path, width: int, scheme: Scheme) -> None:
    """Nothing requested but itself, nothing in the console, nothing to scroll sideways, no text too small or too faint."""
    with opened(browser, page, width=width, scheme=scheme) as seen:
        assert seen.requests == [page.as_uri()]
        assert seen.complaints == []
        assert seen.ask(looks.WIDER) <= 0
        sizes = seen.ask(looks.SIZES)
        assert len(sizes) > 200
        assert [one for one in sizes if one[1] < SMALLEST] == []
        assert [one for one in seen.ask(looks.CONTRASTS) if one[1] < 4.5] == []
        assert [one for one in seen.ask(looks.MARKS) if one[1] < 3.0] == []
        assert seen.ask(looks.CUT) == []


@pytest.mark.parametrize("width", [1280, 680, 390, 320])
def test_each_figure_is_shown_once(browser: Browser, page: Path, width: int) -> None:
    """Of the two drawings CSS shows the one that fits."""
    with opened(browser, page, width=width) as seen:
        shown = seen.ask(
            "() => [...document.querySelectorAll('figure:has(svg)')].map(f => [...f.querySelectorAll('svg')].filter(s => s.checkVisibility()).length)"
        )
        assert shown
        assert set(shown) == {1}
        assert seen.ask(looks.WIDER) <= 0


def test_every_link_leads_somewhere_on_the_page(browser: Browser, page: Path) -> None:
    """The page has no other links, and no id twice."""
    with opened(browser, page, width=1280) as seen:
        dangling = seen.ask(
            "() => [...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
            ".filter(h => !h.startsWith('#') || !document.getElementById(h.slice(1)))"
        )
        assert dangling == []
        twice = seen.ask(
            "() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.filter((id, i) => ids.indexOf(id) !== i); }"
        )
        assert twice == []


def test_on_paper_everything_is_open_and_light(browser: Browser, page: Path) -> None:
    """The numbers of every figure are printed, the header names the release, and dark ink stands on white."""
    with opened(browser, page, width=1280, scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        assert seen.ask("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        closed = seen.ask(
            "() => [...document.querySelectorAll('details table')].filter(t => t.getBoundingClientRect().height === 0).length"
        )
        assert closed == 0
        assert seen.ask("() => getComputedStyle(document.querySelector('.running')).display") == "table-header-group"
        assert seen.page.pdf(prefer_css_page_size=True)[:5] == b"%PDF-"


def test_without_colours_of_its_own_it_still_shows_its_marks(browser: Browser, page: Path) -> None:
    """In forced colours every line and mark is drawn in the reader's own."""
    with opened(browser, page, width=1280) as seen:
        seen.page.emulate_media(forced_colors="active")
        same = seen.ask(
            "() => [...document.querySelectorAll('svg .line, svg .bar')].filter(e => e.checkVisibility())"
            ".every(e => getComputedStyle(e).stroke === getComputedStyle(document.body).color)"
        )
        assert same
