"""Who asked last: one row for each service, written down seldom, and persons do not count."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from services.guidance.lifecycle import Person
from services.registry.deployed import heard
from tests.registry.conftest import NOW

CDS = Person(name="cds", roles=frozenset({"cds"}), is_service=True)


def test_only_a_service_that_was_silent_for_a_while_is_written_down(connection: Connection) -> None:
    """The first question, and one ten seconds later; not one in between, and not a person's."""
    assert heard.last_heard(connection) is None
    assert heard.is_due(connection, CDS, NOW)
    heard.note(connection, CDS, NOW)
    assert not heard.is_due(connection, CDS, NOW + timedelta(seconds=9))
    assert heard.is_due(connection, CDS, NOW + timedelta(seconds=10))
    assert not heard.is_due(connection, Person(name="Ann", roles=frozenset()), NOW)


def test_the_last_word_of_any_service_counts(connection: Connection) -> None:
    """Another service's later question is the one that is told; asked again, a row is replaced."""
    heard.note(connection, CDS, NOW)
    heard.note(connection, Person(name="cds 2", roles=frozenset(), is_service=True), NOW + timedelta(seconds=40))
    assert heard.last_heard(connection) == NOW + timedelta(seconds=40)
    heard.note(connection, CDS, NOW + timedelta(seconds=50))
    assert heard.last_heard(connection) == NOW + timedelta(seconds=50)
