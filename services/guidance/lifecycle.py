"""How guidance earns the right to speak: seven states, one table of transitions, and what a person, a vote and a check are.

    registered → development → silent → pilot → general        each step: distinct people in every role named
    silent | pilot | general → suspended                       any one person in a role that may stop
    suspended → silent | pilot | general                       the quorum of the state it returns to, never higher
    silent | pilot | general → itself                          a review: the quorum of the stage decides that it goes on
    any → retired                                              and retired never returns

`counting` decides by this table; `policies` may ask for more people than it names, never for fewer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, get_args

from services.guidance.evidence import Kind

State = Literal["registered", "development", "silent", "pilot", "general", "suspended", "retired"]
Role = Literal[
    "model-developer", "data-steward", "clinical-reviewer", "data-science-reviewer", "equity-reviewer",
    "privacy-security", "statistician", "operations", "patient-representative", "safety-officer", "auditor",
    "administrator",
]  # fmt: skip
Verdict = Literal["meets", "does not meet", "cannot tell"]
Choice = Literal["approve", "approve-with-conditions", "reject", "not-enough-evidence", "withdraw"]

STATES: Final[tuple[State, ...]] = get_args(State)
ROLES: Final[tuple[Role, ...]] = get_args(Role)
APPROVALS: Final[frozenset[Choice]] = frozenset({"approve", "approve-with-conditions"})
"""What counts towards a quorum; every other choice does not."""
RUNNING: Final[tuple[State, ...]] = ("silent", "pilot", "general")
SPEAKING: Final[tuple[State, ...]] = ("pilot", "general")
NEVER_VOTE: Final[Mapping[Role, str]] = MappingProxyType(
    {
        "model-developer": "who builds does not approve",
        "administrator": "who makes accounts does not vote",
        "auditor": "who reads everything changes nothing",
        "safety-officer": "who may stop on their own does not vote",
    }
)
"""Roles whose holders vote in no role at all, and why."""
MAY_STOP: Final[frozenset[Role]] = frozenset(
    {
        "clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security", "operations",
        "patient-representative", "safety-officer",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one step needs at least: a distinct person in each of `roles`, who read evidence of each kind in `evidence`.

    `any_one`: instead of a quorum, one person in any of these roles.
    """

    roles: frozenset[Role] = frozenset()
    evidence: tuple[Kind, ...] = ()
    any_one: frozenset[Role] = frozenset()


ENTRY: Final[Mapping[State, Rule]] = MappingProxyType(
    {
        "registered": Rule(),
        "development": Rule(roles=frozenset({"data-steward", "operations"})),
        "silent": Rule(roles=frozenset({"clinical-reviewer", "data-science-reviewer"}), evidence=("training",)),
        "pilot": Rule(
            roles=frozenset({"clinical-reviewer", "data-science-reviewer", "equity-reviewer", "privacy-security"}),
            evidence=("training", "silent"),
        ),
        "general": Rule(
            roles=frozenset(
                {
                    "clinical-reviewer",
                    "data-science-reviewer",
                    "equity-reviewer",
                    "privacy-security",
                    "operations",
                    "patient-representative",
                }
            ),
            evidence=("training", "silent", "trial"),
        ),
        "suspended": Rule(any_one=MAY_STOP),
        "retired": Rule(roles=frozenset({"clinical-reviewer", "operations"})),
    }
)
"""What entering a state needs; nothing leads to `registered` but a proposal. `operations` stands for the service line that owns the guidance in use."""

_STEPS: Final[Mapping[State, tuple[State, ...]]] = MappingProxyType(
    {
        "registered": ("development", "retired"),
        "development": ("silent", "retired"),
        "silent": ("pilot", "suspended", "retired"),
        "pilot": ("general", "suspended", "retired"),
        "general": ("suspended", "retired"),
        "suspended": ("silent", "pilot", "general", "retired"),
        "retired": (),
    }
)
TRANSITIONS: Final[Mapping[tuple[State, State], Rule]] = MappingProxyType(
    {(source, target): ENTRY[target] for source, targets in _STEPS.items() for target in targets}
)
"""Every step there is, and what it needs."""
CONTINUES: Final[Mapping[State, Rule]] = MappingProxyType({state: ENTRY[state] for state in RUNNING})
"""Going on in a stage, decided at a review: by those who let it in. It moves the day of the next review and nothing else."""


UPDATES: Final[frozenset[tuple[State, State]]] = frozenset({("silent", "pilot"), ("pilot", "general")})
"""Steps that fewer people may take where an update stays within a change plan that all of them agreed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """Who must agree to such an update: each of `roles`, and one of `one_of`. Whoever may say no to any step still may."""

    roles: frozenset[Role]
    one_of: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who acts. A service is known by name and token too, and never votes."""

    name: str
    roles: frozenset[str]
    is_service: bool = False
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's word on one step of one release, and the digests of what was read: evidence packs, and the trial."""

    person: str
    role: str
    vote: Choice
    transition: State
    release: str
    round: int
    evidence: frozenset[str] = frozenset()
    accepts: frozenset[str] = frozenset()
    """Names of checks whose verdict is `cannot tell` and that this person accepts, with the reason given."""
    plans: Mapping[str, str] = field(default_factory=dict)
    """How it will be found out, by name of the accepted check; some checks ask for it."""
    conflict: str = ""
    """The conflict of interest that this person declares; whoever has one is kept and not counted."""
    expires: datetime | None = None
    """From then on an approval does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One checked fact of a gate: what was asked, what was found, and by which evidence."""

    name: str
    asked: str
    found: str
    verdict: Verdict
    evidence: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    accepted_by: frozenset[Role] = frozenset()
    """Roles that may accept `cannot tell`; nobody may accept `does not meet`."""
    asks_plan: bool = False
    """Whether accepting it needs a plan to find out."""


def rule_of(source: State, to: State) -> Rule | None:
    """What a step needs, going on included; None if there is no such step."""
    return CONTINUES.get(to) if source == to else TRANSITIONS.get((source, to))


def person_key(name: str) -> str:
    """A name as it is compared: an author cannot vote by writing the name with other spaces, letters or case."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()


def may_stop(person: Person) -> bool:
    """Whether this person may suspend guidance alone and at once. Authors may stop their own."""
    return person.is_active and not person.is_service and bool(MAY_STOP & person.roles)
