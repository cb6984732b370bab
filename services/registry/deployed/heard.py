"""When each service last asked what may speak: without that, nobody knows what is on, and every page says so.

A CDS asks again at least every half minute, so longer silence means that it is down or cut off. One row for each
service, whatever the number of its questions.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, Connection, String, Table, insert, select, update

from services.guidance.lifecycle import Person
from services.registry.memory import ledger
from services.registry.tables import TABLES, instant_of, instant_text

heard: Final = Table(
    "heard",
    TABLES,
    Column("service", String(200), primary_key=True),
    Column("at", String(32), nullable=False),
)
OFTEN_ENOUGH: Final = timedelta(seconds=10)  # a question within that time of the last one is not written down again


def is_due(connection: Connection, by: Person, now: datetime) -> bool:
    """Whether this question is worth a write: it comes from a service, and the last one was a while ago."""
    if not by.is_service:
        return False
    last = connection.execute(select(heard.c.at).where(heard.c.service == by.name)).scalar()
    return last is None or abs(now - instant_of(last)) >= OFTEN_ENOUGH


def note(connection: Connection, by: Person, now: datetime) -> None:
    """Keep that this service asked now."""
    # In line with other writers: two workers of one service that ask for the first time must not both insert.
    ledger.wait_in_line(connection)
    at = instant_text(now)
    if connection.execute(update(heard).where(heard.c.service == by.name).values(at=at)).rowcount == 0:
        connection.execute(insert(heard).values(service=by.name, at=at))


def last_heard(connection: Connection) -> datetime | None:
    """When any service asked last; None if none ever did."""
    at = connection.execute(select(heard.c.at).order_by(heard.c.at.desc()).limit(1)).scalar()
    return None if at is None else instant_of(at)
