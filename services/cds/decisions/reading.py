"""The decision log read back: pages by time or by patient, each decision with the feedback on its card. By index, never by scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, and_, func, literal, or_, select, union_all

from services.cds.decisions.decision import Decision
from services.cds.decisions.identity import first_id
from services.cds.decisions.rows import Names, decision_of
from services.cds.decisions.schema import decisions, feature_sets, feedback
from services.plumbing.database import reading

PAGE: Final = 500  # decisions read at a time by an export, so that its memory is bounded


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A decision and what was said to its card."""

    decision: Decision
    feedback: list[dict[str, Any]]


class DecisionReader:
    """Reads decisions; knows the feature sets it has met."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names: dict[str, Names] = {"": ()}

    def oldest_first(self, *, guidance: str = "", since: int = 0, after: str = "") -> Iterator[list[Kept]]:
        """All decisions at or after `since` (microseconds) and after the id `after`; a page at a time."""
        last = max(after, first_id(since))
        while True:
            holds = [
                decisions.c.decision > last,
                *_same(guidance=guidance),
                *([decisions.c.at >= since] if since else []),
            ]
            with reading(self._engine) as connection:
                page = self._page(connection, and_(*holds), decisions.c.decision.asc(), PAGE)
            if page:
                yield page
            if len(page) < PAGE:
                return
            last = page[-1].decision.decision

    def find(
        self,
        *,
        patient: str = "",
        guidance: str = "",
        since: int | None = None,
        until: int | None = None,
        before: str = "",
        computed: bool = False,
        limit: int = 50,
    ) -> list[Kept]:
        """Decisions of a time (`since` <= at < `until`), newest first; `before`: the last id of the page before.

        `computed`: only those that came as far as a risk.
        """
        holds = _same(patient=patient, guidance=guidance)
        if computed:
            holds.append(or_(decisions.c.risks.is_not(None), decisions.c.risk.is_not(None)))
        if since is not None:
            holds += [decisions.c.decision >= first_id(since), decisions.c.at >= since]
        if until is not None:
            # The id knows the millisecond; the rest is left to `at`.
            holds += [decisions.c.decision < first_id(until + 1000), decisions.c.at < until]
        if before:
            holds.append(decisions.c.decision < before)
        with reading(self._engine) as connection:
            return self._page(connection, and_(True, *holds), decisions.c.decision.desc(), limit)

    def feedback_since(self, since: int) -> Iterator[list[tuple[dict[str, Any], Decision | None]]]:
        """All feedback received at or after `since`, oldest first, each with its card's decision; a page at a time."""
        at, last = since, ""
        while True:
            received = feedback.c.received_at
            after = or_(received > at, and_(received == at, feedback.c.feedback > last))
            query = select(feedback).where(received >= at, after).order_by(received, feedback.c.feedback).limit(PAGE)
            with reading(self._engine) as connection:
                page = [dict(row) for row in connection.execute(query).mappings()]
                about = decisions.c.decision.in_({row["card_uuid"] for row in page})
                found = self._page(connection, about, decisions.c.decision.asc(), PAGE) if page else []
            if page:
                of = {one.decision.decision: one.decision for one in found}
                yield [(_told(row), of.get(row["card_uuid"])) for row in page]
            if len(page) < PAGE:
                return
            at, last = page[-1]["received_at"], page[-1]["feedback"]

    def by_id(self, decision: str) -> Kept | None:
        """One decision."""
        with reading(self._engine) as connection:
            page = self._page(connection, decisions.c.decision == decision, decisions.c.decision.asc(), 1)
        return page[0] if page else None

    def counts(self, *, since: int, until: int) -> list[dict[str, Any]]:
        """Decisions and feedback in a span of time, counted by guidance, release and what became of them."""
        within = and_(
            decisions.c.decision >= first_id(since),
            decisions.c.decision < first_id(until + 1000),
            decisions.c.at >= since,
            decisions.c.at < until,
        )
        decided = (
            select(decisions.c.guidance, decisions.c.release, decisions.c.status.label("what"), func.count().label("n"))
            .where(within)
            .group_by(decisions.c.guidance, decisions.c.release, decisions.c.status)
        )
        answered = (
            select(
                decisions.c.guidance,
                decisions.c.release,
                feedback.c.outcome.label("what"),
                func.count(feedback.c.card_uuid.distinct()).label("n"),
            )
            .join(feedback, feedback.c.card_uuid == decisions.c.decision)
            .where(within)
            .group_by(decisions.c.guidance, decisions.c.release, feedback.c.outcome)
        )
        because = decisions.c.suppressed_because
        silenced = (
            select(decisions.c.guidance, decisions.c.release, because.label("what"), func.count().label("n"))
            .where(within, because != "")
            .group_by(decisions.c.guidance, decisions.c.release, because)
        )
        beside = (
            select(decisions.c.guidance, decisions.c.release, literal("beside").label("what"), func.count().label("n"))
            .where(within, decisions.c.beside != "")
            .group_by(decisions.c.guidance, decisions.c.release)
        )
        counted = union_all(decided, answered, silenced, beside)
        with reading(self._engine) as connection:
            return [dict(row) for row in connection.execute(counted).mappings()]

    def _page(
        self, connection: Connection, holds: ColumnElement[bool], order: ColumnElement[Any], limit: int
    ) -> list[Kept]:
        query = select(decisions).where(holds).order_by(order).limit(limit)
        found = [
            decision_of(dict(row), self._names_of(connection, row["feature_set"]))
            for row in connection.execute(query).mappings()
        ]
        said = feedback_on(connection, [one.card_uuid for one in found if one.card_uuid])
        return [Kept(decision=one, feedback=said.get(one.decision, [])) for one in found]

    def _names_of(self, connection: Connection, feature_set: str) -> Names:
        if feature_set not in self._names:
            for key, names in connection.execute(select(feature_sets.c.feature_set, feature_sets.c.names)):
                self._names[key] = tuple(msgspec.json.decode(names, type=list[str]))
        return self._names[feature_set]


def feedback_on(connection: Connection, cards: Sequence[str]) -> Mapping[str, list[dict[str, Any]]]:
    """What was said to these cards, by card, in the order in which it came."""
    if not cards:
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    query = select(feedback).where(feedback.c.card_uuid.in_(cards)).order_by(feedback.c.received_at)
    for row in connection.execute(query).mappings():
        found.setdefault(row["card_uuid"], []).append(_told(dict(row)))
    return found


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Feedback as it is handed out: structures as structures, without what was sent."""
    said = {name: value for name, value in row.items() if name not in {"feedback", "raw"}}
    said["accepted_suggestions"] = msgspec.json.decode(said["accepted_suggestions"])
    if said["override_reason"] is not None:
        said["override_reason"] = msgspec.json.decode(said["override_reason"])
    return said


def _same(*, patient: str = "", guidance: str = "") -> list[ColumnElement[bool]]:
    asked = ((decisions.c.patient, patient), (decisions.c.guidance, guidance))
    return [column == wanted for column, wanted in asked if wanted]
