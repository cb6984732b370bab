"""A real PostgreSQL for tests: the one named by KNOWDO_TEST_POSTGRES_URL, else one started here, else a skip with the reason."""

from __future__ import annotations

import atexit
import functools
import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import create_engine, make_url, text

VARIABLE = "KNOWDO_TEST_POSTGRES_URL"


def fresh_database(*, lasting: bool = False) -> Iterator[str]:
    """The URL of a new, empty database; dropped afterwards. Write a fixture that yields from it."""
    server = make_url(running_server(lasting=lasting)).set(drivername="postgresql+psycopg")
    name = f"knowdo_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


@contextmanager
def lasting_database() -> Iterator[str]:
    """A database of a server whose commits reach the disk: for measuring."""
    yield from fresh_database(lasting=True)


@functools.cache
def running_server(*, lasting: bool = False) -> str:
    """The URL of a server; started at most once in a test run and stopped at its end."""
    if given := os.environ.get(VARIABLE):
        return given
    server = Server(lasting=lasting)
    server.start()
    atexit.register(server.remove)
    return server.url


class Server:
    """A PostgreSQL of our own that can be stopped and started; skips, with the reason, where there is none to start."""

    def __init__(self, *, lasting: bool) -> None:
        programs, account = _programs(), _account()
        if programs is None:
            pytest.skip(f"needs PostgreSQL: set {VARIABLE}, or install the package `postgresql`")
        if account is None:
            pytest.skip("PostgreSQL does not run as root, and there is no account `postgres` to run it as")
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="knowdo-postgres-"))
        shutil.chown(self._folder, account)
        self._run = functools.partial(subprocess.run, capture_output=True, user=account, cwd=self._folder)
        # A socket in a folder of its own: no port to collide on. Durability is not what most tests ask of it.
        self._options = (
            f"-k {self._folder} -c listen_addresses='' -c fsync={'on' if lasting else 'off'} -c max_connections=50"
        )
        self.url = f"postgresql://knowdo@/postgres?host={self._folder}"
        words = ["-D", self._data, "-U", "knowdo", "-A", "trust", "-E", "UTF8", "--no-sync"]
        self._run([programs / "initdb", *words], check=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """It answers when this returns."""
        self._control("-o", self._options, "-l", self._folder / "log", "-w", "start", check=True)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """It has gone when this returns; every connection was cut."""
        self._control("-m", mode, "-w", "stop", check=True)

    def remove(self) -> None:
        """Stop it, if it runs, and leave nothing."""
        self._control("-m", "immediate", "stop", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _control(self, *words: str | Path, check: bool) -> None:
        self._run([self._programs / "pg_ctl", "-D", self._data, *words], check=check)


@contextmanager
def private_server() -> Iterator[Server]:
    """A running server that nobody else uses: for taking it away."""
    server = Server(lasting=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _programs() -> Path | None:
    """Where initdb and pg_ctl are: on the path, or where Debian keeps them."""
    places = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


def _account() -> str | None:
    if os.geteuid() != 0:
        return getpass.getuser()
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None
