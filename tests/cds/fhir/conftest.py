"""A service with readers, on either database, and decisions of every outcome in its log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from services.cds.settings import CdsSettings
from services.plumbing.database import open_database
from tests.cds.conftest import URL, Running, run
from tests.cds.fake_registry import FakeRegistry
from tests.postgres import fresh_database

AUDITOR = {"Authorization": "Bearer audit-me"}
LEARNER = {"Authorization": "Bearer export-me"}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A database of a real PostgreSQL."""
    yield from fresh_database()


@pytest.fixture(params=["sqlite", "postgresql"])
async def room(request: pytest.FixtureRequest, tmp_path: Path, registry: FakeRegistry) -> AsyncIterator[Running]:
    """A running service with an auditor and a learner."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
        engine = open_database(url)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    settings = CdsSettings(
        var=tmp_path, demo=True, public_url=URL, site="north", database_url=url,
        export_token="export-me", auditor_token="audit-me",
    )  # fmt: skip
    async with run(settings, registry, client=registry.client()) as running:
        yield running


async def asked(room: Running, path: str, **headers: str) -> httpx.Response:
    """A GET as the auditor, unless the headers say otherwise."""
    return await room.http.get(path, headers={**AUDITOR, **headers})
