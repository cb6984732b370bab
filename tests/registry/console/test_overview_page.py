"""The overview: only for people who may read, and it says what waits."""

from __future__ import annotations

import base64

import pytest

from tests.registry.conftest import House
from tests.registry.console.pages import page

pytestmark = pytest.mark.anyio


async def test_the_overview_asks_who_is_there(house: House) -> None:
    """A browser is asked for a password, which is the token; a bearer token does as well; a service may not look."""
    stranger = await house.http.get("/")
    assert (stranger.status_code, stranger.headers["www-authenticate"][:5]) == (401, "Basic")
    wrong = await house.http.get("/", headers={"Authorization": "Basic " + base64.b64encode(b"ann:x").decode()})
    assert wrong.status_code == 401
    broken = await house.http.get("/", headers={"Authorization": "Basic ???"})
    assert broken.status_code == 401
    basic = base64.b64encode(f"ann:{house.tokens['Ann Clinical']}".encode()).decode()
    assert "No guidance yet" in (await page(house, "/", Authorization=f"Basic {basic}")).text
    assert await page(house, "/", Authorization=f"Bearer {house.tokens['Ann Clinical']}")
    assert (await house.http.get("/", headers={"Authorization": f"Bearer {house.tokens['cds']}"})).status_code == 403


async def test_the_overview_shows_what_waits(house: House) -> None:
    """Stage as word and shape, who has voted, who is missing, the lease, and how to stop it."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    assert (
        "no service has asked yet"
        in (await page(house, "/", Authorization=f"Bearer {house.tokens['Ann Clinical']}")).text
    )
    await house.as_("cds").manifests()
    await house.agree(proposed, "pilot", but=("Dan Privacy",))
    text = (await page(house, "/", Authorization=f"Bearer {house.tokens['Ann Clinical']}")).text
    assert "◐ silent" in text
    assert "pilot: clinical-reviewer, data-science-reviewer, equity-reviewer" in text
    assert "privacy-security" in text
    assert "240 min" in text
    assert "knowdo registry stop small" in text
