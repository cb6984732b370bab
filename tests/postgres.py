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
    programs = _programs()
    if programs is None:
        pytest.skip(f"needs PostgreSQL: set {VARIABLE}, or install the package `postgresql`")
    account = _account()
    if account is None:
        pytest.skip("PostgreSQL does not run as root, and there is no account `postgres` to run it as")
    folder = Path(tempfile.mkdtemp(prefix="knowdo-postgres-"))
    shutil.chown(folder, account)
    run = functools.partial(subprocess.run, check=True, capture_output=True, user=account, cwd=folder)
    run([programs / "initdb", "-D", folder / "data", "-U", "knowdo", "-A", "trust", "-E", "UTF8", "--no-sync"])
    # A socket in a folder of its own: no port to collide on. Durability is not what these tests ask of it.
    options = f"-k {folder} -c listen_addresses='' -c fsync={'on' if lasting else 'off'} -c max_connections=50"
    run([programs / "pg_ctl", "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start"])
    atexit.register(_stop, programs, folder, account)
    return f"postgresql://knowdo@/postgres?host={folder}"


def _stop(programs: Path, folder: Path, account: str) -> None:
    subprocess.run(
        [programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"],
        check=False, capture_output=True, user=account, cwd=folder,
    )  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)


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
