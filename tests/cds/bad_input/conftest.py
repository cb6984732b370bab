"""One service for each file of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cds.bad_input.service import Hammered, hammered


@pytest.fixture(scope="module")
def cds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hammered]:
    """A service that may be sent anything."""
    with hammered(tmp_path_factory.mktemp("cds")) as service:
        yield service
