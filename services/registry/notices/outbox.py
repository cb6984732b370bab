"""The outbox: a notice is kept before it is sent, and until it is delivered or given up, so that a crash loses none.

Delivery is at least once: whoever dies between sending and noting it sends it again, under the same id.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, func, select, update

from services.guidance.lifecycle import person_key
from services.plumbing.database import insert_once
from services.registry.notices.kinds import SECURITY, Notice
from services.registry.notices.tables import notice_choices, notices
from services.registry.tables import instant_text

if TYPE_CHECKING:
    from services.registry.notices.choices import Choice

LEASE: Final = timedelta(seconds=90)  # longer than any try takes: until then nobody else tries
WAITS: Final = tuple(timedelta(seconds=one) for one in (10, 60, 300, 1800, 7200, 21600, 43200, 86400))
"""From one try to the next; after the last it is given up, two days after the first."""
KEPT: Final = timedelta(days=90)
AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A notice that is being sent, and where to."""

    number: int
    id: str
    person: str
    channel: str
    to: str
    secret: str
    """Sealed."""
    kind: str
    said: str
    path: str
    made_at: str
    tries: int


def fill(connection: Connection, found: Mapping[str, tuple[Choice, Sequence[Notice]]], now: datetime) -> int:
    """Keep what is new, by `person_key`, and drop what waits no longer; how many are new."""
    made = 0
    for key, (choice, waiting) in found.items():
        wanted = {one.about: one for one in waiting if one.kind in choice.kinds or one.kind == SECURITY}
        unsent = select(notices.c.number, notices.c.about).where(
            notices.c.person == key, notices.c.state == "waiting", notices.c.to == ""
        )
        over = [row.number for row in connection.execute(unsent) if row.about not in wanted]
        connection.execute(delete(notices).where(notices.c.number.in_(over)))
        for channel in choice.channels:
            for one in wanted.values():
                made += keep(connection, key, channel, one, now=now)
        old = notices.c.made_at < instant_text(now - KEPT)
        still = notices.c.about.not_in(list(wanted))
        connection.execute(delete(notices).where(notices.c.person == key, notices.c.state != "waiting", old, still))
    return made


def keep(connection: Connection, key: str, channel: str, one: Notice, *, now: datetime, to: str = "") -> bool:
    """Keep one notice to be sent, unless it was made before; `to`: where, if not to the address chosen now."""
    at = instant_text(now)
    row = {
        "id": f"msg_{uuid.uuid4().hex}", "person": key, "channel": channel, "about": one.about, "kind": one.kind,
        "said": one.said, "path": one.path, "made_at": at, "state": "waiting", "tries": 0, "next_at": at, "fault": "",
        "to": to,
    }  # fmt: skip
    return insert_once(connection, notices, row)


def claim(connection: Connection, now: datetime) -> list[Claimed]:
    """Those that are due, each leased to the caller: whoever dies with one leaves it to be tried again."""
    due = (
        select(notices, notice_choices.c.email, notice_choices.c.webhook, notice_choices.c.secret)
        .outerjoin(notice_choices, notice_choices.c.person == notices.c.person)
        .where(notices.c.state == "waiting", notices.c.next_at <= instant_text(now))
        .order_by(notices.c.next_at, notices.c.number)
        .limit(AT_ONCE)
    )
    found = []
    for row in connection.execute(due).all():
        taken = connection.execute(
            update(notices)
            .where(notices.c.number == row.number, notices.c.state == "waiting", notices.c.next_at == row.next_at)
            .values(next_at=instant_text(now + LEASE), tries=row.tries + 1)
        )
        if taken.rowcount:
            found.append(
                Claimed(
                    number=row.number,
                    id=row.id,
                    person=row.person,
                    channel=row.channel,
                    to=row.to or (row.email if row.channel == "email" else row.webhook) or "",
                    secret=row.secret or "",
                    kind=row.kind,
                    said=row.said,
                    path=row.path,
                    made_at=row.made_at,
                    tries=row.tries + 1,
                )
            )
    return found


def sent(connection: Connection, number: int, now: datetime) -> None:
    """It was taken."""
    values = {"state": "sent", "sent_at": instant_text(now), "fault": ""}
    connection.execute(update(notices).where(notices.c.number == number).values(**values))


def not_sent(connection: Connection, one: Claimed, fault: str, *, final: bool, now: datetime) -> bool:
    """It was not: tried again later, or given up if it is final or was the last try; whether it was given up."""
    given_up = final or one.tries > len(WAITS)
    values: dict[str, Any] = {"fault": fault[:300], "state": "failed" if given_up else "waiting"}
    if not given_up:
        values["next_at"] = instant_text(now + WAITS[one.tries - 1])
    connection.execute(update(notices).where(notices.c.number == one.number).values(**values))
    return given_up


def of_person(connection: Connection, name: str, limit: int = 50) -> list[dict[str, Any]]:
    """The last notices to a person, with what became of each."""
    asked = select(notices).where(notices.c.person == person_key(name)).order_by(notices.c.number.desc()).limit(limit)
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "said": row.said,
            "channel": row.channel,
            "made_at": row.made_at,
            "state": row.state,
            "tries": row.tries,
            "fault": row.fault,
            "sent_at": row.sent_at or "",
        }
        for row in connection.execute(asked)
    ]


def undelivered(connection: Connection) -> int:
    """How many were given up, or are late by a failed try."""
    asked = select(func.count()).select_from(notices)
    return int(connection.execute(asked.where(notices.c.state != "sent", notices.c.fault != "")).scalar_one())
