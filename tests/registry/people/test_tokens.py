"""A service on the same machine keeps its token in a file, and gets a new one only when it must."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.guidance.errors import NotAuthenticated, Unavailable
from services.plumbing.database import reading
from services.registry.people import persons
from services.registry.people.tokens import service_token, write_token
from tests.registry.conftest import NOW


def token(engine: Engine, path: Path, role: str = "cds") -> str:
    """The token of the service of that role."""
    return service_token(engine, name=f"the {role}", role=role, path=path, now=NOW)


def test_it_is_kept_and_used_again(engine: Engine, tmp_path: Path) -> None:
    """A restart changes nothing; only the owner can read the file."""
    path = tmp_path / "secrets" / "cds.token"
    first = token(engine, path)
    assert token(engine, path) == first
    assert path.read_text().strip() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with reading(engine) as connection:
        found = persons.who_is(connection, first)
    assert found.is_service
    assert found.roles == {"cds"}


def test_a_lost_or_foreign_token_is_replaced(engine: Engine, tmp_path: Path) -> None:
    """An empty file, another's token or another service's: the service gets its own, and the old one ends."""
    path = tmp_path / "cds.token"
    first = token(engine, path)
    for content in ("", "knowdo_nobody", token(engine, tmp_path / "learner.token", "learner")):
        path.write_text(content)
        second = token(engine, path)
        assert second not in (first, content)
    with reading(engine) as connection, pytest.raises(NotAuthenticated):
        persons.who_is(connection, first)


def test_an_open_file_is_closed_to_others(tmp_path: Path) -> None:
    """A file that was there with wider rights is narrowed."""
    path = tmp_path / "token"
    path.write_text("")
    path.chmod(0o644)
    write_token(path, "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_said_and_adds_nobody(engine: Engine, tmp_path: Path) -> None:
    """The service is not added with a token that nobody has."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="token"):
        token(engine, tmp_path / "file" / "cds.token")
    with reading(engine) as connection:
        assert persons.everyone(connection) == {}
