"""The decision log: every decision, every feedback, every token seen. Written in batches, read by index, never by scan.

These are the plain, synchronous statements; `durable` decides when they run, and what happens when they cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    inspect,
    or_,
    select,
    text,
    union_all,
)

from services.cds.advice.suppress import Shown, settle
from services.cds.decisions.decision import Decision
from services.plumbing.database import create_tables, reading, writing

TABLES: Final = MetaData()
_JSON: Final = ("risks", "features", "states", "contributions", "sources", "card")
PAGE: Final = 500  # decisions read at a time by an export, so that its memory is bounded

decisions: Final = Table(
    "decisions",
    TABLES,
    Column("decision", String(36), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("index_at", BigInteger, nullable=False),
    *(
        Column(name, String, nullable=False)
        for name in (
            "guidance", "release", "policy_digest", "stage", "hook", "hook_instance", "patient", "encounter", "user",
            "issuer", "tenant",
            "status", "reason", "band", "card_uuid", "arm",
        )
    ),
    Column("risk", Float),
    Column("log_odds", Float),
    Column("arm_probability", Float, nullable=False),
    *(Column(name, Text) for name in _JSON),
)  # fmt: skip
# Only what was shown can cause a cool-down: the index holds nothing else, so it stays small.
Index(
    "decisions_shown",
    decisions.c.patient,
    decisions.c.guidance,
    decisions.c.index_at,
    sqlite_where=text("status = 'shown'"),
    postgresql_where=text("status = 'shown'"),
)
Index("decisions_at", decisions.c.at, decisions.c.decision)

feedback: Final = Table(
    "feedback",
    TABLES,
    Column("feedback", String(64), primary_key=True),
    Column("service", String, nullable=False),
    Column("card_uuid", String, nullable=False, index=True),
    Column("outcome", String, nullable=False),
    Column("accepted_suggestions", Text, nullable=False),
    Column("override_reason", Text),
    Column("comment", Text),
    Column("at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("raw", Text, nullable=False),
)

tokens: Final = Table(
    "tokens_seen",
    TABLES,
    Column("iss", String, primary_key=True),
    Column("jti", String, primary_key=True),
    Column("expires_at", Integer, nullable=False, index=True),
)


class Feedback(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="feedback"):
    """What a clinician did with a card. `feedback` is a digest of what was sent: a repeat has the same."""

    feedback: str
    service: str
    card_uuid: str
    outcome: str
    accepted_suggestions: list[str]
    override_reason: dict[str, Any] | None
    comment: str | None
    at: int
    received_at: int
    raw: str


class Token(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="token"):
    """A caller's token that was used once, kept until it expires by itself."""

    iss: str
    jti: str
    expires_at: int


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="decision"):
    """A decision to be kept, and the cool-down (microseconds) that may still silence its card."""

    decision: Decision
    cool_down: int = 0


Record = Entry | Feedback | Token
Outcome = Decision | bool
"""What became of a record: the decision as it was kept; whether feedback was new; whether a token was unseen."""


