"""Pictures of the console for docs/images, from a registry with content in a real browser.

A few by name for the guides, and every page in light and dark, on a desk and on a telephone, in `console/`.

Example: python -m tests.registry.console.screenshots
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image
from sqlalchemy import Connection

from services.all_in_one import Platform
from services.guidance.policies import Policy
from services.plumbing.one_time_codes import code_at
from tests.browser.chromium import Scheme, chromium, why_not
from tests.browser.screenshots import IMAGES, small
from tests.registry.console import content
from tests.registry.console.served import NOW, Served, served
from tests.registry.console.served_platform import served_platform
from tests.registry.console.trying import both_held
from tests.registry.people.browsing import WORDS
from tests.registry.people.in_chromium import PEOPLE, sign_in, with_passwords

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOTS: Final[tuple[tuple[str, str, int, int, Scheme], ...]] = (
    ("console-overview", "overview", 1280, 1500, "light"),
    ("console-guidance", "guidance", 1280, 1700, "light"),
    ("console-compare", "compare", 1280, 2000, "light"),
    ("console-memory", "memory-search", 1280, 1240, "light"),
    ("console-review", "review", 1280, 2600, "light"),
    ("console-deploy", "deploy-one", 1280, 1300, "light"),
    ("console-stop-phone", "stop", 390, 900, "light"),
    ("console-guidance-dark", "guidance", 1280, 1700, "dark"),
    ("console-overview-phone", "overview", 390, 1500, "dark"),
)
"""Name, page, width of the window, how far down it is shown, and colours."""


EVERY: Final[tuple[tuple[int, Scheme], ...]] = ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"))
"""Width of the window and colours, of the picture of each page."""
STEWARD: Final = "Eve Steward"
LONGEST: Final = 1400
"""How far down a page is shown: what comes after is on the page itself."""
WHO: Final = {"overview": "Cleo Equity"}
"""Whose eyes a page is seen with; operations, who may deploy, if nobody is named."""
QUALITY: Final = 40  # of WebP: text stays sharp, and the whole set below four megabytes


def _plain(connection: Connection, policy: Policy, now: datetime) -> dict[str, str]:
    return content.fill(connection, policy, now, nasty="")


def main() -> None:
    """Take every picture, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    asked = parser.parse_args()
    if why := why_not():
        sys.exit(why)
    every = asked.images / "console"
    every.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), fill=_plain) as registry, chromium() as browser:
        for name, page, width, height, scheme in SHOTS:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme,
                extra_http_headers=registry.as_("Cleo Equity"),
            )  # fmt: skip
            shown = context.new_page()
            shown.goto(registry.url + registry.pages[page])
            small(shown.screenshot(), asked.images / f"{name}.png")
            context.close()
        for width, scheme in EVERY:
            shown = {name: _eyes(browser, registry, name, width, scheme) for name in {*WHO.values(), STEWARD}}
            for name, address in registry.pages.items():
                if name == "report":  # a stand-in of the tests; real ones are among the report's own pictures
                    continue
                page = shown[WHO.get(name, STEWARD)]
                page.goto(registry.url + address)
                _keep(page, every / f"{name}-{width}-{scheme}.webp")
            page = shown[STEWARD]
            page.goto(registry.url + registry.pages["place"])
            page.fill("#sites", "ward-7, ward-9")
            page.fill("#share", "25")
            page.check("#stage input[value=pilot]")
            page.click("text=Check what it would do")
            _keep(page, every / f"place-check-{width}-{scheme}.webp")
            for one in shown.values():
                one.context.close()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        _tries(browser, Path(folder), every)
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), fill=with_passwords) as registry,
        chromium() as browser,
    ):
        for person, (width, scheme) in zip(PEOPLE, EVERY, strict=True):
            _account(browser, registry, person, every, width, scheme)


def _eyes(browser: Browser, registry: Served, name: str, width: int, scheme: Scheme) -> Page:
    """A window of this person."""
    return browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, extra_http_headers=registry.as_(name)
    ).new_page()


def _tries(browser: Browser, folder: Path, every: Path) -> None:
    """A made-up patient tried with one release and with two, by a real CDS."""
    known: dict[str, str] = {}

    async def prepare(platform: Platform) -> None:
        known.update(await both_held(platform, _plain))

    with served_platform(folder, prepare) as url:
        for width, scheme in EVERY:
            page = _eyes(browser, Served(url=url, known=known), "Cleo Equity", width, scheme)
            page.goto(f"{url}/console/try?example=discharge")
            for name, beside in (("try-answered", ""), ("try-beside", f"readmission-30d {known['new']}")):
                page.select_option("#guidance", f"readmission-30d {known['old']}")
                page.select_option("#beside", beside)
                page.click("text=Ask for guidance")
                top = page.evaluate("document.querySelector('#result').getBoundingClientRect().top + window.scrollY")
                _keep(page, every / f"{name}-{width}-{scheme}.webp", top=int(top) - 24)
            page.context.close()


def _account(browser: Browser, registry: Served, person: str, every: Path, width: int, scheme: Scheme) -> None:
    """One person's way from a first sign-in to one with a code."""

    def keep(name: str) -> None:
        _keep(page, every / f"{name}-{width}-{scheme}.webp")

    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    sign_in(page, registry, person)
    page.goto(f"{registry.url}/password")
    page.fill("#new", "slow otters paint")
    keep("password")
    page.goto(f"{registry.url}/account")
    page.click("text=Add your second factor")
    keep("factor")
    secret = page.inner_text("#secret").replace(" ", "")
    page.fill("#password", WORDS)
    page.fill("#code", code_at(secret, NOW))
    page.click("text=Add the second factor")
    keep("factor-codes")
    page.click("text=I have written them down")
    keep("account")
    page.click("text=Sign out")
    sign_in(page, registry, person)
    keep("code")
    page.context.close()


def _keep(page: Page, path: Path, *, top: int = 0) -> None:
    """The page from `top` on, as far down as is shown."""
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    kept = taken.crop((0, top, taken.width, min(taken.height, top + LONGEST)))
    kept.save(path, quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
