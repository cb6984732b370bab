"""Of the cards that a silent period would have shown: how many were followed by the outcome, counted by stay.

It is the answer to "of 100 alerts, how many are right?" from what happened here, at the bands that the release has.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.guidance.estimate import Estimate

FEWEST: int = 10
"""Patients: of fewer no count and no rate is told, as it might be told of whom."""


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """Stays that would have had a card, by any band, and whose outcome is known."""

    stays: Annotated[int, msgspec.Meta(ge=0)]
    patients: Annotated[int, msgspec.Meta(ge=0)]
    right: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Of these, with the outcome of the first prediction; None: of fewer than ten patients nothing is told."""
    ppv: Estimate | None = None
    """`right` of `stays` with its 95 % interval, as wide as repeated stays of one patient make it."""

    def __post_init__(self) -> None:
        if self.patients > self.stays or (self.right or 0) > self.stays:
            raise ValueError("`right` and `patients` cannot exceed `stays`")
        if (self.patients >= FEWEST) != (self.right is not None and self.ppv is not None):
            raise ValueError(f"`right` and `ppv` are told of {FEWEST} patients or more, and of no fewer")
