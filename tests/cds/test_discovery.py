"""Discovery: what it says of a service, and that a client need not read it twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cds.discovery import FHIR, GUIDANCE
from services.cds.settings import CdsSettings
from services.guidance.hooks import HOOKS
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import MODEL, tea_bundle

pytestmark = pytest.mark.anyio


async def test_discovery_has_a_tag_and_an_unchanged_one_is_not_sent_again(cds: Running) -> None:
    """304 without a body to whoever names the tag, among others and weakly too; 200 to all others."""
    first = await cds.http.get("/cds-services")
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    for asked in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await cds.http.get("/cds-services", headers={"If-None-Match": asked})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert (await cds.http.head("/cds-services", headers={"If-None-Match": asked})).status_code == 304
    for asked in ("", '"other"', tag.strip('"'), tag[:-2] + '"'):
        assert (await cds.http.get("/cds-services", headers={"If-None-Match": asked})).status_code == 200


async def test_the_tag_changes_with_what_is_deployed_and_not_with_a_lease(cds: Running) -> None:
    """A new release is another answer; a renewed lease is none."""

    async def tag() -> str:
        found: str = (await cds.http.get("/cds-services")).headers["etag"]
        return found

    first = await tag()
    cds.registry.deploy(tea_bundle())
    await cds.heard()
    assert await tag() == first
    cds.registry.deploy(tea_bundle(**MODEL | {"intercept": -2.4}))
    await cds.heard()
    second = await tag()
    assert second != first
    cds.registry.sign(guidance="tea-time", release=None, stage="retired")
    await cds.heard()
    assert await tag() not in {first, second}


async def test_two_workers_with_the_same_guidance_have_the_same_tag(
    settings: CdsSettings, registry: FakeRegistry, tmp_path: Path
) -> None:
    """Whichever worker answers, a client keeps what it has."""
    tags = set()
    for number in range(2):
        other = settings.model_copy(update={"var": tmp_path / str(number)})
        async with run(other, registry, client=registry.client()) as cds:
            tags.add((await cds.http.get("/cds-services")).headers["etag"])
    assert len(tags) == 1


async def test_every_field_of_a_service_is_there_and_none_is_empty(cds: Running) -> None:
    """`version` of CDS Hooks, `hookVersion` of the hook's definition, and the facts that are typed in by hand."""
    services = (await cds.http.get("/cds-services")).json()["services"]
    for entry in services:
        assert entry.keys() == {
            "hook", "id", "title", "description", "version", "hookVersion", "usageRequirements", "prefetch", "extension",
        }  # fmt: skip
        assert (entry["version"], entry["hookVersion"]) == ("2.0.0", "1.0")
        assert entry["extension"][FHIR] == ["4.0.1"]
        told = entry["extension"][GUIDANCE]
        assert told["endpoint"] == f"{URL}/cds-services/tea-time"
        assert told["topic"] == {"system": "urn:knowdo:guidance", "code": "tea-time", "display": "Tea time"}
        assert (told["version"], told["release"], told["stage"]) == ("1.2.3", tea_bundle().digest, "general")
        assert set(told["required"]) <= set(entry["prefetch"])
        assert '""' not in str(entry)


def test_every_published_hook_has_its_version() -> None:
    """The ten current hooks, the one that is not yet in the index, and the deprecated pair."""
    versions = {name: hook.version for name, hook in HOOKS.items()}
    assert len(versions) == 13
    assert versions["order-dispatch"] == "1.1"
    assert {hook for hook, version in versions.items() if version == "0.1.0"} == {
        "problem-list-item-create", "allergyintolerance-create", "medication-refill", "medication-verify",
    }  # fmt: skip
