"""What each band of the policy means for people, and how much work finds how many (F6)."""

from __future__ import annotations

from dataclasses import dataclass

from services.guidance.evidence import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PerWardDay:
    """Alerts for one ward in one day: over every day on which the ward had a moment of prediction, or could have."""

    wards: int
    days: int
    mean: Estimate
    busiest: float
    """Of the ward that has the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandWork:
    """One band: what the policy says, with the features of the rows and the risk out of fold. The worst band is first."""

    band: str
    when: str
    speaks: bool
    """Whether it brings a card."""
    rows: int
    events: int
    per_100: Estimate
    """Of 100 moments of prediction, so many are in this band."""
    ppv: Estimate | None
    """Of those in the band, the share with the event; None: nobody is in it."""
    number_needed: tuple[float | None, float | None, float | None]
    """Patients looked at for one event (1 / ppv) and its interval; None is without limit."""
    sensitivity: Estimate
    """Of all events, the share in this band."""
    per_ward_day: PerWardDay | None
    """None: no ward is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policied:
    """All bands, and what they mean together: every row that gets a card."""

    bands: tuple[BandWork, ...]
    nowhere: int
    """Rows that no band holds."""
    alerts: int
    right: int
    missed: int
    """Events without a card."""
    false_alarms: int
    alerts_per_100: Estimate
    missed_per_100: Estimate
    """Of 100 with the event."""
    false_alarms_per_100: Estimate
    """Of 100 without it."""
    per_ward_day: PerWardDay | None
    unread: tuple[str, ...]
    """Names in the conditions that are other predictions: here they count as unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldPoint:
    """At one threshold: the work, and what it finds."""

    threshold: float
    alerts_per_100: float
    alerts_per_ward_day: float | None
    caught_per_100: Estimate
    """Of 100 events."""
    right_per_100: float
    """Of 100 alerts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldCurve:
    """Work against yield (F6), fewest alerts first."""

    points: tuple[YieldPoint, ...]
    chosen: YieldPoint
    """At the threshold of this evidence."""
    capacity_per_100: float
    """What the guidance's alert budget allows."""
    capacity_per_ward_day: float | None
    """What the wards agreed to, by the guidance; None: nothing was agreed."""
