"""The demo's committee: five made-up persons who vote, an author and a safety officer who do not, each with an own token.

They vote as a real committee would: through the registry's API, one person one role, on evidence named by digest. A
check that cannot tell is accepted only by the role that may, with a reason; one that fails is accepted by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from services.all_in_one import Platform
from services.guidance.errors import NotAuthenticated, Refused
from services.plumbing.database import reading, writing
from services.plumbing.registry_client import RegistryClient
from services.registry.database import open_tables
from services.registry.people import accounts, persons
from services.registry.people.tokens import write_token
from services.registry.sealed import open_sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A made-up person."""

    name: str
    roles: tuple[str, ...]

    @property
    def slug(self) -> str:
        """Name of the token's file."""
        return self.name.lower().replace(".", "").replace(" ", "-")


AUTHOR: Final = Member(name="Farid Haddad", roles=("model-developer",))
SAFETY_OFFICER: Final = Member(name="Grace Kim", roles=("safety-officer",))
VOTERS: Final = (
    Member(name="Amara Osei", roles=("clinical-reviewer",)),
    Member(name="Ben Fischer", roles=("data-science-reviewer",)),
    Member(name="Chen Li", roles=("equity-reviewer",)),
    Member(name="Dana Whitfield", roles=("privacy-security", "data-steward")),
    Member(name="Eva Marin", roles=("operations", "patient-representative")),
)


PILOT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "id": "demo-pilot",
        "unit": "patient",
        "arms": [{"name": "show", "weight": 9, "shows": True}, {"name": "withheld", "weight": 1, "shows": False}],
    }
)
"""One of ten patients, by lot, is treated without: so it can be known what the card does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that was taken: who agreed, and which doubts were accepted by whom."""

    to: str
    agreed: Mapping[str, str]
    doubts: Mapping[str, str]


LONGEST_FOUND: Final = 60
ERROR_RATES: Final = "/error-rates"
"""The end of a check's name that asks for an answer, not for patience."""
PLAN_TO_FIND_OUT: Final = (
    "Demonstration: the same groups are weighed again from the pilot, by the equity reviewer, before general use."
)


class Committee:
    """Everyone's client of the registry."""

    def __init__(self, clients: Mapping[str, RegistryClient]) -> None:
        self._clients = clients

    @property
    def author(self) -> RegistryClient:
        """The registry as the author sees it."""
        return self._clients[AUTHOR.name]

    async def make_ready(self, proposal: str) -> str:
        """The author files who will see nothing, and what speaks if it must be taken back; answers the trial's digest."""
        filed = await self.author.file_trial(proposal, dict(PILOT))
        await self.author.declare_rollback(proposal, "none", reason="Demonstration: nothing has spoken here before.")
        return str(filed["trial"]["digest"])

    async def move(self, proposal: str, to: str) -> Step:
        """Everybody whose role the step needs reads the evidence and votes; Refused says what is in the way."""
        known = await self.author.proposal(proposal)
        step = next((one for one in known["steps"] if one["to"] == to), None)
        if step is None:
            raise Refused(f"there is no step from {known['state']} to {to}", place=proposal)
        if failed := [check for check in step["checks"] if check["verdict"] == "does not meet"]:
            raise Refused(
                "; ".join(f"{check['asked']}: {check['found']}" for check in failed),
                place=f"gate to {to}",
                remedy="Nobody may accept a check that fails; mend what it names",
            )
        doubts: dict[str, str] = {}
        for role in step["missing_roles"]:
            member = _holder(role)
            mine = [
                check for check in step["checks"] if check["verdict"] == "cannot tell" and role in check["accepted_by"]
            ]
            doubts |= {check["name"]: f"{member.name} ({role}): {check['found']}" for check in mine}
            answer = await self._clients[member.name].vote(
                proposal,
                transition=to,
                role=role,
                vote="approve",
                release=known["release"],
                evidence=[
                    *(one["evidence"] for one in known["evidence"]),
                    *([known["trial"]["digest"]] if known["trial"] else []),
                ],
                reason=_reason(mine),
                accepts=[check["name"] for check in mine],
                plans={check["name"]: PLAN_TO_FIND_OUT for check in mine if check["asks_plan"]},
            )
            step = answer["decision"]
        if not step["passes"]:
            raise Refused(
                f"the votes are cast, but {', '.join(step['failed_checks']) or 'something'} is in the way",
                place=f"gate to {to}",
                remedy="See the proposal on the registry's page",
            )
        return Step(to=to, agreed=step["agreed"], doubts=doubts)


def gather(platform: Platform) -> Committee:
    """Add the committee to the registry, or find it there again; tokens are kept under `<var>/secrets/people`."""
    folder = platform.var / "secrets" / "people"
    clients = {}
    for member in (*VOTERS, AUTHOR, SAFETY_OFFICER):
        token = _token(platform, member, folder / f"{member.slug}.token")
        clients[member.name] = platform.registry_client(token)
    return Committee(clients)


def _token(platform: Platform, member: Member, path: Path) -> str:
    """The member's token if it is still good, else a new one."""
    engine = open_tables(platform.registry)
    sealer = open_sealer(platform.registry)
    try:
        if path.is_file():
            kept = path.read_text(encoding="utf-8").strip()
            try:
                with reading(engine) as connection:
                    known = persons.who_is(connection, kept).name == member.name
                if known:
                    with writing(engine) as connection:
                        accounts.give_demo_password(connection, member.name, now=datetime.now(UTC), sealer=sealer)
                    return kept
            except NotAuthenticated:
                pass  # another registry's token: the next lines make one for this
        with writing(engine) as connection:
            now = datetime.now(UTC)
            if persons.find(connection, member.name) is None:
                added = persons.add_person(connection, member.name, member.roles, now=now, by="knowdo demo")
            else:
                added = persons.new_token(connection, member.name, now=now, by="knowdo demo")
            accounts.give_demo_password(connection, member.name, now=now, sealer=sealer)
            write_token(path, added.token)
        return added.token
    finally:
        engine.dispose()


def _holder(role: str) -> Member:
    return next(member for member in VOTERS if role in member.roles)


def _reason(doubts: list[dict[str, Any]]) -> str:
    if not doubts:
        return "Demonstration: read and agreed."
    # What was found of a dozen groups is in the gate; here it is only named, so that a reason stays one.
    outside = [check["name"] for check in doubts if check["name"].endswith(ERROR_RATES)]
    rest = [check for check in doubts if check["name"] not in outside]
    said = "; ".join(f"{check['name']} ({check['found'][:LONGEST_FOUND]})" for check in rest)
    short = (
        f"a month is too short to tell ({said}); accepted for a pilot, to be looked at again with more data."
        if rest
        else ""
    )
    known = (
        f"{', '.join(outside)}: outside the limit, by as much as their own risks imply; answered for in this demonstration only."
        if outside
        else ""
    )
    return f"Demonstration: {' '.join(part for part in (short, known) if part)}"
