"""People record, add and correct source attributes: each edit is a version with who, when and why, and an entry of the ledger.

What is computed is refused, whoever asks. An edit changes no release and no digest, and no vote is void by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from services.guidance.lifecycle import Person
from services.guidance.transparency.disclosed import Edit, Given, author_says, checked_edit
from services.guidance.transparency.readings import Facts
from services.registry.decisions.proposals import known_as
from services.registry.memory import ledger
from services.registry.tables import instant_text
from services.registry.transparency.tables import attribute_edits as table
from services.timeline.errors import BadInput


def record(
    connection: Connection, facts: Facts, key: str, given: Given, *, why: str, by: Person, now: datetime
) -> Edit:
    """Keep an edit, in the ledger too; BadInput or Refused names what may not be said."""
    checked_edit(key, given)
    if not why.strip():
        raise BadInput("an edit says why it is made", place="why", remedy="Write one sentence, without patient data")
    said = author_says(facts, key)
    replaced: str | dict[str, Any] = said.shown if said is not None else ""
    role = ",".join(sorted(by.roles))
    guidance = facts.guidance.id
    head = ledger.append(
        connection,
        actor=by.name,
        role=role,
        action="attribute edited",
        subject=facts.release,
        detail={"guidance": guidance, "attribute": key, "value": given.shown, "reason": why},
        now=now,
    )
    edit = Edit(
        key=key,
        given=given,
        replaced=replaced,
        by=by.name,
        role=role,
        at=instant_text(now),
        why=why,
        ledger=head.number,
    )
    connection.execute(
        insert(table).values(
            guidance=guidance,
            attribute=key,
            value=given.shown,
            replaced=replaced,
            release=facts.release,
            by=edit.by,
            role=edit.role,
            why=why,
            at=edit.at,
            ledger_number=head.number,
        )
    )
    return edit


def history(connection: Connection, guidance: str, key: str | None = None) -> list[Edit]:
    """Every edit of a guidance, or of one attribute of it, oldest first."""
    asked = select(table).where(table.c.guidance == known_as(guidance)).order_by(table.c.number)
    if key is not None:
        asked = asked.where(table.c.attribute == key)
    return [_edit(row) for row in connection.execute(asked)]


def in_force(connection: Connection, guidance: str) -> Mapping[str, Edit]:
    """The last edit of each attribute; whether it still answers the author's text is for `disclose` to say."""
    return {edit.key: edit for edit in history(connection, guidance)}


def given_of(value: object) -> Given:
    """A value as JSON has it: a text, or `{"notAvailable": true, "reason": …}`."""
    if isinstance(value, str):
        return Given(text=" ".join(value.split()))
    if isinstance(value, dict) and value.keys() == {"notAvailable", "reason"} and value["notAvailable"] is True:
        return Given(not_available=" ".join(str(value["reason"]).split()))
    raise BadInput(
        "neither a text nor a reason why nothing is available",
        place="value",
        remedy='Write a text, or {"notAvailable": true, "reason": "…"}',
    )


def _edit(row: Row[Any]) -> Edit:
    return Edit(
        key=row.attribute,
        given=given_of(row.value),
        replaced=row.replaced,
        by=row.by,
        role=row.role,
        at=row.at,
        why=row.why,
        ledger=row.ledger_number,
    )
