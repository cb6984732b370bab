"""The registry's database: opened, and brought to this version, once, however many processes start together."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from services.plumbing.database import open_database, reading, writing
from services.plumbing.logs import get_logger
from services.plumbing.migrations import Migrations, upgrade
from services.registry import sealed
from services.registry.memory import ledger
from services.registry.settings import RegistrySettings

_log = get_logger("registry")
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
    seal_secrets(engine, settings)
    return engine


def seal_secrets(engine: Engine, settings: RegistrySettings) -> int:
    """Seal what stands in clear or under a former key; how many no key opens, which is logged and left as it is.

    Unavailable if something is sealed already and no keys are named or kept here.
    """
    with reading(engine) as connection:
        is_begun = sealed.any_sealed(connection)
    sealer = sealed.open_sealer(settings, may_make=not is_begun)
    with reading(engine) as connection:
        if not sealed.to_seal(connection, sealer):
            return 0
    with writing(engine) as connection:
        found = sealed.seal_kept(connection, sealer)
    if found.unreadable:
        said = "secrets in the database are sealed by keys that are not here: passwords, second factors or webhooks"
        remedy = "Give the registry its former KNOWDO_REGISTRY_SEALING_KEYS; if they are lost, set these anew"
        _log.error("sealed secrets", message=said, count=found.unreadable, remedy=remedy)
    return found.unreadable


def make_tables(engine: Engine) -> tuple[str, str]:
    """Bring a database to this version, and begin its ledger; the revision before and after."""
    before_and_after = upgrade(engine, MIGRATIONS)
    with writing(engine) as connection:
        ledger.begin(connection)
    return before_and_after
