"""The shell: what stands on every page, what a browser may load, and how an error is told."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

from services.registry.console.shell import CSP
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.console.pages import page

pytestmark = pytest.mark.anyio
STYLE: Final = Path(__file__).resolve().parents[3] / "services/registry/console/pages/style.css"


async def test_nothing_comes_from_elsewhere(house: House) -> None:
    """The style sheet and htmx are the house's own, small, named by their digest and kept for good."""
    proposed = await house.propose()
    found = await page(house, f"/releases/{proposed.release}/page")
    (sheet,) = [str(attributes["href"]) for tag, attributes in found.tags if attributes.get("rel") == "stylesheet"]
    assert re.fullmatch(r"/static/style\.css\?v=[0-9a-f]{12}", sheet)
    answer = await house.http.get(sheet)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    assert len(answer.content) <= 12_288
    assert (await house.http.get("/static/htmx.min.js")).status_code == 200
    for name in ("nothing.js", "base.html.j2", "%2e%2e%2fshell.py"):
        assert (await house.http.get(f"/static/{name}")).status_code == 404


def test_the_vendored_htmx_is_the_published_one() -> None:
    """Byte for byte dist/htmx.min.js of htmx.org 2.0.11 from the npm registry, with its licence beside it."""
    folder = STYLE.parent / "vendor"
    digest = sha256((folder / "htmx.min.js").read_bytes()).hexdigest()
    assert digest == "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
    assert "Zero-Clause BSD" in (folder / "htmx.LICENSE").read_text()


def test_the_policy_lets_nothing_in() -> None:
    """Only the house's own scripts, styles and pictures; no inline script, no frame around the page."""
    rules = dict(rule.strip().split(" ", 1) for rule in CSP.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("base-uri") == "'none'"
    assert rules.pop("frame-ancestors") == "'none'"
    assert set(rules.values()) == {"'self'"}


async def test_the_strip_says_what_runs_what_is_stopped_and_that_nobody_can_tell(house: House) -> None:
    """Silence of the services is STATE UNKNOWN and never good; who stopped it is told to people with an account."""
    token = {"Authorization": f"Bearer {house.tokens['Kim Auditor']}"}
    assert "No guidance runs." in (await page(house, "/", **token)).text
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    assert "STATE UNKNOWN: no service has asked what may speak yet" in (await page(house, "/", **token)).text
    await house.as_("cds").manifests()
    assert "All guidance running: 1." in (await page(house, "/", **token)).text
    house.clock.pass_time(seconds=89)
    assert "All guidance running: 1." in (await page(house, "/", **token)).text
    house.clock.pass_time(seconds=6)
    assert "STATE UNKNOWN: no service has asked what may speak for 95 s" in (await page(house, "/", **token)).text
    await house.as_("Ida Safety").suspend("small", reason="drill")
    assert "1 guidance stopped: small by Ida Safety, 22 Nov 14:03 UTC." in (await page(house, "/", **token)).text
    stranger = await page(house, f"/releases/{proposed.release}/page")
    assert "1 guidance stopped: small, 22 Nov 14:03 UTC." in stranger.text
    assert "Pages" not in [attributes.get("aria-label") for tag, attributes in stranger.tags if tag == "nav"]


async def test_a_refusal_is_a_page_for_a_browser_and_a_problem_for_a_program(house: House) -> None:
    """What failed, what is still safe and what to do; the status is the same."""
    path = f"/releases/{samples.RELEASE}/page"
    program = await house.http.get(path)
    assert (program.status_code, program.headers["content-type"]) == (404, "application/problem+json")
    browser = await house.http.get(path, headers={"Accept": "text/html,*/*"})
    assert (browser.status_code, browser.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert browser.headers["content-security-policy"] == CSP
    assert "No such release here." in browser.text
    assert "What to do:" in browser.text


async def test_words_from_an_address_cannot_become_markup(house: House) -> None:
    """An error repeats what was asked for only as text."""
    answer = await house.http.get("/releases/%3Cscript%3Ealert(1)%3C/page", headers={"Accept": "text/html"})
    assert "<script>alert" not in answer.text


def schemes() -> list[dict[str, str]]:
    """The colours of the style sheet, light and dark."""
    found = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", one)) for one in found]


def test_every_pair_of_colours_can_be_read() -> None:
    """Text 4.5 to 1 on its ground, borders and marks 3 to 1 on the page and on a panel, light and dark."""
    light, dark = schemes()
    assert light.keys() == dark.keys()
    for colours in (light, dark):
        texts = [(text, ground) for text in ("ink", "muted", "link", "stop", "warn") for ground in ("page", "panel")]
        texts += [(text, f"{text}-tint") for text in ("stop", "warn", "meets", "unsure")]
        texts += [("on-link", "link"), ("on-stop", "stop"), ("meets", "page")]
        texts += [("ink", "meets-tint"), ("ink", "stop-tint"), ("ink", "warn-tint"), ("link", "warn-tint")]
        for text, ground in texts:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for mark in ("border", "s1", "s2", "s3", "s4"):
            for ground in ("page", "panel"):
                assert contrast(colours[mark], colours[ground]) >= 3.0, (mark, ground)
    assert contrast("#1a2129", "#ffd400") >= 4.5  # what has the focus


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 defines it."""

    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


async def test_strangers_are_not_told_the_release(house: House) -> None:
    """Whoever looks for a known fault learns nothing from a page or a header; who signed in reads it in the footer."""
    proposed = await house.propose()
    token = {"Authorization": f"Bearer {house.tokens['Kim Auditor']}"}
    shown = f"Knowdo {version('knowdo')}"
    assert shown in (await page(house, "/", **token)).text
    for path in (
        "/sign-in",
        f"/releases/{proposed.release}/page",
        "/none",
        "/keys",
        "/healthz",
        "/readyz",
        "/proposals",
    ):
        answer = await house.http.get(path, headers={"Accept": "text/html,*/*"})
        assert shown not in answer.text
        assert version("knowdo") not in str(answer.headers)
        assert not re.search(r"(?i)(uvicorn|starlette|fastapi|python)/?\d", f"{answer.headers}{answer.text}")
