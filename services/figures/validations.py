"""Where it was not fitted: later time and sites left out, one row each, none left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, absent
from services.figures.groups import Group, Measured, Panel, groups
from services.guidance.evidence import Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Fixed before the data."""

    observed_expected: tuple[float, float]
    slope: tuple[float, float]


def validations(caption: Caption, found: Sequence[Validation], bounds: Bounds) -> Markup:
    """Observed over expected and calibration slope of each, against limits; ranking without one."""
    if not found:
        return absent(caption.key, caption.message, "It was not tested in later time or at a site left out.")
    panels = [
        Panel(name="observed ÷ expected", low=0.4, high=2.0, limit=bounds.observed_expected, decimals=1),
        Panel(name="calibration slope", low=0.4, high=1.6, limit=bounds.slope, decimals=1),
    ]
    rows = []
    notes = [f"{one.name}: {one.unjudged}" for one in found if one.unjudged]
    for one in found:
        measured = []
        for estimate, limit in (
            (one.observed_expected, bounds.observed_expected),
            (one.calibration_slope, bounds.slope),
        ):
            if estimate is None:
                measured.append(Measured(verdict="cannot tell", why=one.unjudged))
                continue
            low, high = estimate.ci
            verdict = "cannot tell"
            if limit[0] <= low and high <= limit[1]:
                verdict = "meets"
            elif high < limit[0] or limit[1] < low:
                verdict = "does not meet"
            measured.append(Measured(verdict=verdict, found=(estimate.value, low, high)))
        where = "later" if one.scheme == "temporal" else "site"
        rows.append(
            Group(name=f"{where}: {one.name}", rows=f"{one.rows:,}", events=f"{one.events:,}", measured=measured)
        )
    return groups(caption, panels, rows, notes=notes)
