"""Which columns are sealed, and sealing them: what stands there in clear, or under a former key, is sealed at the next start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Connection, Table, select, update

from services.guidance.errors import Unavailable
from services.plumbing.sealing import Sealer, is_sealed
from services.registry.notices.tables import notice_choices
from services.registry.people.tables import accounts, second_factors
from services.registry.settings import RegistrySettings

PASSWORD: Final = "password"  # noqa: S105 - names a column
WEBHOOK: Final = "webhook"
FACTOR: Final = "second factor"
_COLUMNS: Final[tuple[tuple[str, Table, Column[str]], ...]] = (
    (PASSWORD, accounts, accounts.c.password),
    (FACTOR, second_factors, second_factors.c.secret),
    (WEBHOOK, notice_choices, notice_choices.c.secret),
)
"""Each is of one person, whose key is the row's primary key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How many were sealed now, and how many no key opens."""

    sealed: int
    unreadable: int


def about(kind: str, person: str) -> str:
    """What a sealed text is bound to; `person` is a `person_key`."""
    return f"{kind}\n{person}"


def open_sealer(settings: RegistrySettings, *, may_make: bool = True) -> Sealer:
    """The keys of these settings: given, or in a file of the registry's own, which is made if it may be; else Unavailable."""
    if settings.sealing_keys is not None:
        return Sealer.of(settings.sealing_keys.get_secret_value(), place="KNOWDO_REGISTRY_SEALING_KEYS")
    path = settings.folder / "sealing-keys"
    if not may_make and not path.exists():
        # A new key beside the one that another process seals with would leave each unable to read the other's.
        raise Unavailable(
            "secrets in the database are sealed by keys that are not here",
            place=str(path),
            remedy="Give their keys back, there or in KNOWDO_REGISTRY_SEALING_KEYS_FILE; if they are lost, name new ones "
            "there and set the passwords, second factors and webhooks anew",
        )
    return Sealer.load_or_create(path)


def any_sealed(connection: Connection) -> bool:
    """Whether anything is sealed already."""
    return any(is_sealed(kept) for _, _, _, kept in _kept(connection))


def to_seal(connection: Connection, sealer: Sealer) -> bool:
    """Whether anything stands in clear or under a former key."""
    return any(kept and not sealer.is_current(kept) for _, _, _, kept in _kept(connection))


def seal_kept(connection: Connection, sealer: Sealer) -> Found:
    """Seal what stands in clear or under a former key; what no key opens is left as it is, and counted."""
    sealed = unreadable = 0
    for kind, column, person, kept in _kept(connection):
        if not kept or sealer.is_current(kept):
            continue
        bound = about(kind, person)
        try:
            plain = sealer.open(kept, about=bound) if is_sealed(kept) else kept
        except Unavailable:
            unreadable += 1
            continue
        # Unless somebody has just chosen another.
        same = column.table.c.person == person, column == kept
        values = {column.name: sealer.seal(plain, about=bound)}
        sealed += connection.execute(update(column.table).where(*same).values(values)).rowcount
    return Found(sealed=sealed, unreadable=unreadable)


def _kept(connection: Connection) -> list[tuple[str, Column[str], str, str]]:
    return [
        (kind, column, row.person, row[1])
        for kind, table, column in _COLUMNS
        for row in connection.execute(select(table.c.person, column).order_by(table.c.person))
    ]
