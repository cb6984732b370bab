"""The report of a trial, `trial.json`: what happened in each arm, the difference with its interval, and the harms.

Counts come first and differences follow from them: whoever reads it can reckon them again, and the gate does. An
analysis by intention to treat: a unit belongs to the arm that it was drawn into, whatever it was shown.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from services.guidance.estimate import Estimate
from services.guidance.trial import Unit

TRIAL_FILE: Final = "trial.json"

Count = Annotated[int, msgspec.Meta(ge=0)]
_Said = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """One arm: units drawn into it, those followed to the end, and those of them that had the event."""

    arm: str
    shows: bool
    units: Count
    followed: Count
    events: Count

    def __post_init__(self) -> None:
        """ValueError if more are counted than there were."""
        if not self.events <= self.followed <= self.units:
            raise ValueError("`events` <= `followed` <= `units` must hold")

    @property
    def rate(self) -> float:
        """Share of those followed that had the event."""
        return self.events / self.followed if self.followed else 0.0


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome in every arm, and shown minus withheld as a difference of shares with its 95 % interval."""

    outcome: _Said
    wanted: Literal["fewer", "more"]
    """Whether the event is to be had less often, or more often, where cards are shown."""
    arms: Annotated[tuple[Tally, ...], msgspec.Meta(min_length=2, max_length=8)]
    difference: Estimate
    method: _Said
    """How the interval was found; a clustered unit is named here."""

    def __post_init__(self) -> None:
        """ValueError unless there are arms that show and arms that do not, each once."""
        names = [arm.arm for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("two arms have the same name")
        if {arm.shows for arm in self.arms} != {True, False}:
            raise ValueError("an effect needs an arm that shows and an arm that does not")

    @property
    def from_counts(self) -> float:
        """The difference of shares as the counts give it, arms of one kind taken together."""
        shown, withheld = ([arm for arm in self.arms if arm.shows is shows] for shows in (True, False))
        return _rate(shown) - _rate(withheld)

    @property
    def gain(self) -> tuple[float, float]:
        """The interval, turned so that above 0 is good."""
        low, high = self.difference.ci
        return (low, high) if self.wanted == "more" else (-high, -low)


class Harm(msgspec.Struct, frozen=True, kw_only=True):
    """A harm that was looked for, with the increase that the protocol allows at most."""

    effect: Effect
    at_most: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)]
    """Shown minus withheld, as a share."""

    def __post_init__(self) -> None:
        """ValueError if a harm is called wanted."""
        if self.effect.wanted != "fewer":
            raise ValueError("a harm is to be had less often")


class TrialReport(msgspec.Struct, frozen=True, kw_only=True):
    """`trial.json`: the result of one trial of one release."""

    guidance: str
    release: str
    trial: str
    """Digest of the trial as it was filed and voted on."""
    unit: Unit
    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    planned_units: Count
    """In all arms together, by the protocol."""
    primary: Effect
    harms: tuple[Harm, ...] = ()
    secondary: tuple[Effect, ...] = ()
    deviations: tuple[_Said, ...] = ()
    """Where the protocol was left."""


def _rate(arms: list[Tally]) -> float:
    followed = sum(arm.followed for arm in arms)
    return sum(arm.events for arm in arms) / followed if followed else 0.0
