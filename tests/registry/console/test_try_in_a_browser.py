"""A try in a real browser: registry and CDS on one port, a person signs in, pastes a made-up call and sees what it gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.all_in_one import Platform
from tests.browser.chromium import chromium, why_not
from tests.registry.console.readable import must_be_readable
from tests.registry.console.served_platform import served_platform
from tests.registry.console.trying import in_pilot_beside_a_silent_one, in_silence, request_of
from tests.registry.people.browsing import WORDS, with_password

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a browser")


@pytest.fixture(scope="module")
def platform_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The three services, `small` in its pilot and another release of it in silence, Ann Clinical with a password."""

    async def prepare(platform: Platform) -> None:
        house = await in_silence(platform)
        await in_pilot_beside_a_silent_one(platform, house)
        with_password(house, "Ann Clinical")

    with served_platform(Path(tmp_path_factory.mktemp("platform")), prepare) as url:
        yield url


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_made_up_call_is_tried_by_a_person_in_a_browser(platform_url: str, scripts: bool) -> None:
    """The risk, each input and each prefetch stand on the page; that staff see nothing is said; axe finds nothing."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_context(
            viewport={"width": 1280, "height": 900}, java_script_enabled=scripts
        ).new_page()  # fmt: skip
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.goto(f"{platform_url}/")
        page.fill("#name", "Ann Clinical")
        page.fill("#password", WORDS)
        page.click("main button[type=submit]")
        page.click("nav >> text=Try")
        assert page.inner_text("h1") == "What would a clinician see for this made-up patient?"
        page.fill("#request", json.dumps(request_of()))
        page.select_option("#guidance", index=1)
        page.click("text=Ask for guidance")
        said = page.inner_text("main")
        assert page.inner_text("#result") in {"The card", "No card"}
        assert "Risk " in said
        assert "What was known, and what it added" in said
        assert page.inner_text("tr:has(th:text-is('encounters'))").split()[1:] == ["given", "1"]
        if scripts:
            must_be_readable(page, axe)
        page.select_option("#beside", index=2)
        page.click("text=Ask for guidance")
        assert page.inner_text("#result") == "The same call, answered by two releases of Small"
        assert page.locator("section[aria-labelledby^=side-]").count() == 2
        assert "≠" in page.inner_text("main")
        if scripts:
            must_be_readable(page, axe)
    assert [one for one in complaints if "Autofocus" not in one] == []
