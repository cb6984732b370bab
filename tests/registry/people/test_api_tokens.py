"""A token does what its holder may do and its scopes name, until it ends; and nobody can read one from the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from services.guidance.errors import NotAuthenticated, NotFound, NotPermitted
from services.plumbing.database import writing
from services.registry.memory import ledger
from services.registry.people import api_tokens, persons
from services.registry.people.tables import tokens as table
from services.timeline.errors import BadInput
from tests.registry.conftest import NOW, House

pytestmark = pytest.mark.anyio


@pytest.fixture
def ann(connection: Connection) -> persons.Added:
    """A reviewer with the token that came with her."""
    return persons.add_person(connection, "Ann", ["clinical-reviewer"], now=NOW, by="tests")


def made(connection: Connection, *scopes: str, label: str = "notebook", days: int = 30) -> api_tokens.Made:
    """A token of Ann's."""
    return api_tokens.add(connection, "ann", label=label, scopes=scopes, days=days, now=NOW, by="tests")


def test_a_token_is_its_holder_within_its_scopes(connection: Connection, ann: persons.Added) -> None:
    """The one that came with her does everything, still."""
    caller = api_tokens.identify(connection, made(connection, "read").token, now=NOW)
    assert (caller.person, caller.acts, caller.is_scoped) == (ann.person, {"read"}, True)
    with pytest.raises(NotPermitted, match="this token may not vote"):
        caller.must("vote")
    caller = api_tokens.identify(connection, ann.token, now=NOW)
    assert not caller.is_scoped
    caller.must("vote")


def test_it_ends(connection: Connection, ann: persons.Added) -> None:
    """By its day, by being revoked, and with the person; the others of the person stay."""
    first, second = made(connection, "read"), made(connection, "read", label="other", days=60)
    with pytest.raises(NotAuthenticated):
        api_tokens.identify(connection, first.token, now=NOW + timedelta(days=30))
    api_tokens.identify(connection, second.token, now=NOW + timedelta(days=30))
    api_tokens.revoke(connection, second.id, now=NOW, by="tests")
    with pytest.raises(NotAuthenticated):
        api_tokens.identify(connection, second.token, now=NOW)
    api_tokens.identify(connection, first.token, now=NOW)
    persons.deactivate(connection, "Ann", now=NOW, by="tests")
    with pytest.raises(NotAuthenticated):
        api_tokens.identify(connection, first.token, now=NOW)
    with pytest.raises(NotFound):
        api_tokens.revoke(connection, first.id, now=NOW, by="tests")


def test_it_never_outgrows_its_holder(connection: Connection, ann: persons.Added) -> None:
    """A scope that the holder lacks is refused, and one that the holder loses is lost."""
    with pytest.raises(BadInput, match="may not propose"):
        made(connection, "read", "propose")
    voter = made(connection, "read", "vote")
    persons.change_roles(connection, "Ann", ["auditor"], now=NOW, by="tests")
    assert api_tokens.identify(connection, voter.token, now=NOW).acts == {"read"}


@pytest.mark.parametrize(
    ("scopes", "label", "days"),
    [([], "x", 1), (["everything"], "x", 1), (["read"], "", 1), (["read"], "x", 0), (["read"], "x", 367),
     (["read"], "x\x00", 1), (["read"], "x" * 101, 1)],
)  # fmt: skip
def test_what_is_no_token(connection: Connection, ann: persons.Added, scopes: list[str], label: str, days: int) -> None:
    """Without a scope, a label or an end, or with one that nobody knows."""
    with pytest.raises(BadInput):
        made(connection, *scopes, label=label, days=days)


def test_it_is_listed_without_itself(connection: Connection, ann: persons.Added) -> None:
    """And the ledger keeps that there is one."""
    token = made(connection, "read")
    (row,) = api_tokens.of(connection, "Ann", now=NOW)
    assert (row["id"], row["label"], row["scopes"], row["used_at"]) == (token.id, "notebook", ["read"], "")
    api_tokens.used(connection, api_tokens.identify(connection, token.token, now=NOW), now=NOW)
    assert not api_tokens.identify(connection, token.token, now=NOW).is_due
    kept = str(connection.execute(select(table)).all()) + str(ledger.entries(connection)) + str(row)
    assert token.token not in kept
    assert ledger.entries(connection)[-1]["action"] == "token added"
    with pytest.raises(BadInput, match="label"):
        made(connection, "read")


async def test_scopes_hold_on_every_door(house: House) -> None:
    """In the API by act; on pages a narrower token reads and sends no form."""
    with writing(house.app.state.desk.engine) as connection:
        token = api_tokens.add(
            connection, "Ann Clinical", label="x", scopes=["read"], days=1, now=house.clock(), by="tests"
        ).token
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await house.http.get("/proposals", headers=bearer)).status_code == 200
    answer = await house.http.post("/deployments/small/suspend", headers=bearer)
    assert (answer.status_code, answer.json()["place"]) == (403, "scopes")
    note = {"guidance": "small", "kind": "lesson", "text": "Ask the ward first."}
    answer = await house.http.post("/memory", headers=bearer, json=note)
    assert (answer.status_code, answer.json()["place"]) == (403, "scopes")
    house.clock.pass_time(days=1)
    assert (await house.http.get("/proposals", headers=bearer)).status_code == 401