class DecisionLog:
    """The three tables behind one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self) -> None:
        """Make the tables that are missing, and the columns that a log from before this version has not."""
        create_tables(self._engine, TABLES)
        with writing(self._engine) as connection:
            there = {column["name"] for column in inspect(connection).get_columns(decisions.name)}
            for column in decisions.columns:
                if column.nullable and column.name not in there:
                    kind = column.type.compile(connection.dialect)
                    connection.execute(text(f"ALTER TABLE {decisions.name} ADD COLUMN {column.name} {kind}"))

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def write(self, records: Sequence[Record]) -> list[Outcome]:
        """Keep all in one transaction; when this returns they are on the disk. Twice the same is once."""
        with writing(self._engine) as connection:
            entries = [record for record in records if isinstance(record, Entry)]
            kept = iter(_write_decisions(connection, entries) if entries else ())
            new = set(_write_feedback(connection, records)) | set(_write_tokens(connection, records))
            outcomes: list[Outcome] = []
            for place, record in enumerate(records):
                outcomes.append(next(kept) if isinstance(record, Entry) else place in new)
            return outcomes

    def export(self, *, guidance: str = "", since: int) -> Iterator[list[dict[str, Any]]]:
        """Decisions at or after `since`, oldest first, each with its feedback; a page at a time."""
        at, last = since, ""
        while True:
            with reading(self._engine) as connection:
                after = or_(decisions.c.at > at, and_(decisions.c.at == at, decisions.c.decision > last))
                query = select(decisions).where(after).order_by(decisions.c.at, decisions.c.decision).limit(PAGE)
                if guidance:
                    query = query.where(decisions.c.guidance == guidance)
                page = [dict(row) for row in connection.execute(query).mappings()]
                said = _feedback_of(connection, [row["card_uuid"] for row in page if row["card_uuid"]])
            if not page:
                return
            at, last = page[-1]["at"], page[-1]["decision"]
            for row in page:
                for name in _JSON:
                    row[name] = None if row[name] is None else msgspec.json.decode(row[name])
                row["feedback"] = said.get(row["card_uuid"], [])
            yield page

    def counts(self, *, since: int, until: int) -> list[dict[str, Any]]:
        """Decisions and feedback in a span of time, counted by guidance, release and what became of them."""
        within = and_(decisions.c.at >= since, decisions.c.at < until)
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
        with reading(self._engine) as connection:
            return [dict(row) for row in connection.execute(union_all(decided, answered)).mappings()]

    def tokens(self, *, now: int) -> list[Token]:
        """The tokens that have not expired: what a restarted service must still refuse."""
        query = select(tokens).where(tokens.c.expires_at >= now)
        with reading(self._engine) as connection:
            return [Token(**row) for row in connection.execute(query).mappings()]

    def forget_tokens(self, *, now: int) -> None:
        """Drop what has expired: replay memory does not grow with history."""
        with writing(self._engine) as connection:
            connection.execute(delete(tokens).where(tokens.c.expires_at < now))


def row_of(decision: Decision) -> dict[str, Any]:
    """A decision as a row: structures as JSON text."""
    row = msgspec.structs.asdict(decision)
    for name in _JSON:
        row[name] = None if row[name] is None else msgspec.json.encode(row[name]).decode()
    return row


def _write_decisions(connection: Connection, entries: Sequence[Entry]) -> list[Decision]:
    patients = {e.decision.patient for e in entries if e.cool_down > 0 and e.decision.status == "shown"}
    shown: dict[tuple[str, str], list[Shown]] = {}
    if patients:
        since = min(e.decision.index_at - e.cool_down for e in entries if e.cool_down > 0)
        for guidance, patient, at, instance in connection.execute(
            select(decisions.c.guidance, decisions.c.patient, decisions.c.index_at, decisions.c.hook_instance)
            # Written out, not bound, so that the planner sees that the partial index serves.
            .where(text("status = 'shown'"), decisions.c.patient.in_(patients), decisions.c.index_at > since)
        ):
            shown.setdefault((guidance, patient), []).append((at, instance))
    settled = settle([e.decision for e in entries], [e.cool_down for e in entries], shown)
    connection.execute(insert(decisions), [row_of(decision) for decision in settled])
    return settled


def _write_feedback(connection: Connection, records: Sequence[Record]) -> Iterable[int]:
    places = {record.feedback: place for place, record in enumerate(records) if isinstance(record, Feedback)}
    if not places:
        return ()
    known = set(connection.scalars(select(feedback.c.feedback).where(feedback.c.feedback.in_(places))))
    new = {digest: place for digest, place in places.items() if digest not in known}
    rows = []
    for place in new.values():
        record = records[place]
        row: dict[str, Any] = msgspec.structs.asdict(record)
        row["accepted_suggestions"] = msgspec.json.encode(row["accepted_suggestions"]).decode()
        if row["override_reason"] is not None:
            row["override_reason"] = msgspec.json.encode(row["override_reason"]).decode()
        rows.append(row)
    if rows:
        connection.execute(insert(feedback), rows)
    return new.values()


def _write_tokens(connection: Connection, records: Sequence[Record]) -> Iterable[int]:
    places: dict[tuple[str, str], int] = {}
    for place, record in enumerate(records):
        if isinstance(record, Token):
            places.setdefault((record.iss, record.jti), place)
    if not places:
        return ()
    jtis = select(tokens.c.iss, tokens.c.jti).where(tokens.c.jti.in_({jti for _, jti in places}))
    known = {(iss, jti) for iss, jti in connection.execute(jtis)}
    new = {key: place for key, place in places.items() if key not in known}
    if new:
        connection.execute(insert(tokens), [msgspec.structs.asdict(records[place]) for place in new.values()])
    return new.values()


def _feedback_of(connection: Connection, cards: Sequence[str]) -> Mapping[str, list[dict[str, Any]]]:
    if not cards:
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    query = select(feedback).where(feedback.c.card_uuid.in_(cards)).order_by(feedback.c.received_at)
    for row in connection.execute(query).mappings():
        said = dict(row)
        said["accepted_suggestions"] = msgspec.json.decode(said["accepted_suggestions"])
        if said["override_reason"] is not None:
            said["override_reason"] = msgspec.json.decode(said["override_reason"])
        del said["feedback"], said["raw"]
        found.setdefault(row["card_uuid"], []).append(said)
    return found
