"""A trial as the registry signs it: who is randomised, into which arms, with which shares, and the key that draws them.

Shares are whole numbers, so that a probability is exact and no rounding moves anybody from one arm to another.
Everyone who reads the manifest can draw the arms again: an assignment is a fact that can be checked, not a memory.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from services.guidance.release import canonical_json, digest_of

Unit = Literal["patient", "encounter", "clinician"]

EVERYONE: Final = "show"
"""The arm of a decision where no trial runs."""
UNASSIGNED: Final = "unassigned"
"""The arm of a call that names no unit: it cannot be drawn, so it is shown, and no analysis may count it."""

_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
_Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
_Seed = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Weight = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One arm: its weight among the weights of all, and whether its cards are shown or only kept."""

    name: _Name
    weight: _Weight
    shows: bool


_Arms = Annotated[tuple[Arm, ...], msgspec.Meta(min_length=1, max_length=8)]


class TrialPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people file: an id, the unit that is randomised, the arms. The registry draws the key."""

    id: _Id
    unit: Unit
    arms: _Arms

    def __post_init__(self) -> None:
        """ValueError if two arms have one name, or one takes a name that means something else."""
        _check_names(self.arms)


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan with its key, as the manifest carries it. `seed`: 32 bytes in hex, drawn anew for every trial."""

    format: Literal[1] = 1
    id: _Id
    unit: Unit
    seed: _Seed
    arms: _Arms

    def __post_init__(self) -> None:
        """ValueError if two arms have one name, or one takes a name that means something else."""
        _check_names(self.arms)

    @property
    def weight(self) -> int:
        """The sum of all weights."""
        return sum(arm.weight for arm in self.arms)

    def probability_of(self, arm: Arm) -> float:
        """The known probability of one arm."""
        return arm.weight / self.weight

    @property
    def digest(self) -> str:
        """What a vote names as read; the key is part of it, so that nobody can change it afterwards."""
        return digest_of(canonical_json(msgspec.to_builtins(self)))

    @property
    def shown(self) -> dict[str, Any]:
        """The trial as people see it before it has ended: all but the key."""
        arms = [
            {"name": arm.name, "probability": self.probability_of(arm), "weight": arm.weight, "shows": arm.shows}
            for arm in self.arms
        ]
        return {"id": self.id, "unit": self.unit, "arms": arms, "digest": self.digest}


def with_seed(plan: TrialPlan, seed: str) -> Trial:
    """The trial of a plan: with its key."""
    return Trial(id=plan.id, unit=plan.unit, seed=seed, arms=plan.arms)


def _check_names(arms: tuple[Arm, ...]) -> None:
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        raise ValueError("two arms have the same name")
    if UNASSIGNED in names:
        raise ValueError(f"no arm may be called {UNASSIGNED}: it means a call that could not be drawn")
