"""The generative model's equations: the risks that chance is drawn from, so that every prediction can be judged.

Every coefficient stands here and in docs/demo-hospital.md, with its reason. `frailty` and `severity` are latent: no
resource shows them, so that no model can reach these risks exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.demo.catalogue import QUAN_2011
from services.demo.facts import Person


def sigmoid(x: float) -> float:
    """Probability of log-odds."""
    return 1.0 / (1.0 + math.exp(-x))


@dataclass(frozen=True, slots=True, kw_only=True)
class AtDischarge:
    """What the risks at discharge depend on: what the record shows, and the two latent traits."""

    age: float
    los_days: int
    urgent: bool
    admissions_12m: int
    ed_visits_6m: int
    oncology: bool
    hb: float
    na: float
    bun: float
    egfr: float
    albumin: float
    charlson: int
    medicines: int
    heart_failure: bool
    not_home: bool
    hospice: bool
    frailty: float
    severity: float


def readmission_risk(x: AtDischarge) -> float:
    """True probability of an unplanned readmission within 30 days that comes before death."""
    log_odds = (
        -3.68
        + 0.30 * min(x.admissions_12m, 6)
        + 0.10 * min(x.ed_visits_6m, 5)
        + (0.25 if x.los_days >= 5 else 0.0)
        + 0.12 * math.log1p(x.los_days)
        + 0.18 * max(0.0, 12.5 - x.hb)
        + 0.06 * max(0.0, 137.0 - x.na)
        + 0.30 * math.log(max(x.bun, 16.0) / 16.0)
        + 0.12 * max(0.0, 60.0 - x.egfr) / 20.0
        + 0.35 * max(0.0, 3.8 - x.albumin)
        + 0.06 * min(x.charlson, 10)
        + 0.02 * min(x.medicines, 15)
        + (0.30 if x.urgent else 0.0)
        + (0.30 if x.oncology else 0.0)
        + (0.20 if x.not_home else 0.0)
        + (0.25 if x.heart_failure and x.egfr < 45.0 else 0.0)
        + 0.18 * x.frailty
        + 0.18 * x.severity
    )
    risk = sigmoid(log_odds)
    return 0.15 * risk if x.hospice else risk


def attainable_auroc(risks: Sequence[float]) -> float:
    """The AUROC that the true risks themselves are expected to have: no honest model does better."""
    lower = won = events = 0.0  # of risks seen so far, sorted: non-events, pairs won, events expected
    for risk in sorted(risks):
        won += risk * (lower + (1.0 - risk) / 2.0)
        lower += 1.0 - risk
        events += risk
    return won / (events * lower)


def death_risk(x: AtDischarge) -> float:
    """True probability of death within 30 days of discharge without a readmission before."""
    if x.hospice:
        return 0.55
    log_odds = (
        -5.9
        + 0.045 * (x.age - 65.0)
        + 0.45 * x.frailty
        + 0.45 * x.severity
        + 0.16 * min(x.charlson, 10)
        + 0.6 * max(0.0, 3.4 - x.albumin)
        + (0.4 if x.not_home else 0.0)
    )
    return min(sigmoid(log_odds), 0.5)


def death_in_stay(*, age: float, frailty: float, severity: float, metastasis: bool) -> float:
    """True probability that an unplanned stay ends in death."""
    return sigmoid(-4.65 + 0.030 * (age - 65.0) + 0.35 * frailty + 0.95 * severity + (0.8 if metastasis else 0.0))


def admissions_per_year(person: Person, at: int) -> float:
    """Rate of unplanned admissions outside the 30 days after a discharge (those are drawn from `readmission_risk`)."""
    burden = min(charlson(person, at), 8)
    return min(math.exp(-1.50 + 0.42 * person.frailty + 0.16 * burden + 0.010 * (person.age(at) - 60.0)), 2.5)


def emergency_visits_per_year(person: Person) -> float:
    """Rate of visits to the emergency department that end at home."""
    return min(math.exp(-1.25 + 0.40 * person.frailty), 3.0)


def clinic_visits_per_year(person: Person, at: int) -> float:
    """Rate of ambulatory visits."""
    return min(2.2 + 0.75 * sum(onset <= at for onset in person.illnesses.values()), 7.0)


def deaths_per_year(person: Person, at: int) -> float:
    """Gompertz hazard of death outside hospital, doubling every eight years."""
    return min(
        0.004 * math.exp((person.age(at) - 60.0) * math.log(2) / 8.0 + 0.45 * person.frailty)
        + (0.15 if person.has("metastasis", at) else 0.0),
        0.9,
    )


def charlson(person: Person, at: int) -> int:
    """Updated Charlson index of the illnesses that have set in (cancer counts once; metastasis replaces it)."""
    present = [illness for illness, onset in person.illnesses.items() if onset <= at]
    cancer = any(illness.startswith("cancer") for illness in present)
    rest = sum(QUAN_2011.get(illness, 0) for illness in present if not illness.startswith(("cancer", "metastasis")))
    return rest + (6 if "metastasis" in present else 2 if cancer else 0)
