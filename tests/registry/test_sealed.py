"""Secrets stand sealed in the database: those of before from the next start, under another key from the start after it came."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select, text, update

from services.guidance.errors import Unavailable
from services.guidance.lifecycle import Person
from services.plumbing.database import open_database
from services.plumbing.password_hashes import hash_password, password_fits
from services.registry.app import create_app
from services.registry.database import make_tables, open_tables
from services.registry.notices import choices
from services.registry.notices.choices import Choice, Ways
from services.registry.notices.tables import notice_choices
from services.registry.people import accounts, persons
from services.registry.people.tables import accounts as table
from services.registry.sealed import PASSWORD, about, open_sealer
from services.registry.settings import RegistrySettings
from tests.registry.conftest import NOW, Clock, House
from tests.registry.people.browsing import WORDS, Browser, with_password

pytestmark = pytest.mark.anyio
ANN = Person(name="Ann", roles=frozenset({"auditor"}))
WAYS = Ways(hosts=("127.0.0.1",))


@pytest.fixture
def of_before(database: str) -> Iterator[Engine]:
    """A database of revision 0003: a password's hash and a webhook's secret as they stood then, in clear."""
    engine = open_database(database)
    make_tables(engine)
    with engine.begin() as connection:
        persons.add_person(connection, "Ann", ["auditor"], now=NOW, by="tests")
        values = {"person": "ann", "password": hash_password(WORDS), "must_change": False, "is_demo": False}
        connection.execute(table.insert().values(**values, changed_at="x"))
        values = {"person": "ann", "email": "", "webhook": "http://127.0.0.1/", "secret": "whsec_AAAA", "kinds": []}
        connection.execute(notice_choices.insert().values(**values, changed_at="x"))
    yield engine
    engine.dispose()


def key() -> str:
    """One line of a key file."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def kept(engine: Engine) -> list[str]:
    """The sealed columns as the database holds them."""
    with engine.connect() as connection:
        found = (
            connection.execute(text(f"SELECT {one}")).scalars().all()
            for one in ("password FROM accounts", "secret FROM notice_choices")
        )
        return [str(one) for column in found for one in column]


def test_what_stood_in_clear_is_sealed_at_the_next_start(database: str, of_before: Engine, tmp_path: Path) -> None:
    """And is what it was; under the next key it is sealed again, and the former one can then be thrown away."""
    old, new = key(), key()
    for lines in (old, f"{new}\n{old}", new):
        settings = RegistrySettings(var=tmp_path, database_url=database, sealing_keys=SecretStr(lines))
        open_tables(settings).dispose()
        sealer = open_sealer(settings)
        for one in kept(of_before):
            assert sealer.is_current(one)
            assert "argon2" not in one
            assert "whsec" not in one
        assert password_fits(sealer.open(kept(of_before)[0], about=about(PASSWORD, "ann")), WORDS)


def test_without_its_key_nothing_is_lost_and_everything_says_so(
    database: str, of_before: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The registry starts, for what may speak does not depend on it; what is sealed stays as it was until its key is back."""
    old = RegistrySettings(var=tmp_path, database_url=database, sealing_keys=SecretStr(key()))
    open_tables(old).dispose()
    before = kept(of_before)
    other = RegistrySettings(var=tmp_path, database_url=database, sealing_keys=SecretStr(key()))
    open_tables(other).dispose()
    assert kept(of_before) == before
    assert "sealed by keys that are not here" in "".join(capsys.readouterr())
    with pytest.raises(Unavailable):
        open_sealer(other).open(before[0], about=about(PASSWORD, "ann"))


def test_new_secrets_are_sealed_when_they_are_kept(of_before: Engine) -> None:
    """Of a password nobody can guess from the database alone; of a webhook the secret is shown and only its sealed form kept."""
    settings_sealer = open_sealer(RegistrySettings(sealing_keys=SecretStr(key())))
    with of_before.begin() as connection:
        given = accounts.give_password(connection, "Ann", now=NOW, by="tests", sealer=settings_sealer)
        wish = Choice(webhook="https://127.0.0.1/x", kinds=("vote",))
        shown = choices.choose(connection, ANN, wish, ways=WAYS, now=NOW, sealer=settings_sealer)
    first, second = kept(of_before)
    assert password_fits(settings_sealer.open(first, about=about(PASSWORD, "ann")), given)
    assert not password_fits(first, given)
    assert settings_sealer.open(second, about="webhook\nann") == shown


def test_a_second_registry_makes_no_key_of_its_own(database: str, of_before: Engine, tmp_path: Path) -> None:
    """On a database that another one sealed it does not start without the keys, and says where they are wanted."""
    open_tables(RegistrySettings(var=tmp_path / "first", database_url=database)).dispose()
    second = RegistrySettings(var=tmp_path / "second", database_url=database)
    with pytest.raises(Unavailable, match="keys that are not here") as refused:
        open_tables(second)
    assert "KNOWDO_REGISTRY_SEALING_KEYS_FILE" in refused.value.remedy
    assert not (second.folder / "sealing-keys").exists()
    given = SecretStr((tmp_path / "first/registry/sealing-keys").read_text())
    open_tables(RegistrySettings(var=tmp_path / "second", database_url=database, sealing_keys=given)).dispose()


async def test_a_hash_that_is_copied_to_somebody_else_opens_nothing(house: House) -> None:
    """Who can write into the database cannot sign in as another with a password of their own."""
    with_password(house, "Ann Clinical")
    with_password(house, "Ben Data", "another long sentence here")
    with house.app.state.desk.engine.begin() as connection:
        mine = connection.execute(select(table.c.password).where(table.c.person == "ben data")).scalar_one()
        connection.execute(update(table).where(table.c.person == "ann clinical").values(password=mine))
    answer = await Browser(house).sign_in("Ann Clinical", "another long sentence here")
    assert answer.status_code == 503


async def test_readiness_says_that_keys_are_missing(house: House, clock: Clock) -> None:
    """Without refusing work: guidance is governed as before."""
    with_password(house, "Ann Clinical")
    assert (await house.http.get("/readyz")).json()["secrets"] == "sealed"
    settings = house.settings.model_copy(update={"sealing_keys": SecretStr(key())})
    other = create_app(settings, now=clock)
    async with other.router.lifespan_context(other):
        transport = httpx.ASGITransport(app=other)
        async with httpx.AsyncClient(transport=transport, base_url="http://registry.test") as http:
            answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()["secrets"]) == (200, "some are sealed by keys that are not here")
