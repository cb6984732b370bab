"""What is known of Oracle Health (a draft page of 2021): patient-view alone, and links that must be registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cds.clients.profile import read_profiles
from services.cds.clients.sheet import sheet_of
from tests.cds.clients.ehr import card_of, thirsty, trusting
from tests.cds.conftest import URL
from tests.cds.tea import tea_bundle

pytestmark = pytest.mark.anyio
ORACLE = read_profiles().named("oracle")


async def test_it_gets_the_card_of_the_specification(tmp_path: Path) -> None:
    """Several buttons, the guidance's own topic, its links."""
    async with trusting("oracle", tmp_path, tea_bundle()) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
    assert made["source"]["topic"]["code"] == "tea-time"
    assert (len(made["suggestions"]), len(made["links"])) == (2, 1)


async def test_the_sheet_names_the_links_to_register_and_the_hooks_that_it_does_not_call(tmp_path: Path) -> None:
    """A link that is not registered is taken off there; the evidence page is one of them."""
    async with trusting("oracle", tmp_path, tea_bundle()) as cds:
        sheet = sheet_of(ORACLE, (await cds.http.get("/cds-services")).json(), base=URL)
    (service,) = sheet["services"]
    assert [(link["type"], link["register"]) for link in service["links"]] == [("absolute", True), ("absolute", True)]
    assert service["links"][0]["url"].endswith("/page")
    assert sheet["notReached"] == [{"id": "tea-time", "hook": "encounter-discharge"}]
    assert "2021" in sheet["source"]
