"""Looks what waits for whom, keeps it in the outbox, and sends what is due: the only part that goes outside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec
from sqlalchemy import Connection, func, select

from services.guidance.errors import Refused, Unavailable
from services.guidance.lifecycle import person_key
from services.plumbing.logs import get_logger
from services.plumbing.mail import MailServer, send_mail
from services.plumbing.webhooks import checked_address, post_webhook
from services.registry.desk import Desk
from services.registry.memory import ledger
from services.registry.notices import choices, outbox, security
from services.registry.notices.choices import Ways
from services.registry.notices.kinds import SAID, SECURITY, Notice
from services.registry.notices.outbox import Claimed
from services.registry.notices.tables import notice_choices
from services.registry.notices.waiting import to_tell, waiting_for
from services.registry.people import persons
from services.registry.people.tables import security_events
from services.registry.sealed import WEBHOOK, about
from services.timeline.errors import BadInput, KnowdoError

EVERY: Final = 5.0  # seconds between two looks
AT_LEAST: Final = 600.0  # seconds; days pass without an entry in the ledger
_log = get_logger("notices")


@dataclass(slots=True, kw_only=True)
class Messenger:
    """Sends what is due. `mail`: the server, if there is one; `ways`: what people may choose from."""

    desk: Desk
    ways: Ways
    http: httpx.AsyncClient
    mail: MailServer | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    _seen: tuple[int, int, float] = (-1, -1, 0.0)

    async def keep_on(self) -> None:
        """Look again and again; a database that is away is said and waited for."""
        while True:
            try:
                await self.look()
            except KnowdoError as fault:
                _log.error("notices", message=fault.message, place=fault.place, remedy=fault.remedy)
            await asyncio.sleep(EVERY)

    async def look(self) -> int:
        """Keep what is new and send what is due; how many were sent."""
        await self._fill()
        count = 0
        for one in await self.desk.note(lambda connection: outbox.claim(connection, self.desk.now())):
            count += await self._send(one)
        self.facts["notices_undelivered"] = await self.desk.read(outbox.undelivered)
        return count

    async def _fill(self) -> None:
        def told(connection: Connection) -> tuple[int, int]:
            chosen = connection.execute(select(notice_choices.c.changed_at)).scalars().all()
            happened = connection.execute(select(func.max(security_events.c.number))).scalar()
            return ledger.head(connection).number, hash((happened, *sorted(chosen)))

        head, chosen = await self.desk.read(told)
        now = asyncio.get_running_loop().time()
        if (head, chosen) == self._seen[:2] and now - self._seen[2] < AT_LEAST:
            return
        found = await self.desk.read(self._found)  # what takes long is read without holding the pen
        if found:
            await self.desk.note(lambda connection: outbox.fill(connection, found, self.desk.now()))
        self._seen = (head, chosen, now)

    def _found(self, connection: Connection) -> dict[str, Any]:
        known = set(connection.execute(select(notice_choices.c.person)).scalars())
        people = [one for key, one in persons.everyone(connection).items() if key in known and one.is_active]
        if not people:
            return {}
        everything = to_tell(connection, self.desk.policy, self.desk.now())
        now = self.desk.now()

        def told(name: str, waiting: Iterable[Notice]) -> tuple[Notice, ...]:
            return (*waiting, *security.notices_of(connection, name, now))

        return {
            person_key(one.name): (choices.of(connection, one), told(one.name, waiting_for(one, everything)))
            for one in people
        }

    async def _send(self, one: Claimed) -> bool:
        try:
            await self._hand_over(one)
        except (Refused, BadInput, Unavailable) as fault:
            final = not isinstance(fault, Unavailable)
            said = f"{fault.message} ({fault.place})"
            over = await self.desk.note(
                lambda connection: outbox.not_sent(connection, one, said, final=final, now=self.desk.now())
            )
            _log.error(
                "notice not delivered", channel=one.channel, message=fault.message, place=fault.place,
                tries=one.tries, given_up=over,
            )  # fmt: skip
            return False
        await self.desk.note(lambda connection: outbox.sent(connection, one.number, self.desk.now()))
        return True

    async def _hand_over(self, one: Claimed) -> None:
        link = self.desk.issuer.rstrip("/") + one.path
        if one.channel == "email":
            if self.mail is None:
                raise Unavailable("no mail server is set up", place="KNOWDO_REGISTRY_SMTP_HOST")
            domain = self.mail.sender.rpartition("@")[2].rstrip(">")
            what = SAID[one.kind]  # type: ignore[index]  # kept kinds are known ones
            why = "You are told of this always" if one.kind == SECURITY else f"You chose to be told when {what}"
            text = f"{one.said}\n\n{link}\n\n{why}. Change where at {self.page}\n"
            await asyncio.to_thread(
                send_mail,
                self.mail,
                to=one.to,
                subject=f"Knowdo: {what}",
                text=text,
                message_id=f"<{one.id}@{domain}>",
            )
            return
        checked_address(one.to, self.ways.hosts)  # the operator may have taken a host away since
        data = {"kind": one.kind, "said": one.said, "link": link}
        body = msgspec.json.encode({"type": f"notice.{one.kind}", "timestamp": one.made_at, "data": data})
        timestamp = int(self.desk.now().timestamp())
        secret = self.desk.sealer.open(one.secret, about=about(WEBHOOK, one.person))
        await post_webhook(self.http, one.to, secret=secret, message_id=one.id, timestamp=timestamp, body=body)

    @property
    def page(self) -> str:
        """Where notices are chosen."""
        return self.desk.issuer.rstrip("/") + "/console/notices"
