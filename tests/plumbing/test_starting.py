"""A service whose database is away says so in one line before it starts; one that is there, or a file, stops nobody."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from uvicorn.config import STARTUP_FAILURE

from services.plumbing.starting import database_or_end
from services.timeline.errors import BadInput
from tests.cds.serving import environment, knowdo
from tests.postgres import fresh_database


@pytest.fixture
def there() -> Iterator[str]:
    """A PostgreSQL database that answers."""
    yield from fresh_database()


def test_a_database_that_answers_stops_nobody(there: str) -> None:
    """The service goes on to start."""
    database_or_end(there, service="cds")


def test_a_file_is_not_asked_for(tmp_path: Path) -> None:
    """SQLite makes its own when it is written to."""
    database_or_end(f"sqlite:///{tmp_path}/none.sqlite", service="cds")
    assert not list(tmp_path.iterdir())


def test_one_that_is_away_ends_the_process_so_that_it_is_tried_again(tmp_path: Path) -> None:
    """With the status that a supervisor knows."""
    with pytest.raises(SystemExit) as ended:
        database_or_end(f"postgresql://knowdo@/x?host={tmp_path}", service="cds")
    assert ended.value.code == STARTUP_FAILURE


def test_a_url_that_cannot_be_used_is_the_fault_of_who_wrote_it() -> None:
    """Trying again would not help: it is not called a database that is away."""
    with pytest.raises(BadInput, match="no driver"):
        database_or_end("mysql://host/name", service="registry")


def test_the_registry_says_it_in_one_line(tmp_path: Path) -> None:
    """`knowdo registry serve`: what is away, where, and what to do; no password, no traceback."""
    away = environment(tmp_path, KNOWDO_REGISTRY_DATABASE_URL=f"postgresql://knowdo:secret@/x?host={tmp_path}")
    ended = subprocess.run(knowdo("registry", "serve"), env=away, capture_output=True, text=True, check=False)
    (said,) = (json.loads(line) for line in ended.stderr.splitlines())
    assert ended.returncode == STARTUP_FAILURE
    assert (said["service"], said["event"]) == ("registry", "not started")
    assert said["message"] == "the database does not answer (OperationalError)"
    assert said["remedy"].startswith("Check that it runs")
    assert "secret" not in ended.stderr
