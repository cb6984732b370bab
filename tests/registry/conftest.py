"""A registry on its own database, people with tokens, and a client that reaches it without a socket."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, Engine

from services.guidance.lifecycle import SPEAKING, Person, State
from services.guidance.policies import POLICIES, Policy
from services.guidance.release import EvidencePack, ReleaseBundle, pack
from services.plumbing.database import create_tables, open_database, writing
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_messages import Proposed
from services.registry.app import create_app
from services.registry.people import persons
from services.registry.settings import RegistrySettings
from services.registry.tables import TABLES
from tests.postgres import fresh_database
from tests.registry import samples

NOW = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)
ON = "KNOWDO_TEST_REGISTRY_ON"
"""`postgresql`: every test of the registry that names no database runs on PostgreSQL instead of SQLite."""


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """The time it shows."""
        return self.now

    def pass_time(self, **span: float) -> None:
        """Move it on."""
        self.now += timedelta(**span)


@dataclass
class House:
    """A running registry with everyone's token."""

    app: FastAPI
    http: httpx.AsyncClient
    settings: RegistrySettings
    clock: Clock
    tokens: Mapping[str, str] = field(default_factory=dict)

    def as_(self, name: str) -> RegistryClient:
        """The registry as this person or service sees it."""
        return RegistryClient(self.http, self.tokens[name])

    async def propose(
        self, bundle: ReleaseBundle | None = None, *, evidence: tuple[EvidencePack, ...] | None = None
    ) -> Proposed:
        """The learner proposes a release, with evidence that passes every gate unless told otherwise."""
        bundle = bundle or samples.release()
        digest = bundle.digest
        packs = (samples.training_pack(digest), samples.silent_pack(digest)) if evidence is None else evidence
        return await self.as_("learner").propose(pack(bundle), [pack(one) for one in packs], author="Jon Developer")

    async def agree(
        self, proposed: Proposed, to: State, *, but: tuple[str, ...] = (), accepts: tuple[str, ...] = ()
    ) -> str:
        """Everyone whose role the step needs votes for it, but those left out; answers the state."""
        if to in SPEAKING:
            await self.make_ready(proposed)
        known = await self.as_("Kim Auditor").proposal(proposed.proposal)
        state = str(known["state"])
        for role in next(step for step in known["steps"] if step["to"] == to)["missing_roles"]:
            name = VOTERS[role]
            if name in but:
                continue
            answer = await self.as_(name).vote(
                proposed.proposal,
                transition=to,
                role=role,
                vote="approve",
                release=proposed.release,
                evidence=[
                    *(one["evidence"] for one in known["evidence"]),
                    *([known["trial"]["digest"]] if known["trial"] else []),
                ],
                reason="read and agreed",
                accepts=accepts,
            )
            state = str(answer["state"])
        return state

    async def make_ready(self, proposed: Proposed) -> None:
        """File a trial and a rollback, where none is, so that it may speak."""
        known = await self.as_("Kim Auditor").proposal(proposed.proposal)
        if known["trial"] is None:
            await self.as_("Jon Developer").file_trial(proposed.proposal, samples.PLAN)
        if known["rollback"] is None:
            await self.as_("Jon Developer").declare_rollback(proposed.proposal, "none", reason="the first of its kind")

    async def climb(self, proposed: Proposed, to: State) -> str:
        """Take every step up to a stage."""
        ladder: tuple[State, ...] = ("development", "silent", "pilot")
        state = ""
        for step in ladder[: ladder.index(to) + 1]:
            state = await self.agree(proposed, step)
        return state


VOTERS: Mapping[str, str] = {
    "clinical-reviewer": "Ann Clinical",
    "data-science-reviewer": "Ben Data",
    "equity-reviewer": "Cleo Equity",
    "privacy-security": "Dan Privacy",
    "data-steward": "Eve Steward",
    "operations": "Fay Operations",
    "patient-representative": "Gil Patient",
}


@pytest.fixture
def clock() -> Clock:
    """Stands at 14:02:07 on 22 November 2026."""
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Each kind of database in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/registry.sqlite"
    else:
        yield from fresh_database()


@pytest.fixture
def kept_in(tmp_path: Path) -> Iterator[str]:
    """Where `engine` and `house` keep what they are told: SQLite, unless ON says otherwise or a test file asks for `database`."""
    if os.environ.get(ON) == "postgresql":
        yield from fresh_database()
    else:
        yield f"sqlite:///{tmp_path}/registry/registry.sqlite"


@pytest.fixture
def engine(kept_in: str) -> Iterator[Engine]:
    """A registry's tables, empty."""
    engine = open_database(kept_in)
    create_tables(engine, TABLES)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One open transaction on the empty tables."""
    with writing(engine) as connection:
        yield connection


@pytest.fixture
def policy() -> Policy:
    """The demo policy: the small samples of these tests pass it."""
    return POLICIES["demo"]


@pytest.fixture
def team(connection: Connection) -> dict[str, Person]:
    """Everyone, added to the open transaction."""
    return {
        name: persons.add_person(connection, name, roles, now=NOW, by="tests").person
        for name, roles in samples.TEAM.items()
    }


@pytest.fixture
async def house(tmp_path: Path, clock: Clock, kept_in: str) -> AsyncIterator[House]:
    """A running registry under the standard policy."""
    async with running(RegistrySettings(var=tmp_path, policy="standard", database_url=kept_in), clock) as house:
        yield house


class running:  # noqa: N801 - reads as a verb where it is used
    """`async with running(settings, clock) as house`."""

    def __init__(self, settings: RegistrySettings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.app = create_app(settings, now=clock)
        self.lifespan = self.app.router.lifespan_context(self.app)

    async def __aenter__(self) -> House:
        """Start it, and add everyone."""
        await self.lifespan.__aenter__()
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://registry.test")
        desk = self.app.state.desk
        tokens: dict[str, str] = {}
        with writing(desk.engine) as connection:
            for name, roles in samples.TEAM.items():
                tokens[name] = persons.add_person(connection, name, roles, now=NOW, by="tests").token
            for name in ("learner", "cds"):
                added = persons.add_person(connection, name, [name], now=NOW, by="tests", is_service=True)
                tokens[name] = added.token
        return House(app=self.app, http=self.http, settings=self.settings, clock=self.clock, tokens=tokens)

    async def __aexit__(self, *_: object) -> None:
        """Stop it."""
        await self.http.aclose()
        await self.lifespan.__aexit__(None, None, None)
