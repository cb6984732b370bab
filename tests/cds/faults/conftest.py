"""Both databases, empty, for services that run with several workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cds.faults.world import sqlite_of
from tests.postgres import fresh_database


@pytest.fixture
def postgres() -> Iterator[str]:
    """A database of a real PostgreSQL."""
    yield from fresh_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return sqlite_of(tmp_path)
    url: str = request.getfixturevalue("postgres")
    return url
