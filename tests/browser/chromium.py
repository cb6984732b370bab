"""A real Chromium, where there is one: the page as a committee opens it, and everything that it tries to do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
Scheme = Literal["light", "dark"]


def why_not() -> str:
    """Why no browser can be started here; empty if one can."""
    try:
        import playwright.sync_api  # noqa: F401 - whether it is there is the question
    except ImportError:
        return "playwright is not installed"
    return "" if _path() else f"no Chromium here (looked for {', '.join(NAMES)})"


def _path() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine; none is downloaded."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_path(), args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


@dataclass(slots=True, kw_only=True)
class Opened:
    """A page, with what it asked for and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, script: str) -> Any:
        """What a script finds; scripts of the page itself there are none."""
        return self.page.evaluate(script)


@contextmanager
def opened(
    browser: Browser, file: Path, *, width: int, height: int = 900, scheme: Scheme = "light"
) -> Iterator[Opened]:
    """A file in a window of this width; whatever it requests, and every message of the console, is kept."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    seen = Opened(page=page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda fault: seen.complaints.append(str(fault)))
    page.on("requestfailed", lambda request: seen.complaints.append(f"failed: {request.url}"))
    try:
        page.goto(file.as_uri())
        yield seen
    finally:
        page.close()
