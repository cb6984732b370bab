"""Trials: filed for a proposal, in force from the vote that read them; the registry draws each one's key.

What was filed later than the last vote to speak is only a plan: an arm that nobody voted for withholds nothing.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from services.guidance.trial import Trial, TrialPlan, with_seed
from services.registry.tables import instant_text, trials


def keep(connection: Connection, proposal: str, plan: TrialPlan, *, by: str, now: datetime) -> Trial:
    """Keep a plan with a new key. The same plan filed again is another trial: no arm carries over."""
    trial = with_seed(plan, secrets.token_hex(32))
    connection.execute(
        insert(trials).values(
            proposal=proposal,
            digest=trial.digest,
            trial=msgspec.to_builtins(trial),
            filed_by=by,
            filed_at=instant_text(now),
            in_force=False,
        )
    )
    return trial


def filed_last(connection: Connection, proposal: str) -> Trial | None:
    """The trial that the next vote to speak is about."""
    last = select(trials.c.trial).where(trials.c.proposal == proposal).order_by(trials.c.number.desc()).limit(1)
    row = connection.execute(last).first()
    return None if row is None else read_trial(row.trial)


def filed(connection: Connection, proposal: str) -> dict[str, Trial]:
    """Every trial that was filed for a proposal, by digest."""
    rows = connection.execute(select(trials.c.digest, trials.c.trial).where(trials.c.proposal == proposal))
    return {row.digest: read_trial(row.trial) for row in rows}


def in_force(connection: Connection, proposal: str) -> Trial | None:
    """The trial that runs, or will when it speaks again."""
    row = connection.execute(select(trials.c.trial).where(trials.c.proposal == proposal, trials.c.in_force)).first()
    return None if row is None else read_trial(row.trial)


def put_in_force(connection: Connection, proposal: str, *, speaks: bool) -> None:
    """At a step: the trial filed last, if it speaks from now on; else none."""
    connection.execute(update(trials).where(trials.c.proposal == proposal).values(in_force=False))
    if speaks and (trial := filed_last(connection, proposal)) is not None:
        connection.execute(update(trials).where(trials.c.digest == trial.digest).values(in_force=True))


def read_trial(content: dict[str, Any]) -> Trial:
    """A trial as it was kept."""
    return msgspec.convert(content, Trial)
