"""What the decision log says of one guidance's cards in a span of time, in counts: no patient, no clinician by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, select

from services.cds.decisions.identity import MICROSECONDS_PER_DAY, first_id
from services.cds.decisions.override_reason import bounded_code, decoded
from services.cds.decisions.schema import decisions, feedback

DUE: Final = ("shown", "silent", "masked")
"""What would be on a screen if everyone were shown: the cards that a threshold decides about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCards:
    """Cards of one band and one risk (None: the rules spoke without one), and how many of them were accepted."""

    band: str
    risk: float | None
    cards: int
    accepted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One guidance in a span of time."""

    guidance: str
    statuses: Mapping[str, int]
    suppressed: Mapping[str, int]
    """By reason."""
    accepted: int
    """Cards, each once, however often feedback came; likewise the next two."""
    overridden: int
    reasons: Mapping[str, int]
    """Overridden cards by reason."""
    clinician_days: Mapping[int, int]
    """How many clinicians saw so many cards on one day (UTC)."""
    due: tuple[DueCards, ...]


def guidance_in(connection: Connection, *, since: int, until: int) -> list[str]:
    """Which guidance was asked in [since, until) (microseconds), by id."""
    return sorted(connection.scalars(select(decisions.c.guidance).where(_within(since, until)).distinct()))


def count(connection: Connection, guidance: str, *, since: int, until: int) -> Counted:
    """All counts of one guidance in [since, until)."""
    # A call is counted once: as what answered it decided, not as a silent release did beside it.
    here = and_(decisions.c.guidance == guidance, decisions.c.beside == "", _within(since, until))
    statuses = select(decisions.c.status, func.count()).where(here).group_by(decisions.c.status)
    because = decisions.c.suppressed_because
    silenced = select(because, func.count()).where(here, because != "").group_by(because)
    said = select(feedback.c.card_uuid, feedback.c.outcome, feedback.c.override_reason).select_from(
        decisions.join(feedback, feedback.c.card_uuid == decisions.c.decision)
    )
    answered = {
        (card, outcome, bounded_code(decoded(reason)) if outcome == "overridden" else "")
        for card, outcome, reason in connection.execute(said.where(here))
    }
    a_day = (
        select(func.count().label("cards"))
        .where(here, decisions.c.status == "shown", decisions.c.user != "")
        .group_by(decisions.c.user, decisions.c.at // MICROSECONDS_PER_DAY)
        .subquery()
    )
    days = select(a_day.c.cards, func.count()).group_by(a_day.c.cards)
    return Counted(
        guidance=guidance,
        statuses=_pairs(connection, statuses),
        suppressed=_pairs(connection, silenced),
        accepted=len({card for card, outcome, _ in answered if outcome == "accepted"}),
        overridden=len({card for card, outcome, _ in answered if outcome == "overridden"}),
        reasons=dict(Counter(reason for _, outcome, reason in answered if outcome == "overridden")),
        clinician_days=_pairs(connection, days),
        due=_due(connection, here),
    )


def _within(since: int, until: int) -> ColumnElement[bool]:
    """A span of time; the id begins with the time, so that only it is read."""
    row = decisions.c
    return and_(row.decision >= first_id(since), row.decision < first_id(until + 1000), row.at >= since, row.at < until)


def _pairs(connection: Connection, query: Select[Any]) -> dict[Any, int]:
    """What is counted, and how often."""
    return {what: int(number) for what, number in connection.execute(query)}


def _due(connection: Connection, here: ColumnElement[bool]) -> tuple[DueCards, ...]:
    accepted = exists().where(feedback.c.card_uuid == decisions.c.decision, feedback.c.outcome == "accepted")
    query = (
        select(decisions.c.band, decisions.c.risk, func.count(), func.sum(case((accepted, 1), else_=0)))
        .where(here, decisions.c.status.in_(DUE))
        .group_by(decisions.c.band, decisions.c.risk)
    )
    return tuple(
        DueCards(band=band, risk=risk, cards=number, accepted=int(yes))
        for band, risk, number, yes in connection.execute(query)
    )
