"""First cardiovascular events follow the risk factors that PREVENT asks for: a known hazard decides why somebody comes in.

When and whether somebody free of cardiovascular disease is admitted stays as the life drew it; only the cause of the
unplanned stay is told anew, so that a first infarction, stroke or heart failure comes at `hazard` a year. The equation
is our own, in the manner of PREVENT; it is not PREVENT's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from services.demo import truth
from services.demo.catalogue import DRUG_CLASS
from services.demo.dice import Dice
from services.demo.facts import DAY, YEAR, PatientRecord, Person, Stay
from services.demo.medicines import IN_STAY
from services.demo.patients import INCIDENCE_PER_PREVALENCE, PREVALENCE

PRIOR: Final = ("coronary", "heart_failure", "peripheral_artery", "stroke_sequelae")
"""Illnesses with which an event is no longer a first one."""
EVENTS: Final = ("infarction", "stroke", "heart_failure_acute")
NO_LONGER_FIRST: Final = (*EVENTS, "transient_ischaemia", "coronary", "carotid", "peripheral_artery")
INSTEAD: Final = {
    "pneumonia": 2.2, "sepsis": 1.6, "kidney_injury": 0.5, "respiratory_failure": 0.9, "pancreatitis": 0.6,
    "embolism": 0.6,
}  # fmt: skip
"""What somebody is admitted with who was to have an event, and has none."""
ONLY_OF: Final = {"catheterisation": "infarction"}
"""Procedures that go away with the cause they were for."""
AGES: Final = (30.0, 80.0)
HORIZON_DAYS: Final = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class CardiovascularRisk:
    """What was true at a visit of somebody free of cardiovascular disease."""

    encounter: str
    at: int
    per_year: float
    within_year: float


def hazard(record: PatientRecord, at: int) -> float:
    """First cardiovascular admissions a year of somebody free of them, by age, sex and the factors of PREVENT."""
    person, own = record.person, record.levels.of
    treated = {DRUG_CLASS.get(order.drug) for order in record.orders if order.written <= at < order.ended}
    log_rate = (
        -5.05
        + 0.060 * (person.age(at) - 60.0)
        + (0.0 if person.female else 0.30)
        + 0.016 * (own["pressure"] - 125.0)
        + 0.0045 * (own["cholesterol"] - 190.0)
        - 0.014 * (own["hdl"] - 50.0)
        + (0.50 if person.smoker == "current" else 0.0)
        + (0.60 if person.has("diabetes", at) or person.has("diabetes_kidney", at) else 0.0)
        + 0.012 * max(0.0, 60.0 - record.levels.egfr)
        + 0.020 * max(0.0, person.bmi - 30.0)
        + (0.15 if "antihypertensive" in treated else 0.0)
        - (0.25 if "statin" in treated else 0.0)
    )
    return math.exp(log_rate)


def tell_causes(dice: Dice, record: PatientRecord) -> None:
    """Decide anew why those without cardiovascular disease were admitted, by `hazard`; one draw a stay, kept or not."""
    had_one = False
    for stay in record.stays:
        if stay.kind != "IMP":
            continue
        cause = stay.diagnoses[0].illness
        if not had_one and _acute(record, stay) and _free(record.person, stay.start):
            likely = (
                0.0  # readmissions and transfers come beside the background's admissions: they would add to the hazard
            )
            if record.courses[stay.id].reason == "acute":
                likely = min(hazard(record, stay.start) / truth.admissions_per_year(record.person, stay.start), 0.9)
            draw, event, other = dice.uniform(), dice.pick(_kinds(record)), dice.pick(list(INSTEAD.values()))
            if draw < likely:
                _tell(record, stay, EVENTS[event])
            elif cause in EVENTS:
                _tell(record, stay, list(INSTEAD)[other])
        had_one = had_one or stay.diagnoses[0].illness in NO_LONGER_FIRST


def cardiovascular_risks(record: PatientRecord) -> list[CardiovascularRisk]:
    """The true risk at every clinic visit between 30 and 79 of somebody who has had no cardiovascular disease by then."""
    person, risks = record.person, []
    first = min(
        (s.start for s in record.stays if s.diagnoses and s.diagnoses[0].illness in NO_LONGER_FIRST), default=None
    )
    for stay in record.stays:
        at = stay.start
        if stay.kind != "AMB" or not AGES[0] <= person.age(at) < AGES[1] or not _free(person, at):
            continue
        if first is not None and first <= at:
            break
        per_year = hazard(record, at) + _new_heart_failure_per_year(person, at)
        within = 1.0 - math.exp(-per_year * HORIZON_DAYS * DAY / YEAR)
        risks.append(CardiovascularRisk(encounter=stay.id, at=at, per_year=per_year, within_year=within))
    return risks


def _new_heart_failure_per_year(person: Person, at: int) -> float:
    """Heart failure may also set in without an admission (`patients`): it is then found at a visit."""
    at_sixty, per_decade, per_frailty = PREVALENCE["heart_failure"]
    at_beginning = person.age(at) - 60.0
    return INCIDENCE_PER_PREVALENCE * math.exp(
        at_sixty + per_decade * at_beginning / 10.0 + per_frailty * person.frailty
    )


def _acute(record: PatientRecord, stay: Stay) -> bool:
    return record.courses[stay.id].reason in ("acute", "readmission", "transfer")


def _free(person: Person, at: int) -> bool:
    return not any(person.has(illness, at) for illness in PRIOR)


def _kinds(record: PatientRecord) -> list[float]:
    """Infarction by cholesterol, stroke by pressure, heart failure by weight."""
    own = record.levels.of
    return [
        1.0 * math.exp(0.004 * (own["cholesterol"] - 190.0)),
        0.8 * math.exp(0.010 * (own["pressure"] - 125.0)),
        0.9 * math.exp(0.040 * (record.person.bmi - 28.0)),
    ]


def _tell(record: PatientRecord, stay: Stay, cause: str) -> None:
    """Another cause, and without the orders and procedures that only the former one explains."""
    former = stay.diagnoses[0].illness
    if former == cause:
        return
    stay.diagnoses[0].illness = cause
    unexplained = {drug for drug, _ in IN_STAY.get(former, ())} - {drug for drug, _ in IN_STAY.get(cause, ())}
    record.orders = [
        order
        for order in record.orders
        if not (order.inpatient and order.encounter == stay.id and order.drug in unexplained)
    ]
    record.interventions = [
        one for one in record.interventions if one.encounter != stay.id or ONLY_OF.get(one.procedure, cause) == cause
    ]
