"""Tokens in files: shown once, written once, readable by their owner only."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from services.guidance.errors import NotAuthenticated, Unavailable
from services.plumbing.database import reading, writing
from services.registry.people import persons


def service_token(engine: Engine, *, name: str, role: str, path: Path, now: datetime) -> str:
    """The token in `path` if it is still good for this service; else a new one, written there.

    For services that live in the same process or on the same machine as the registry.
    """
    kept = _read(path)
    if kept:
        try:
            with reading(engine) as connection:
                known = persons.who_is(connection, kept)
        except NotAuthenticated:
            known = None
        if known is not None and known.is_service and known.name == name and role in known.roles:
            return kept
    with writing(engine) as connection:
        if persons.find(connection, name) is None:
            added = persons.add_person(connection, name, [role], now=now, by="registry", is_service=True)
        else:
            added = persons.new_token(connection, name, now=now, by="registry")
        # Written before the commit: a token that is valid but lost would lock the service out until the next start.
        write_token(path, added.token)
    return added.token


def write_token(path: Path, token: str) -> None:
    """Write a token so that only its owner can read it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)  # the file may have been there, open to others
            file.write(token + "\n")
    except OSError as fault:
        raise Unavailable(
            f"the token cannot be written ({fault.strerror})", place=str(path), remedy="Let this user write there"
        ) from fault


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except OSError as fault:
        raise Unavailable(
            f"the token cannot be read ({fault.strerror})", place=str(path), remedy="Let this user read it"
        ) from fault
