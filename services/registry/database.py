"""The registry's database: opened, and brought to this version, once, however many processes start together."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from services.plumbing.database import open_database, writing
from services.plumbing.migrations import Migrations, upgrade
from services.registry.memory import ledger
from services.registry.settings import RegistrySettings

MIGRATIONS: Final = Migrations(
    scripts=Path(__file__).parent / "migrations",
    head="0004",
    first_table="people",
    lock=0x6B6E6F77646F02,
    before="0001",
)


def open_tables(settings: RegistrySettings) -> Engine:
    """The database of these settings, at this version. Unavailable if it is newer, or older than migrations reach."""
    engine = open_database(settings.database)
    make_tables(engine)
    return engine


def make_tables(engine: Engine) -> tuple[str, str]:
    """Bring a database to this version, and begin its ledger; the revision before and after."""
    before_and_after = upgrade(engine, MIGRATIONS)
    with writing(engine) as connection:
        ledger.begin(connection)
    return before_and_after
