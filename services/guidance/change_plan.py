"""The part of the grammar that says how a guidance may change without being registered anew: its change plan.

It is a predetermined change control plan: what may change by retraining, within which limits, by which method, how it is
watched and taken back. What it leaves open to people it names (`to_confirm`). It is part of the release, so it is read, voted on and signed with it; whatever it does not allow is a new registration.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from services.guidance.feature_definition import Part


class ChangePlan(Part):
    """What may change, how much, how often, who looks, and how fast it is taken back."""

    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description="semantic version of the plan")
    allows: tuple[Literal["refit", "recalibrate", "threshold"], ...] = Field(
        default=(),
        description="changes that stay within the plan: coefficients anew, calibration anew, another threshold",
    )
    thresholds: tuple[float, float] | None = Field(
        default=None, description="with `threshold`: the range of risks in which it may lie, e.g. `[0.15, 0.4]`"
    )
    updates_per_year: int = Field(default=4, ge=0, le=52, description="more than so many are a new registration")
    not_worse_by: float = Field(
        default=0.02, gt=0, lt=0.5, description="AUROC by which an update may be below what runs, on the same cases"
    )
    method: str = Field(
        default="", description="on which data, by which recipe and against what an update is made and held, in words"
    )
    monitors: tuple[str, ...] = Field(
        min_length=1, description="what is watched while it runs, with its limit, in words"
    )
    roll_back: str = Field(default="", description="what speaks if an update is taken back, and who takes it back")
    owner: str = Field(min_length=1, description="who looks at the monitors, as a role or a service")
    response_hours: int = Field(default=24, ge=1, le=720, description="within which a breach is looked at")
    to_confirm: tuple[str, ...] = Field(
        default=(),
        description="numbers of this plan that are the authors' proposal: before general use a clinical reviewer must "
        "confirm them by name; once a committee has set its own, a new version of the guidance leaves them out",
    )

    @model_validator(mode="after")
    def _whole(self) -> ChangePlan:
        if ("threshold" in self.allows) != (self.thresholds is not None):
            raise ValueError("`threshold` and `thresholds` go together")
        if self.thresholds is not None and not 0 <= self.thresholds[0] < self.thresholds[1] <= 1:
            raise ValueError("`thresholds` is a range of risks, the lower one first")
        return self
