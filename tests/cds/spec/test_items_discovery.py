"""Items 6 to 11: discovery."""

from __future__ import annotations

import re

import pytest

from services.cds.conformance.json_rules import extensions
from services.cds.settings import CdsSettings
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.spec.calls import DISCOVERY, full, services
from tests.cds.tea import hook_request

pytestmark = pytest.mark.anyio


async def test_item_06_discovery_is_at_cds_services(cds: Running) -> None:
    """200 with an object there, and nowhere else; a slash at the end is forgiven."""
    said = await cds.http.get(DISCOVERY)
    assert said.status_code == 200
    assert isinstance(said.json(), dict)
    assert (await cds.http.get(f"{DISCOVERY}/")).status_code == 200
    assert (await cds.http.get("/cds-service")).status_code == 404


async def test_item_06_head_is_answered_like_get(cds: Running) -> None:
    """HEAD on discovery is 200 without a body."""
    said = await cds.http.head(DISCOVERY)
    assert (said.status_code, said.content) == (200, b"")


async def test_item_06_discovery_that_has_not_changed_is_304(cds: Running) -> None:
    """Discovery has an ETag, and the same one is answered with 304."""
    tag = (await cds.http.get(DISCOVERY)).headers.get("etag")
    assert tag
    assert (await cds.http.get(DISCOVERY, headers={"If-None-Match": tag})).status_code == 304


async def test_item_07_services_is_a_list_even_when_empty(settings: CdsSettings) -> None:
    """Nothing deployed: 200 with an empty array."""
    empty = FakeRegistry()
    async with run(settings, empty, keys=empty.keys()) as cds:
        said = await cds.http.get(DISCOVERY)
    assert (said.status_code, said.json()) == (200, {"services": []})


async def test_item_08_each_service_says_what_it_is(cds: Running) -> None:
    """`hook`, `id`, `description`, `title`, `prefetch` of texts, `version` as semver, the hook's own `hookVersion`."""
    for entry in await services(cds):
        assert all(entry[name].strip() for name in ("hook", "id", "description", "title", "usageRequirements"))
        assert all(isinstance(template, str) for template in entry["prefetch"].values())
        assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
        assert entry["hookVersion"] == "1.0"


async def test_item_09_one_id_stands_for_several_hooks(cds: Running) -> None:
    """Both hooks of one id are listed, and both are answered."""
    pairs = [(entry["id"], entry["hook"]) for entry in await services(cds)]
    assert pairs == [("tea-time", "patient-view"), ("tea-time", "encounter-discharge")]
    for number, (_, hook) in enumerate(pairs):
        said = await cds.call(hook_request(await full(cds, f"p{number}"), hook=hook, of=f"p{number}"))
        assert len(said.json()["cards"]) == 1


async def test_item_10_extensions_of_discovery_are_objects(cds: Running) -> None:
    """No `extension` in discovery is anything but an object."""
    assert list(extensions({"services": await services(cds)}, "")) == []


async def test_item_11_discovery_takes_a_token_for_its_own_url(cds: Running) -> None:
    """A JWT whose audience is the discovery URL is taken; discovery holds no patient data and is open without one."""
    token = f"Bearer {cds.ehr.token(URL + DISCOVERY)}"
    assert (await cds.http.get(DISCOVERY, headers={"Authorization": token})).status_code == 200
    assert (await cds.http.get(DISCOVERY)).status_code == 200
