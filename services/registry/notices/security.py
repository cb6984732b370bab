"""Changes of how a person signs in, as notices: told wherever theirs go, and an address that is left hears of it last.

Without that, who took an account over would first send its notices elsewhere, and the owner would hear of nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, update

from services.guidance.lifecycle import person_key
from services.registry.notices import outbox
from services.registry.notices.kinds import SECURITY, Notice
from services.registry.notices.tables import notices
from services.registry.people import security_events

TOLD_FOR: Final = timedelta(days=2)
PAGE: Final = "/account"


def notices_of(connection: Connection, name: str, now: datetime) -> list[Notice]:
    """What happened to this person in the last two days, the oldest first."""
    found = security_events.of(connection, name, since=now - TOLD_FOR)
    return [
        Notice(kind=SECURITY, about=f"security:{one.number}", said=_said(one, name), path=PAGE)
        for one in reversed(found)
        if one.happened not in security_events.UNTOLD
    ]


def leave_address(connection: Connection, name: str, former_mail: str, now: datetime) -> None:
    """Keep that an address was given up; let one of e-mail hear all that was not told there yet, and this too.

    A former webhook hears nothing: its secret is gone, so it could not tell the truth from a forgery.
    """
    security_events.note(connection, name, "notices elsewhere", by=name, now=now)
    if not former_mail:
        return
    key = person_key(name)
    waiting = (notices.c.person == key, notices.c.channel == "email", notices.c.state == "waiting")
    moved = update(notices).where(*waiting, notices.c.kind == SECURITY, notices.c.to == "")
    connection.execute(moved.values(to=former_mail))
    for one in notices_of(connection, name, now):
        outbox.keep(connection, key, "email", one, to=former_mail, now=now)


def _said(one: security_events.Event, name: str) -> str:
    # Who it was is named only if it was the person: other names were typed by somebody.
    who = ", by you" if one.by == name else ", by an administrator" if one.by else ""
    when = one.at[:16].replace("T", " ")
    return f"{one.said} at {when} UTC{who}. If you did not expect it, tell an administrator at once."
