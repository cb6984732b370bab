"""A number with its interval: nothing is found without one."""

from __future__ import annotations

import math

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number and its 95 % interval."""

    value: float
    ci: tuple[float, float]

    def __post_init__(self) -> None:
        low, high = self.ci
        if not (math.isfinite(self.value) and math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ValueError("an interval is two finite numbers, the lower one first, around a finite value")
