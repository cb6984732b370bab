"""What the evidence is held against: written into the guidance before any data are seen, and so part of the release's digest.

The registry's gates and the report read the same limits from here. A guidance may ask for more than these, never for less.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from services.guidance.feature_definition import Name, Part

OBSERVED_EXPECTED: Final = (0.8, 1.25)
"""Limits of events observed to events expected: a fifth too few, or the same factor too many. The gates take no wider ones."""
CALIBRATION_SLOPE: Final = (0.8, 1.25)
"""Of the slope of log-odds: risks neither much too extreme (below 1) nor much too timid (above it)."""


class ReadBeside(Part):
    """What else tells of the same state of the body as an input: a reference measurement, or findings that move with it."""

    beside: tuple[Name, ...] = Field(
        min_length=1,
        description="features that tell of the same state: the same by another device where it is measured, else findings "
        "that move with it in every body alike",
    )
    apart: float = Field(
        gt=0, description="so far, in the input's unit, a group's readings may be from what these explain"
    )


class EvidenceLimits(Part):
    """Limits of the verdicts, what the model is compared with, and what the wards agreed to."""

    observed_expected: tuple[float, float] = Field(
        default=OBSERVED_EXPECTED,
        description="limits of events observed to events expected, in every group and month; no wider than the gates' 0.8 to 1.25",
    )
    calibration_slope: tuple[float, float] = Field(
        default=CALIBRATION_SLOPE,
        description="limits of the calibration slope: risks neither too extreme nor too timid; no wider than 0.8 to 1.25",
    )
    auroc_below: float = Field(
        default=0.05, gt=0, lt=0.5, description="a group's AUROC may be so much below that of all"
    )
    missed_above: float = Field(
        default=0.1, gt=0, lt=1, description="of those with the event, a group may have this share more missed than all"
    )
    false_alarms_above: float = Field(
        default=0.1, gt=0, lt=1, description="of those without it, a group may have this share more flagged than all"
    )
    unmeasured_above: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="of each input, a group may have this share more rows without a value than its recorded needs explain",
    )
    read_beside: dict[Name, ReadBeside] = Field(
        default={},
        description="features whose readings are held, in every group, against others that tell of the same state",
    )
    error_rates: Literal["block", "committee"] = Field(
        default="block",
        description="a group that misses more, or has more false alarms, than its limit: stops the release, or goes to "
        "the equity reviewer, because groups that are less ill are flagged less often, however right the risks are",
    )
    fewest: int = Field(
        default=10, ge=10, description="patients with the event, and without, below which a group is not judged"
    )
    thresholds: tuple[float, float] | None = Field(
        default=None, description="range of risks at which clinicians agreed that acting is right, e.g. `[0.15, 0.4]`"
    )
    compare_with: tuple[Name, ...] = Field(
        default=(), description="features of published scores that are in use or could be, the one in use first"
    )
    simplest: tuple[Name, ...] = Field(
        default=(),
        description="features of the simplest rule, fitted as a regression; without it age and earlier admissions, if read",
    )
    alerts_per_ward_day: float | None = Field(
        default=None, gt=0, description="alerts that a ward agreed to look at in a day"
    )
    refits: int = Field(
        default=20, ge=0, le=1000, description="bootstrap samples on which the chosen kind is fitted again; 0 = none"
    )
