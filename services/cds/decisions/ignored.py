"""Cards that nobody answered: shown, and no feedback within some hours. A view of the log, not a word of any client."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine, and_, exists, func, not_, select

from services.cds.decisions.identity import first_id
from services.cds.decisions.schema import decisions, feedback
from services.plumbing.database import reading

HOURS: Final = 72.0
"""How long feedback is waited for, unless asked otherwise: clients that send it in batches do so once a day, or over a weekend."""
_HOUR: Final = 3_600_000_000  # microseconds


def answered_cards(engine: Engine, *, now: int, since: int = 0, hours: float = HOURS) -> list[dict[str, Any]]:
    """By guidance and release: how many cards were `shown`, `answered`, `ignored`, and are still `waiting`.

    `now` and `since` in microseconds since 1970 UTC. A card that is answered late is not ignored any more.
    """
    answered = exists(select(feedback.c.feedback).where(feedback.c.card_uuid == decisions.c.decision))
    late = decisions.c.at < now - round(hours * _HOUR)
    query = (
        select(
            decisions.c.guidance,
            decisions.c.release,
            func.count().label("shown"),
            func.count().filter(answered).label("answered"),
            func.count().filter(and_(not_(answered), late)).label("ignored"),
            func.count().filter(and_(not_(answered), not_(late))).label("waiting"),
        )
        .where(decisions.c.status == "shown", decisions.c.decision >= first_id(since), decisions.c.at >= since)
        .group_by(decisions.c.guidance, decisions.c.release)
        .order_by(decisions.c.guidance, decisions.c.release)
    )
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
