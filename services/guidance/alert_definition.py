"""The part of the grammar that says when a card is not said again. `definition` holds the policy that it belongs to."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from services.guidance.feature_definition import Part

LONGEST_QUIET_HOURS: Final = 366 * 24.0
"""A year: guidance that must be quiet for longer should not be deployed, and every look-up would reach further back."""

Told = Literal["patient", "clinician"]
"""Who counts as told: anyone who saw that patient, or the same clinician."""
QuietHours = Annotated[float, Field(gt=0, le=LONGEST_QUIET_HOURS)]


class Snooze(Part):
    """How long a card stays away once a clinician has given a reason against it."""

    hours: QuietHours = Field(description="counted from the card that was declined")
    per: Told = Field(default="clinician", description="whom it silences: who declined, or everyone with that patient")


class CircuitBreaker(Part):
    """A hard cap. It is loud: a call whose card is over it is answered with an error (503), never with silence."""

    cards_per_hour: int = Field(ge=1, description="cards in one hour of the clock, at this site, by all its workers")
