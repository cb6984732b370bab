"""What a gate looks at: the release and its evidence, and what the registry itself knows around them.

Facts come in as values; a gate asks no database and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.guidance.definition import Guidance
from services.guidance.evidence import Kind
from services.guidance.lifecycle import Check, State
from services.guidance.policies import Policy
from services.guidance.release import EvidencePack
from services.guidance.transparency.disclosed import Filled
from services.guidance.transparency.readings import Facts
from services.guidance.trial import Trial
from services.registry.decisions.conditions import Condition
from services.registry.decisions.origins import Origin
from services.registry.decisions.questions import Question
from services.registry.decisions.rollbacks import Rollback


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What came back of a release from where it runs."""

    here: tuple[str, ...] = ()
    """Workers whose last word is that they have it, in the stage that it is in."""
    elsewhere: tuple[str, ...] = ()
    """Workers whose last word on its deployment is another stage, or another release."""
    last_day: str = ""
    """Of the last counts, `2026-11-22`; empty if none came."""
    calls: int = 0
    """In the counts of the days that are recent enough."""
    since: str = ""
    """The first of these days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a reader is told of a release: the facts that it is computed from, and the attributes as they come out."""

    facts: Facts
    attributes: Mapping[Literal["predictive", "evidence-based"], tuple[Filled, ...]]
    """Computed only before general, where they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the registry knows of a proposal besides its evidence."""

    trial: Trial | None = None
    """The one filed last."""
    trials: Mapping[str, Trial] = field(default_factory=dict)
    """All that were filed, by digest."""
    rollback: Rollback | None = None
    watch: Watch = Watch()
    conditions: tuple[Condition, ...] = ()
    """Those that are in the way of this step."""
    questions: tuple[Question, ...] = ()
    """Blocking ones that are open."""
    origin: Origin | None = None
    """Where it came from; None if it was made here."""
    foreign: frozenset[str] = frozenset()
    """SHA-256 of every report about it that was found elsewhere."""
    state: State = "registered"
    """Where it stands."""
    review_overdue: str = ""
    """The day by which it was to be looked at again, if that is so long ago that it blocks; else empty."""
    told: Told | None = None
    """None where only evidence is weighed; the registry always fills it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """Everything that the gate before a state looks at."""

    to: State
    guidance: Guidance
    release: str
    packs: Mapping[Kind, EvidencePack]
    """The latest of each kind."""
    policy: Policy
    around: Surroundings


Gate = Callable[[GateFacts], Iterator[Check]]
"""A part of the gate; it answers nothing for states that it is not asked about."""
