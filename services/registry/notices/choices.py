"""What a person wants to be told, and where. Nobody chooses for another, and without an address nobody is told anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from services.guidance.errors import NotPermitted
from services.guidance.lifecycle import Person, person_key
from services.plumbing import webhooks
from services.plumbing.sealing import Sealer
from services.registry.notices import security
from services.registry.notices.kinds import KINDS, SECURITY
from services.registry.notices.tables import notice_choices, notices
from services.registry.sealed import WEBHOOK, about
from services.registry.tables import instant_text
from services.timeline.errors import BadInput

_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What the operator set up: whether there is a mail server, and the hosts of webhooks."""

    mail: bool = False
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one person chose; empty: nothing."""

    email: str = ""
    webhook: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """The ways by which they are told."""
        return tuple(name for name, at in (("email", self.email), ("webhook", self.webhook)) if at)


def of(connection: Connection, person: Person) -> Choice:
    """What this person chose."""
    row = connection.execute(select(notice_choices).where(notice_choices.c.person == person_key(person.name))).first()
    return Choice() if row is None else Choice(email=row.email, webhook=row.webhook, kinds=tuple(row.kinds))


def choose(connection: Connection, person: Person, choice: Choice, *, ways: Ways, now: datetime, sealer: Sealer) -> str:
    """Keep a choice instead of the one before; answers the secret of a new webhook, shown this once, else nothing."""
    if person.is_service:
        raise NotPermitted("a service gets no notices", place="notices", remedy="Choose with your own account")
    email, webhook, kinds = _checked(choice, ways)
    key, before = person_key(person.name), of(connection, person)
    # What was made for another address is not sent to this one.
    for channel, old, new in (("email", before.email, email), ("webhook", before.webhook, webhook)):
        if old != new:
            unsent = (notices.c.person == key, notices.c.channel == channel, notices.c.state == "waiting")
            connection.execute(delete(notices).where(*unsent, notices.c.kind != SECURITY))
            if old:
                security.leave_address(connection, person.name, old if channel == "email" else "", now)
    if not email and not webhook:
        connection.execute(delete(notice_choices).where(notice_choices.c.person == key))
        return ""
    secret = webhooks.new_secret() if webhook and webhook != before.webhook else ""
    values = {"email": email, "webhook": webhook, "kinds": list(kinds), "changed_at": instant_text(now)}
    if secret or not webhook:
        values["secret"] = sealer.seal(secret, about=about(WEBHOOK, key)) if secret else ""
    if before.channels:
        connection.execute(update(notice_choices).where(notice_choices.c.person == key).values(**values))
    else:
        connection.execute(insert(notice_choices).values(person=key, **values))
    return secret


def _checked(choice: Choice, ways: Ways) -> tuple[str, str, Sequence[str]]:
    email, webhook = choice.email.strip(), choice.webhook.strip()
    if email and not ways.mail:
        raise BadInput("no mail server is set up", place="email", remedy="Ask the administrator, or leave it empty")
    if email and (len(email) > 254 or not _EMAIL.fullmatch(email)):
        raise BadInput("no e-mail address", place="email", remedy="Write it as name@example.org")
    if webhook and (len(webhook) > 500 or not webhooks.checked_address(webhook, ways.hosts)):
        raise BadInput("longer than 500 characters", place="webhook", remedy="Give a shorter address")
    if strange := sorted({*choice.kinds} - {*KINDS}):
        raise BadInput(f"no such notice: {strange[0][:40]}", place="kinds", remedy=f"Choose from {', '.join(KINDS)}")
    return email, webhook, [one for one in KINDS if one in choice.kinds]
