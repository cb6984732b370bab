"""When any service asked last: one record of each worker, nameless questions written down seldom, persons not counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, select

from services.guidance.lifecycle import Person
from services.registry.deployed import workers
from services.registry.deployed.tables import workers as kept
from services.registry.people import persons
from tests.registry.conftest import NOW


@pytest.fixture
def cds(connection: Connection) -> Person:
    """A service."""
    return persons.add_person(connection, "cds", ["cds"], now=NOW, by="tests", is_service=True).person


def test_a_nameless_service_is_written_down_only_after_a_while(connection: Connection, cds: Person) -> None:
    """The first question, and one ten seconds later; not one in between, and not a person's."""
    assert workers.last_heard(connection) is None
    assert workers.is_due(connection, "", by=cds, now=NOW)
    workers.heard(connection, "", wait=0, by=cds, now=NOW)
    assert not workers.is_due(connection, "", by=cds, now=NOW + timedelta(seconds=9))
    assert workers.is_due(connection, "", by=cds, now=NOW + timedelta(seconds=10))
    assert not workers.is_due(connection, "", by=Person(name="Ann", roles=frozenset()), now=NOW)


def test_a_named_worker_is_written_down_at_every_question(connection: Connection, cds: Person) -> None:
    """It may hold a lease from each of them; asked again, its row is replaced, and the last question is told."""
    for second in (0, 1):
        workers.heard(connection, "a-1", wait=0, by=cds, now=NOW + timedelta(seconds=second))
    assert workers.last_heard(connection) == NOW + timedelta(seconds=1)
    assert connection.execute(select(func.count()).select_from(kept)).scalar_one() == 1


def test_the_last_word_of_any_service_counts(connection: Connection, cds: Person) -> None:
    """Another service's later question is the one that is told."""
    other = persons.add_person(connection, "cds 2", ["cds"], now=NOW, by="tests", is_service=True).person
    workers.heard(connection, "", wait=0, by=cds, now=NOW)
    workers.heard(connection, "a-1", wait=0, by=other, now=NOW + timedelta(seconds=40))
    assert workers.last_heard(connection) == NOW + timedelta(seconds=40)


def test_a_person_who_asks_is_no_sign_that_guidance_is_served(connection: Connection, cds: Person) -> None:
    """Someone who looks at the manifests under a worker's name does not make a silent service seem alive."""
    ann = persons.add_person(connection, "Ann", ["auditor"], now=NOW, by="tests").person
    workers.heard(connection, "", wait=0, by=cds, now=NOW)
    workers.heard(connection, "mine", wait=0, by=ann, now=NOW + timedelta(minutes=5))
    assert workers.last_heard(connection) == NOW
