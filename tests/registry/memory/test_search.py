"""What was decided, by whom and why, is found again by the words that people ask with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, text

from services.guidance.errors import NotFound, NotPermitted
from services.guidance.lifecycle import Person
from services.guidance.policies import POLICIES
from services.plumbing.database import create_tables, open_database, reading, writing
from services.registry.decisions import proposals, votes
from services.registry.decisions.votes import Ballot
from services.registry.deployed import stops
from services.registry.memory import ledger, notes, search
from services.registry.memory.tables import WORDS, lines
from services.registry.people import persons
from services.registry.tables import TABLES
from services.timeline.errors import BadInput
from tests.registry import samples
from tests.registry.conftest import NOW

POLICY = POLICIES["demo"]
REASON = "the new analyser of ward 7 reports creatinine in other units"


@dataclass
class Told:
    """A registry in which something was proposed, agreed, silenced and stopped."""

    engine: Engine
    team: dict[str, Person]
    proposal: str
    guidance: str
    release: str

    def ask(self, words: str = "", **how: Any) -> search.Answer:
        """Search as the API does it."""
        with writing(self.engine) as connection:
            search.catch_up(connection)
        with reading(self.engine) as connection:
            return search.search(connection, words=words, **how)

    def vote(self, connection: Connection, name: str, role: str, to: str, choice: str, reason: str) -> None:
        """One vote."""
        known = proposals.must_get(connection, self.proposal)
        ballot = Ballot(
            transition=to,  # type: ignore[arg-type]
            role=role,
            vote=choice,  # type: ignore[arg-type]
            release=known.release,
            evidence=frozenset(filed.digest for filed in proposals.filed_for(connection, known.release)),
            reason=reason,
        )
        votes.cast(connection, self.proposal, ballot, by=self.team[name], policy=POLICY, now=NOW)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """On SQLite."""
    yield from begun(f"sqlite:///{tmp_path}/told.sqlite")


@pytest.fixture
def told_on_each(database: str) -> Iterator[Told]:
    """On SQLite and on PostgreSQL."""
    yield from begun(database)


def begun(database: str) -> Iterator[Told]:
    """A registry with a past."""
    engine = open_database(database)
    create_tables(engine, TABLES)
    bundle = samples.release()
    with writing(engine) as connection:
        ledger.begin(connection)
        team = {
            name: persons.add_person(connection, name, roles, now=NOW, by="tests").person
            for name, roles in samples.TEAM.items()
        }
        made = proposals.propose(
            connection,
            bundle=bundle,
            packs=[samples.training_pack(bundle.digest), samples.silent_pack(bundle.digest)],
            author="Jon Developer",
            note="learned from spring",
            by=persons.add_person(connection, "learner", ["learner"], now=NOW, by="tests", is_service=True).person,
            now=NOW,
        )
        found = Told(engine, team, made.id, bundle.guidance, bundle.digest)
        found.vote(connection, "Eve Steward", "data-steward", "development", "approve", "data are ours")
        found.vote(connection, "Fay Operations", "operations", "development", "approve", "we want it")
        found.vote(connection, "Ann Clinical", "clinical-reviewer", "silent", "approve", "plausible shapes")
        found.vote(connection, "Ben Data", "data-science-reviewer", "silent", "approve", "calibrated")
        stops.stop(connection, bundle.guidance, by=team["Ann Clinical"], reason=REASON, now=NOW)
    yield found
    engine.dispose()


def test_why_a_guidance_was_stopped_is_found_by_asking_so(told_on_each: Told) -> None:
    """The stop is the best line, with who, when and why, and the hash that proves it."""
    answer = told_on_each.ask(f"why did we stop {told_on_each.guidance}?")
    assert answer.all_words
    assert answer.by[0] == "stop"
    best = answer.lines[0]
    assert (best.kind, best.actor, best.guidance) == ("stop", "Ann Clinical", told_on_each.guidance)
    assert REASON in best.said
    assert len(best.hash) == 64


def test_a_decision_names_the_evidence_that_its_numbers_came_from(told: Told) -> None:
    """Digests of packs, beside who agreed."""
    line = told.ask("moved silent", kind="decision").lines[0]
    with reading(told.engine) as connection:
        filed = {one.digest for one in proposals.filed_for(connection, told.release) if one.kind == "training"}
    assert filed <= set(line.evidence)
    assert "Ann Clinical (clinical-reviewer)" in line.said


def test_words_of_the_evidence_find_the_entry_that_filed_it(told: Told) -> None:
    """What a report says is searched, not only that it came."""
    pack = samples.training_pack(told.release)
    chosen = samples.evaluation(told.release).chosen
    lines_found = told.ask(chosen.replace("_", " ")).lines
    assert any(line.evidence == (pack.digest,) for line in lines_found)


def test_without_words_the_newest_comes_first_and_pages_follow(told_on_each: Told) -> None:
    """Each line once, to the first entry."""
    seen: list[int] = []
    before: int | None = None
    while True:
        with reading(told_on_each.engine) as connection:
            told_on_each.ask()
            answer = search.search(connection, before=before, limit=4)
        seen += [line.number for line in answer.lines]
        before = answer.before
        if before is None:
            break
    assert seen == list(range(max(seen), 0, -1))


def test_lines_that_hold_only_some_of_the_words_are_said_to(told_on_each: Told) -> None:
    """Better than nothing, and never passed off as what was asked for."""
    answer = told_on_each.ask("creatinine zeppelin")
    assert not answer.all_words
    assert REASON in answer.lines[0].said
    assert told_on_each.ask("zeppelin").lines == ()


def test_accents_and_case_do_not_hide_a_line(told: Told) -> None:
    """As people type."""
    assert REASON in told.ask("CREATININE Units").lines[0].said


def reader(name: str, role: str = "clinical-reviewer") -> Person:
    """Somebody who asks."""
    return Person(name=name, roles=frozenset({role}))


def test_a_vote_on_an_open_step_is_found_by_its_voter_only(told: Told) -> None:
    """Until the step is decided, finding it would tell how somebody voted; afterwards dissent is found like agreement."""
    with writing(told.engine) as connection:
        told.vote(connection, "Ben Data", "data-science-reviewer", "silent", "reject", "quibbleworthy labels")
    assert told.ask("quibbleworthy").lines == ()
    assert told.ask("quibbleworthy", viewer=reader("Ann Clinical")).lines == ()
    assert told.ask("quibbleworthy", viewer=reader("ben  data", "data-science-reviewer")).lines[0].kind == "dissent"
    with writing(told.engine) as connection:
        proposals.change_state(connection, proposals.must_get(connection, told.proposal), "retired", now=NOW)
    assert told.ask("quibbleworthy").lines[0].kind == "dissent"


def test_the_index_may_be_lost(told_on_each: Told) -> None:
    """It is made from the ledger again, and finds the same."""
    before = [line.number for line in told_on_each.ask("stop").lines]
    with writing(told_on_each.engine) as connection:
        connection.execute(delete(lines))
        if connection.dialect.name == "sqlite":
            connection.execute(text(f"INSERT INTO {WORDS}({WORDS}) VALUES('delete-all')"))
    assert [line.number for line in told_on_each.ask("stop").lines] == before


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A small ledger, indexed."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('few')}/registry.sqlite")
    create_tables(engine, TABLES)
    with writing(engine) as connection:
        ledger.begin(connection)
        ledger.append(
            connection, actor="ann", role="x", action="lesson", subject="guidance:g", detail={"text": "a OR b"}, now=NOW
        )
        search.catch_up(connection)
    yield engine
    engine.dispose()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.text(max_size=60))
def test_no_question_breaks_the_search(few: Engine, question: str) -> None:
    """Quotes, operators, wild cards, other scripts: words are words."""
    with reading(few) as connection:
        search.search(connection, words=question)


@pytest.mark.parametrize("question", ['"', "a OR NOT", "NEAR(a b)", "*", "words:x", "'; DROP TABLE ledger", "a\x00b"])
def test_operators_are_words(few: Engine, question: str) -> None:
    """Nobody speaks to the database through the search field."""
    with reading(few) as connection:
        search.search(connection, words=question)
        assert ledger.head(connection).number == 1


def test_a_kind_that_there_is_not_and_an_endless_question_are_refused(few: Engine) -> None:
    """With what to do about it."""
    with reading(few) as connection:
        with pytest.raises(BadInput, match="no such kind"):
            search.search(connection, kind="gossip")
        with pytest.raises(BadInput, match="longer"):
            search.search(connection, words="x" * 401)


def test_lessons_and_corrections_join_the_memory(told: Told) -> None:
    """With an owner and a day, and pointing back; the first entry stays as it was."""
    ann = told.team["Ann Clinical"]
    with writing(told.engine) as connection:
        number = notes.remember(
            connection, told.guidance, kind="lesson", text="Ask the laboratory before a new analyser", by=ann, now=NOW,
            owner="Fay Operations", review_on=date(2027, 1, 15),
        ).number  # fmt: skip
        notes.remember(
            connection, told.guidance, kind="correction", text="It was ward 8", by=ann, now=NOW, about=number
        )
    first, second = told.ask("analyser laboratory").lines[0], told.ask("ward 8", kind="correction").lines[0]
    assert "Owner: Fay Operations. To be looked at again on 2027-01-15." in first.said
    assert second.said.startswith(f"Correction about entry {number}, noted by Ann Clinical")


@pytest.mark.parametrize(
    "text_written",
    ["Mrs Miller fell", "patient no. 4711 fell", "call 0664 1234567890", "born in 1950", "mail ann@example.org"],
)
def test_what_looks_like_a_patients_details_is_seen(text_written: str) -> None:
    """Names with a title, record numbers, telephones, dates of birth, addresses; a plain sentence is left alone."""
    assert notes.patient_like(text_written)
    assert notes.patient_like("The feed of ward 7 was silent from 02:00 to 06:00, 31 alerts late") is None


def test_what_looks_like_a_patients_details_is_not_kept(told: Told) -> None:
    """It is refused with the reason, and the ledger does not grow."""
    with writing(told.engine) as connection:
        head = ledger.head(connection)
        for written in ("Mrs Miller fell", " "):
            with pytest.raises(BadInput):
                notes.remember(
                    connection, told.guidance, kind="incident", text=written, by=told.team["Ann Clinical"], now=NOW
                )
        assert ledger.head(connection) == head


def test_auditors_and_strangers_add_nothing(told: Told) -> None:
    """Who reads everything changes nothing; a note is about a guidance that exists, a lesson has an owner."""
    with writing(told.engine) as connection:
        with pytest.raises(NotPermitted):
            notes.remember(connection, told.guidance, kind="incident", text="x", by=told.team["Kim Auditor"], now=NOW)
        ann = told.team["Ann Clinical"]
        with pytest.raises(NotFound):
            notes.remember(connection, "no-such", kind="incident", text="x", by=ann, now=NOW)
        with pytest.raises(BadInput, match="owner"):
            notes.remember(connection, told.guidance, kind="lesson", text="x", by=ann, now=NOW)
        with pytest.raises(BadInput, match="points back"):
            notes.remember(connection, told.guidance, kind="correction", text="x", by=ann, now=NOW)


def test_a_full_memory_is_searched_at_once(tmp_path: Path) -> None:
    """Eight hundred entries: indexed in batches, and a rare word is found."""
    engine = open_database(f"sqlite:///{tmp_path}/registry.sqlite")
    create_tables(engine, TABLES)
    with writing(engine) as connection:
        ledger.begin(connection)
        for number in range(800):
            ledger.append(
                connection, actor="ann", role="x", action="lesson", subject="guidance:g",
                detail={"text": f"common words {'needle' if number == 634 else 'hay'}"}, now=NOW,
            )  # fmt: skip
        assert search.catch_up(connection) == 800
        assert [line.number for line in search.search(connection, words="needle").lines] == [635]
    engine.dispose()
