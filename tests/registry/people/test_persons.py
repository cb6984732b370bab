"""Who may act: tokens that are never kept, roles that are remembered, and services that can do little."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Connection, select

from services.guidance.errors import NotAuthenticated, NotFound, NotPermitted, Refused
from services.guidance.lifecycle import MAY_STOP, NEVER_VOTE, ROLES, Person
from services.registry.memory import ledger
from services.registry.people import persons
from services.registry.people.persons import SERVICES, acts_of, add_person, deactivate, must, new_token, who_is
from services.registry.tables import people as table
from services.timeline.errors import BadInput
from tests.registry.conftest import NOW


def add(connection: Connection, name: str, *roles: str, is_service: bool = False) -> persons.Added:
    """Someone new."""
    return add_person(connection, name, roles, now=NOW, by="tests", is_service=is_service)


def test_a_token_proves_who_one_is(connection: Connection) -> None:
    """And nobody else's does."""
    ann, ben = add(connection, "Ann", "clinical-reviewer"), add(connection, "Ben", "auditor")
    assert who_is(connection, ann.token) == ann.person
    assert who_is(connection, ben.token).name == "Ben"


@pytest.mark.parametrize("token", ["", "knowdo_", "x", "\x00", "é" * 40, "\ud800"])
def test_any_other_token_proves_nothing(connection: Connection, token: str) -> None:
    """Empty, short, odd or half a letter: nobody's."""
    add(connection, "Ann", "clinical-reviewer")
    with pytest.raises(NotAuthenticated):
        who_is(connection, token)


def test_the_token_is_not_in_the_database(connection: Connection) -> None:
    """Whoever reads the tables, the ledger included, cannot act as anybody."""
    token = add(connection, "Ann", "clinical-reviewer").token
    kept = json.dumps([[str(cell) for cell in row] for row in connection.execute(select(table))])
    assert token not in kept + json.dumps(ledger.entries(connection))
    assert len(token) > 40


def test_a_new_token_ends_the_old_one(connection: Connection) -> None:
    """Lost tokens are replaced, not found."""
    old = add(connection, "Ann", "clinical-reviewer").token
    new = new_token(connection, "ann", now=NOW, by="tests").token
    assert who_is(connection, new).name == "Ann"
    with pytest.raises(NotAuthenticated):
        who_is(connection, old)


def test_a_person_who_left_may_do_nothing(connection: Connection) -> None:
    """The token is worth nothing; the name and past acts stay."""
    token = add(connection, "Ann", "clinical-reviewer").token
    deactivate(connection, "Ann", now=NOW, by="tests")
    with pytest.raises(NotAuthenticated):
        who_is(connection, token)
    assert acts_of(persons.must_find(connection, "Ann")) == frozenset()


def test_a_name_is_one_person(connection: Connection) -> None:
    """Another spelling of the same name is refused: nobody can be two people."""
    add(connection, "Ann  Roy", "clinical-reviewer")
    for name in ("Ann Roy", "ANN ROY", " ann\u00a0roy ", "Ａnn Roy"):
        with pytest.raises(Refused, match="already here"):
            add(connection, name, "equity-reviewer")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b", "a\u202eb"])
def test_an_impossible_name_is_refused(connection: Connection, name: str) -> None:
    """Names are shown to people and kept for ever."""
    with pytest.raises(BadInput, match="name"):
        add(connection, name, "auditor")


def test_unknown_roles_are_refused(connection: Connection) -> None:
    """With the list of those there are; a service has its own."""
    with pytest.raises(BadInput, match="no such role: boss"):
        add(connection, "Ann", "boss")
    with pytest.raises(BadInput, match="no such role: clinical-reviewer"):
        add(connection, "bot", "clinical-reviewer", is_service=True)
    with pytest.raises(BadInput, match="at least one"):
        add(connection, "Ann")
    with pytest.raises(NotFound):
        persons.must_find(connection, "Ann")


def test_who_got_which_role_is_remembered(connection: Connection) -> None:
    """Adding, replacing a token and leaving are entries of the ledger."""
    add(connection, "Ann", "clinical-reviewer", "auditor")
    new_token(connection, "Ann", now=NOW, by="Lea")
    deactivate(connection, "Ann", now=NOW, by="Lea")
    told = ledger.entries(connection)
    assert [entry["action"] for entry in told] == ["person added", "token replaced", "person deactivated"]
    assert told[0]["detail"] == {"name": "Ann", "kind": "person", "roles": ["auditor", "clinical-reviewer"]}
    assert [entry["actor"] for entry in told] == ["tests", "Lea", "Lea"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_can_neither_vote_nor_stop(service: str) -> None:
    """Whatever roles it is given."""
    bot = Person(name="bot", roles=frozenset({service, *ROLES}), is_service=True)
    assert acts_of(bot) == SERVICES[service]
    assert not {"vote", "stop"} & acts_of(bot)


def test_services_do_no_more_than_their_work() -> None:
    """The learner proposes and reads; the CDS fetches what may speak and reports."""
    assert acts_of(Person(name="l", roles=frozenset({"learner"}), is_service=True)) == {"read", "propose"}
    assert acts_of(Person(name="c", roles=frozenset({"cds"}), is_service=True)) == {"run", "report"}
    assert acts_of(Person(name="x", roles=frozenset(), is_service=True)) == frozenset()


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_may_do(role: str) -> None:
    """Reviewers vote, safety roles stop, developers and stewards propose; nobody reports as a service does."""
    acts = acts_of(Person(name="x", roles=frozenset({role})))
    assert ("vote" in acts) == (role not in NEVER_VOTE)
    assert ("stop" in acts) == (role in MAY_STOP)
    assert "read" in acts
    assert "report" not in acts


def test_what_one_may_not_do_is_said() -> None:
    """With the person, the roles held and who can change that."""
    with pytest.raises(NotPermitted, match=r"Kim \(auditor\) may not vote"):
        must(Person(name="Kim", roles=frozenset({"auditor"})), "vote")
