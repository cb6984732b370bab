"""Which arm a call falls into: drawn by a keyed hash of its unit, so that it is the same at every worker and for ever.

Nothing is remembered and nothing is asked: the manifest's key and the unit's id decide (HMAC-SHA256, RFC 2104). Two
trials have two keys, so their arms are independent. It comes before every suppression: both arms see the same rules.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from services.guidance.trial import EVERYONE, UNASSIGNED, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """An arm, its known probability, and whether its cards are shown."""

    arm: str
    probability: float
    shows: bool


NO_TRIAL: Final = Assigned(arm=EVERYONE, probability=1.0, shows=True)
NO_UNIT: Final = Assigned(arm=UNASSIGNED, probability=1.0, shows=True)


def assign(trial: Trial | None, *, patient: str, encounter: str, clinician: str) -> Assigned:
    """The arm of this call. One that names no unit cannot be drawn: it is shown, and marked as no part of the trial."""
    if trial is None:
        return NO_TRIAL
    unit = {"patient": patient, "encounter": encounter, "clinician": clinician}[trial.unit]
    return _drawn(trial, unit) if unit else NO_UNIT


def place_of(trial: Trial, unit: str) -> int:
    """Where a unit lies in [0, 2^64): the first eight bytes of the keyed hash."""
    # Each field with its length, so that no two pairs of fields are one text.
    message = b"".join(b"%d:%s" % (len(part), part) for part in (trial.id.encode(), trial.unit.encode(), unit.encode()))
    return int.from_bytes(hmac.digest(bytes.fromhex(trial.seed), message, "sha256")[:8])


def arm_at(trial: Trial, place: int) -> Assigned:
    """The arm at a place in [0, 2^64): whole numbers are compared, so the edges are exact."""
    reached, whole = 0, trial.weight
    for arm in trial.arms:
        reached += arm.weight
        if place * whole < reached << 64:
            break
    return Assigned(arm=arm.name, probability=arm.weight / whole, shows=arm.shows)


def _drawn(trial: Trial, unit: str) -> Assigned:
    return arm_at(trial, place_of(trial, unit))
