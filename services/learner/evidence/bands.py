"""What each band of the policy means for people: how many are in it, how many of them have the event, who is missed.

The policy is applied as at the bedside, with the features of the rows and the risk out of fold. Other predictions are not
known here; a condition that needs one is unknown, and its name is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.conditions import Columns, parse
from services.guidance.definition import Guidance, average_of
from services.guidance.evidence import Estimate
from services.guidance.features import UNKNOWN, VALUE
from services.guidance.models.explanation import Numbers
from services.learner.evidence.intervals import Patients, share_of
from services.learner.evidence.metrics import Labels
from services.learner.evidence.wards import PerWardDay, Wards
from services.learner.evidence.workload import number_needed
from services.learner.feature_matrix import CohortRows


@dataclass(frozen=True, slots=True, kw_only=True)
class BandWork:
    """One band: what the policy says, with the features of the rows and the risk out of fold. The worst band is first."""

    band: str
    when: str
    speaks: bool
    """Whether it brings a card."""
    rows: int
    events: int
    share: Estimate
    """Of all moments of prediction, those in this band."""
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
    """Rows that no band holds, or of which it cannot be said."""
    silenced: int
    """Rows whose card a rule of the policy holds back (suppressions); they have no alert."""
    alerts: int
    right: int
    missed: int
    """Events without a card."""
    false_alarms: int
    alert_rate: Estimate
    """Of all moments of prediction, those with a card."""
    ppv: Estimate | None
    """Of the alerts, those with the event; None: there is no alert."""
    missed_rate: Estimate
    """Of those with the event, the share without a card."""
    false_alarm_rate: Estimate
    """Of those without it, the share with a card."""
    per_ward_day: PerWardDay | None
    unread: tuple[str, ...]
    """Names in the conditions that are other predictions: here they count as unknown."""


def apply_policy(
    guidance: Guidance, prediction: str, rows: CohortRows, risk: Numbers, *, average: float, wards: Wards | None
) -> Policied | None:
    """Every band, the worst first; None where no band reads this risk."""
    conditions = [parse(band.when) for band in guidance.policy.bands]
    read = frozenset[str]().union(*(one.names for one in conditions))
    if prediction not in read:
        return None
    columns, unread = _columns(guidance, prediction, rows, risk, average=average)
    place = np.full(len(rows), -1)
    for number, condition in reversed(list(enumerate(conditions))):
        place[condition.evaluate(columns) == 1] = number
    silenced = np.zeros(len(rows), dtype=np.bool_)
    for rule in guidance.policy.suppressions:
        silenced |= parse(rule.when).evaluate(columns) == 1
    speaks = np.array([band.card is not None for band in guidance.policy.bands] + [False])[place]
    alerts, happened = speaks & ~silenced, rows.y == 1
    return Policied(
        bands=tuple(
            _band(band.name, band.when, band.card is not None, place == number, rows.y, rows.patients, wards)
            for number, band in enumerate(guidance.policy.bands)
        ),
        nowhere=int((place < 0).sum()),
        silenced=int((speaks & silenced).sum()),
        alerts=int(alerts.sum()),
        right=int((alerts & happened).sum()),
        missed=int((~alerts & happened).sum()),
        false_alarms=int((alerts & ~happened).sum()),
        alert_rate=share_of(alerts, rows.patients),
        ppv=share_of(happened[alerts], rows.patients[alerts]) if alerts.any() else None,
        missed_rate=share_of(~alerts[happened], rows.patients[happened]),
        false_alarm_rate=share_of(alerts[~happened], rows.patients[~happened]),
        per_ward_day=None if wards is None else wards.of(alerts),
        unread=tuple(sorted(unread & read)),
    )


def _columns(
    guidance: Guidance, prediction: str, rows: CohortRows, risk: Numbers, *, average: float
) -> tuple[Columns, frozenset[str]]:
    """What the conditions may read: the features, this risk and its average; the other predictions unknown."""
    known = np.full(len(rows), VALUE, dtype=np.uint8)
    nobody = (np.full(len(rows), np.nan), np.full(len(rows), UNKNOWN, dtype=np.uint8))
    mine = {prediction: (risk, known), average_of(prediction): (np.full(len(rows), average), known)}
    others = guidance.predicted_names - mine.keys()
    features = {name: (rows.values[:, place], rows.states[:, place]) for place, name in enumerate(rows.names)}
    return {**features, **dict.fromkeys(others, nobody), **mine}, others


def _band(
    name: str,
    when: str,
    speaks: bool,
    inside: NDArray[np.bool_],
    y: Labels,
    patients: Patients,
    wards: Wards | None,
) -> BandWork:
    happened = y == 1
    ppv = share_of(happened[inside], patients[inside]) if inside.any() else None
    return BandWork(
        band=name,
        when=" ".join(when.split()),
        speaks=speaks,
        rows=int(inside.sum()),
        events=int((inside & happened).sum()),
        share=share_of(inside, patients),
        ppv=ppv,
        number_needed=(None, None, None) if ppv is None else number_needed(ppv),
        sensitivity=share_of(inside[happened], patients[happened]),
        per_ward_day=None if wards is None else wards.of(inside),
    )
