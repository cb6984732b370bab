"""Which CDS workers there are, and which of them have confirmed what was decided last.

A worker counts until the last lease that it may hold is over, or until it says goodbye: one that fell silent may still
show cards, and is told of by name until it surely cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from services.guidance.errors import NotFound
from services.guidance.lifecycle import RUNNING, Person
from services.guidance.manifest import LONGEST_LEASE, lease_of
from services.plumbing.database import insert_once
from services.registry.decisions import proposals
from services.registry.deployed import leases
from services.registry.deployed.deployments import Deployment
from services.registry.deployed.tables import workers
from services.registry.tables import acknowledgements, instant_of, instant_text, people

OFTEN_ENOUGH: Final = timedelta(
    seconds=10
)  # a nameless question within that time of the last is not written down again


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker, and whether it has confirmed how a guidance stands."""

    reporter: str
    worker: str
    heard_at: datetime
    may_speak_until: datetime
    """When the last lease that it may hold ends, unless it is heard again."""
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """How a guidance stands since when, and which workers have said that they stand so too."""

    guidance: str
    changed_at: datetime
    ledger: int
    """The entry that tells of the last change."""
    runs: bool
    workers: tuple[Worker, ...]

    @property
    def missing(self) -> tuple[Worker, ...]:
        """Who has not confirmed."""
        return tuple(one for one in self.workers if one.confirmed_at is None)

    @property
    def is_complete(self) -> bool:
        """Whether all have."""
        return not self.missing


def heard(connection: Connection, worker: str, *, wait: float, by: Person, now: datetime) -> None:
    """Note that a worker asks for manifests now, and may be answered within `wait` seconds.

    A service that gives no worker's name is noted under the empty one, and seldom: it confirms nothing.
    """
    if not is_due(connection, worker, by=by, now=now):
        return
    key = {"reporter": by.name, "worker": worker}
    facts = {"heard_at": instant_text(now), "answered_by": instant_text(now + timedelta(seconds=wait))}
    if not insert_once(connection, workers, key | facts):
        connection.execute(update(workers).where(*(workers.c[name] == key[name] for name in key)).values(facts))


def is_due(connection: Connection, worker: str, *, by: Person, now: datetime) -> bool:
    """Whether this question is worth a write: a worker's always is, a nameless service's if its last was a while ago."""
    if worker or not by.is_service:
        return bool(worker)
    asked = select(workers.c.heard_at).where(workers.c.reporter == by.name, workers.c.worker == "")
    last = connection.execute(asked).scalar()
    return last is None or abs(now - instant_of(last)) >= OFTEN_ENOUGH


def last_heard(connection: Connection) -> datetime | None:
    """When any service asked last; None if none is known. What persons asked for does not count."""
    services = select(people.c.name).where(people.c.is_service)
    at = connection.execute(select(func.max(workers.c.heard_at)).where(workers.c.reporter.in_(services))).scalar()
    return None if at is None else instant_of(at)


def gone(connection: Connection, worker: str, *, by: Person) -> None:
    """A worker has ended: it holds no lease, and what it confirmed says nothing of anybody any more."""
    _forget(connection, worker, by.name)
    connection.execute(
        delete(acknowledgements).where(acknowledgements.c.reporter == by.name, acknowledgements.c.worker == worker)
    )


def confirmation(
    connection: Connection, guidance: str, *, now: datetime, longest: timedelta = LONGEST_LEASE
) -> Confirmation:
    """Who has confirmed the last change of a guidance; NotFound if there is none of that name."""
    held = [one for one in leases.current(connection, now=now) if one.guidance == guidance]
    if not held:
        if not proposals.every(connection, guidance=guidance):
            raise NotFound("no guidance has that name", place=guidance[:80], remedy="See `knowdo registry list`")
        return Confirmation(guidance=guidance, changed_at=now, ledger=0, runs=False, workers=())
    last = max(held, key=lambda one: one.changed_in)
    lease = max(lease_of(one.risk_tier, longest) for one in held)
    rows = connection.execute(
        select(workers)
        .where(workers.c.worker != "", workers.c.answered_by >= instant_text(now - lease))
        .order_by(workers.c.reporter, workers.c.worker)
    )
    said = _said(connection, guidance)
    return Confirmation(
        guidance=guidance,
        changed_at=instant_of(last.changed_at),
        ledger=last.changed_in,
        runs=any(one.stage in RUNNING for one in held),
        workers=tuple(
            Worker(
                reporter=row.reporter,
                worker=row.worker,
                heard_at=instant_of(row.heard_at),
                may_speak_until=instant_of(row.answered_by) + lease,
                confirmed_at=_confirmed(said.get((row.reporter, row.worker), {}), held),
            )
            for row in rows
        ),
    )


_Said = dict[str, tuple[str, int, str]]
"""Deployment → stage, entry of the ledger, and when we received it."""


def _said(connection: Connection, guidance: str) -> dict[tuple[str, str], _Said]:
    found: dict[tuple[str, str], _Said] = {}
    for row in connection.execute(select(acknowledgements).where(acknowledgements.c.guidance == guidance)):
        found.setdefault((row.reporter, row.worker), {})[row.deployment] = (
            row.stage,
            row.ledger_number,
            row.received_at,
        )
    return found


def _confirmed(said: _Said, held: list[Deployment]) -> datetime | None:
    """When the last word came that was missing; None while one is."""
    at = ""
    for one in held:
        stage, number, received_at = said.get(one.id, ("", -1, ""))
        if stage != one.stage or number < one.changed_in:
            return None
        at = max(at, received_at)
    return instant_of(at)


def _forget(connection: Connection, worker: str, reporter: str) -> None:
    connection.execute(delete(workers).where(workers.c.reporter == reporter, workers.c.worker == worker))
