"""Fixtures for every room: where the shared test data stands, and which async backend runs."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data beside the project; a test that needs it is skipped, with the reason, without it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the shared test data at {SHARED}, which is not there")
    return SHARED


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as uvicorn does."""
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole loops first: each takes a minute or more, and begun last one worker would run it while the others stand idle."""
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)
