"""A trust list that changes under a running service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.cds.callers.client_auth import ClientAuth
from services.cds.callers.follow_trust_list import follow_trust_list
from services.cds.callers.trust_list import TrustList
from services.cds.settings import CdsSettings
from tests.cds.callers.tokens import EC, ISS, PATH, RSA, URL, jwks, token
from tests.cds.conftest import run
from tests.cds.fake_registry import FakeRegistry
from tests.cds.tea import hook_request

pytestmark = pytest.mark.anyio

ENTRY = {"iss": ISS, "jwks": jwks(EC)}


class Followed:
    """A list, and who is trusted by it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "trust.json"
        self.write([ENTRY])
        self.auth = ClientAuth(TrustList(self.path).read(), public_url=URL)

    def write(self, content: Any) -> None:
        """Replace the file in one step, as the command does; text as it is."""
        spare = self.path.with_suffix(".new")
        spare.write_text(content if isinstance(content, str) else json.dumps(content))
        spare.replace(self.path)

    async def trusts(self, *issuers: str) -> None:
        """Wait until these and no others are trusted."""
        async with asyncio.timeout(3):
            while set(self.auth.issuers) != set(issuers):  # noqa: ASYNC110 (a file tells nobody)
                await asyncio.sleep(0.005)


@pytest.fixture
async def followed(tmp_path: Path) -> AsyncIterator[Followed]:
    """A list that is followed quickly."""
    followed = Followed(tmp_path)
    task = asyncio.create_task(follow_trust_list(TrustList(followed.path), followed.auth, seconds=0.01))
    yield followed
    assert not task.done()
    task.cancel()


async def test_issuers_come_and_go(followed: Followed) -> None:
    """Without a restart."""
    followed.write([ENTRY, {"iss": "b", "jwks": jwks(RSA)}])
    await followed.trusts(ISS, "b")
    followed.write([{"iss": "b", "jwks": jwks(RSA)}])
    await followed.trusts("b")
    followed.write([])
    await followed.trusts()


@pytest.mark.parametrize("faulty", ["", "{", '[{"iss":"a"}]', json.dumps([ENTRY, {"iss": "b", "jku": ["http://b"]}])])
async def test_a_faulty_list_changes_nothing_and_is_not_said_at_every_look(followed: Followed, faulty: str) -> None:
    """Neither added nor removed; mended, it is taken up."""
    with structlog.testing.capture_logs() as lines:
        followed.write(faulty)
        await asyncio.sleep(0.15)
        assert set(followed.auth.issuers) == {ISS}
    said = [line for line in lines if line["log_level"] == "error"]
    assert {line["event"] for line in said} == {
        "the changed trust list is not taken up: who was trusted before stays trusted"
    }
    assert len(said) <= 2  # of some fifteen looks; twice if it changed between a look and the reading
    assert "trust.json" in said[0]["place"]
    followed.write([{"iss": "b", "jwks": jwks(RSA)}])
    await followed.trusts("b")


async def test_a_list_that_is_gone_changes_nothing(followed: Followed) -> None:
    """A mount that fails must not lock every client out."""
    followed.path.unlink()
    await asyncio.sleep(0.1)
    assert set(followed.auth.issuers) == {ISS}
    followed.write([])
    await followed.trusts()


async def test_a_key_file_that_changes_is_read_again(followed: Followed) -> None:
    """Rotation by hand."""
    file = followed.path.parent / "ehr.jwks"
    file.write_text(json.dumps(jwks(EC)))
    followed.write([{"iss": "b", "jwks_file": "ehr.jwks"}])
    await followed.trusts("b")
    assert followed.auth.issuers["b"].keys.ids == ("ec",)
    file.write_text(json.dumps(jwks(EC, RSA)))
    async with asyncio.timeout(3):
        while "rsa" not in followed.auth.issuers["b"].keys.ids:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_without_a_list_there_is_nothing_to_follow() -> None:
    """It ends at once."""
    await follow_trust_list(TrustList(None), ClientAuth([], public_url=URL))


async def test_a_running_service_takes_an_issuer_up(tmp_path: Path, registry: FakeRegistry) -> None:
    """From 401 to an answer in seconds, and back."""
    path = tmp_path / "trust.json"
    path.write_text("[]")
    settings = CdsSettings(var=tmp_path, demo=True, public_url=URL, trusted_issuers_file=path)

    async def answered() -> int:
        signed = {"Authorization": f"Bearer {token()}"}
        return (await cds.http.post(PATH, json=hook_request({}), headers=signed)).status_code

    async with run(settings, registry, client=registry.client()) as cds:
        assert await answered() == 401
        for content, status in (([ENTRY], 412), ([], 401)):
            path.write_text(json.dumps(content))
            async with asyncio.timeout(6):
                while await answered() != status:  # noqa: ASYNC110 (a file tells nobody)
                    await asyncio.sleep(0.1)
