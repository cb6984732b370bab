"""Searching the memory: "why did we stop X?" finds the stop, its reason, and what was said before and after.

The index follows the ledger and is caught up before each search, so nothing that is found can differ from what was
chained. How somebody voted on a step that is still open is not found by who may still vote on it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, column, func, insert, literal_column, select, table, text

from services.guidance.lifecycle import Person
from services.guidance.release import unpack_evidence
from services.guidance.words.memory_wording import KINDS, Kind, kind_of, told
from services.registry.decisions import blind, proposals
from services.registry.memory.ledger import SALT
from services.registry.memory.tables import WORDS, lines
from services.registry.tables import ledger
from services.registry.tables import proposals as proposals_table
from services.timeline.errors import BadInput

MOST_WORDS: Final = 20_000  # characters of one entry's evidence that are worth searching
AT_ONCE: Final = 500
LONGEST_QUESTION: Final = 400
PAGE: Final = 50
_WORD: Final = re.compile(r"[^\W_]+")
# Asking, not asked for.
_ASKING: Final = frozenset(
    [
        "a",
        "about",
        "an",
        "and",
        "are",
        "be",
        "by",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "in",
        "is",
        "it",
        "of",
        "on",
        "or",
        "our",
        "that",
        "the",
        "this",
        "to",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "with",
    ]
)
_PACK: Final = "evidence added"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One line of the memory."""

    number: int
    at: str
    guidance: str
    kind: Kind
    actor: str
    role: str
    said: str
    subject: str
    evidence: tuple[str, ...]
    """Digests of the evidence that its numbers came from."""
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found, and whether by all words or, since no line holds them all, by some."""

    lines: tuple[Found, ...]
    by: tuple[str, ...]
    all_words: bool
    before: int | None
    """Ask again with `before` for the next page; None if this was the last. Only without words: those are ranked."""


def search(
    connection: Connection,
    *,
    words: str = "",
    guidance: str = "",
    kind: str = "",
    viewer: Person | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> Answer:
    """Lines that hold the words, the best first; without words all lines, the newest first. `viewer`: who is told; None: anyone."""
    if kind and kind not in KINDS:
        raise BadInput(f"no such kind: {kind[:40]}", place="kind", remedy=f"Choose from {', '.join(KINDS)}")
    if len(words) > LONGEST_QUESTION:
        raise BadInput(f"longer than {LONGEST_QUESTION} characters", place="words", remedy="Ask with a few words")
    asked = words_of(words)
    hidden = blind.withheld_from(connection, viewer)
    conditions: list[ColumnElement[bool]] = [lines.c.number.not_in(sorted(hidden))] if hidden else []
    if guidance:
        conditions.append(lines.c.guidance == proposals.known_as(guidance))
    if kind:
        conditions.append(lines.c.kind == kind)
    if not asked:
        if before is not None:
            conditions.append(lines.c.number < before)
        numbers = list(
            connection.execute(
                select(lines.c.number).where(*conditions).order_by(lines.c.number.desc()).limit(limit + 1)
            ).scalars()
        )
        more = len(numbers) > limit
        found = _read(connection, numbers[:limit])
        return Answer(lines=found, by=(), all_words=True, before=found[-1].number if more and found else None)
    numbers = _ranked(connection, asked, conditions, limit, every=True)
    all_words = bool(numbers) or len(asked) == 1
    if not all_words:
        numbers = _ranked(connection, asked, conditions, limit, every=False)
    return Answer(lines=_read(connection, numbers), by=asked, all_words=all_words, before=None)


def words_of(question: str) -> tuple[str, ...]:
    """What a question asks for: its words without those that only ask; all of them if no other is there."""
    plain = unicodedata.normalize("NFKC", question).casefold()
    found = list(dict.fromkeys(_WORD.findall(plain)))[:20]
    return tuple(word for word in found if word not in _ASKING) or tuple(found)


def catch_up(connection: Connection) -> int:
    """Index the entries that came since; answers how many. Call it in a writing transaction, before searching."""
    done = connection.execute(select(func.coalesce(func.max(lines.c.number), 0))).scalar_one()
    count = 0
    while rows := connection.execute(
        select(ledger.c.number, ledger.c.entry).where(ledger.c.number > done).order_by(ledger.c.number).limit(AT_ONCE)
    ).all():
        made = [_line(connection, msgspec.json.decode(row.entry)) for row in rows]
        connection.execute(insert(lines), made)
        if connection.dialect.name == "sqlite":
            words = table(WORDS, column("rowid"), column("words"))
            connection.execute(insert(words), [{"rowid": one["number"], "words": one["words"]} for one in made])
        done = rows[-1].number
        count += len(rows)
    return count


def is_caught_up(connection: Connection) -> bool:
    """Whether every entry is in the index: then a search need not write."""
    newest = select(func.coalesce(func.max(ledger.c.number), 0)).scalar_subquery()
    return bool(connection.execute(select(newest == func.coalesce(func.max(lines.c.number), 0))).scalar_one())


def _line(connection: Connection, entry: Mapping[str, Any]) -> dict[str, object]:
    guidance = _guidance(connection, entry)
    kind = kind_of(entry)
    parts = [told(entry), guidance, kind, *_texts(entry["detail"])]
    if entry["action"] == _PACK:
        parts.extend(_texts_of_pack(connection, str(entry["detail"]["evidence"])))
    if entry["action"] == "proposed":
        definition = proposals.definition_of(connection, str(entry["subject"]))
        parts.extend((definition.title, definition.description))
    return {
        "number": entry["number"],
        "at": entry["at"],
        "guidance": guidance,
        "kind": kind,
        "words": " ".join(parts)[:MOST_WORDS].replace("\x00", " "),
    }


def _guidance(connection: Connection, entry: Mapping[str, Any]) -> str:
    named = entry["detail"].get("guidance")
    if isinstance(named, str):
        return named[:64]
    asked = select(proposals_table.c.guidance).where(proposals_table.c.release == entry["subject"])
    return str(connection.execute(asked).scalar() or "")


def _texts_of_pack(connection: Connection, digest: str) -> Iterator[str]:
    """The words of an evidence pack's reports: its sentences and verdicts, not its numbers."""
    pack = unpack_evidence(proposals.evidence_bytes(connection, digest), expected_digest=digest)
    for name, data in sorted(pack.files.items()):
        if name.endswith(".json"):
            yield from _texts(msgspec.json.decode(data))


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, names and digests left out."""
    if isinstance(value, str):
        if not value.startswith("sha256:"):
            yield value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name != SALT:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _ranked(
    connection: Connection, asked: Sequence[str], conditions: Sequence[ColumnElement[bool]], limit: int, *, every: bool
) -> list[int]:
    """Numbers of the lines that hold every word (or any), each word as a beginning: `stop` finds `stopped`."""
    if connection.dialect.name == "sqlite":
        match = (" AND " if every else " OR ").join(f'"{word}"*' for word in asked)
        words = table(WORDS, column("rowid"))
        ranked = (
            select(lines.c.number)
            .join_from(words, lines, lines.c.number == words.c.rowid)
            .where(text(f"{WORDS} MATCH :match").bindparams(match=match), *conditions)
            .order_by(literal_column(f"bm25({WORDS})"), lines.c.number.desc())
        )
    else:
        query = func.to_tsquery("simple", (" & " if every else " | ").join(f"{word}:*" for word in asked))
        vector = func.to_tsvector(literal_column("'simple'"), lines.c.words)
        ranked = (
            select(lines.c.number)
            .where(vector.op("@@")(query), *conditions)
            .order_by(func.ts_rank(vector, query).desc(), lines.c.number.desc())
        )
    return list(connection.execute(ranked.limit(limit)).scalars())


def _read(connection: Connection, numbers: Sequence[int]) -> tuple[Found, ...]:
    """The lines of these numbers, in this order, said from the ledger itself."""
    if not numbers:
        return ()
    rows = connection.execute(
        select(ledger.c.entry, ledger.c.hash, lines.c.guidance, lines.c.kind)
        .join(lines, lines.c.number == ledger.c.number)
        .where(ledger.c.number.in_(numbers))
    )
    found = {}
    for row in rows:
        entry = msgspec.json.decode(row.entry)
        found[entry["number"]] = Found(
            number=entry["number"], at=entry["at"], guidance=row.guidance, kind=row.kind, actor=entry["actor"],
            role=entry["role"], said=told(entry), subject=entry["subject"], evidence=_evidence(entry["detail"]),
            hash=row.hash,
        )  # fmt: skip
    return tuple(found[number] for number in numbers)


def _evidence(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """The digests of the evidence that an entry rests on."""
    named = detail.get("evidence", [])
    digests = [named] if isinstance(named, str) else list(named)
    digests += [check.get("evidence") for check in detail.get("checks", [])]
    return tuple(dict.fromkeys(str(digest) for digest in digests if digest))
