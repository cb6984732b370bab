"""Diabetes sets in by a known hazard and is found at visits: by a diagnosis, or by two raised results and nothing else.

The life has diabetes of its own, by age and frailty; this comes on top of it, so that weight, glucose, pressure and HDL
tell who will have it. Nothing of the life is moved: visits, stays and their risks stay as they were drawn. The equation
is our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from services.demo.dice import Dice
from services.demo.facts import DAY, HOUR, MINUTE, NEVER, YEAR, Diagnosis, PatientRecord, Result, Stay
from services.demo.patients import INCIDENCE_PER_PREVALENCE, PREVALENCE
from services.demo.prevention.readings import LATER, read

AGES: Final = (35.0, 71.0)
HORIZON_YEARS: Final = 5.0
PER_YEAR_OF_AGE: Final = 0.025
CODED: Final = 0.75  # of those found get the diagnosis; the others only ever have raised results
BY_HBA1C: Final = 0.75  # of those found; the others by fasting glucose
WATCHED: Final = 0.4  # of later visits have another such result
RAISED: Final = {"hba1c": (6.5, 0.9, 0.7), "glucose_fasting": (126.0, 24.0, 18.0)}
"""The threshold, and how far above it a result stands: |normal (mean, sd)|."""
HIGHER: Final = {"hba1c": 1.7, "glucose": 50.0, "glucose_fasting": 40.0}
"""How much higher everything else is read from then on."""
ALIKE: Final = {"AMB": 0.06 / 0.5, "IMP": 0.04 / 0.40}
"""The life asks more often for the HbA1c of those who will have diabetes: so much of it is kept until they do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiabetesRisk:
    """What was true at a visit of somebody free of diabetes."""

    encounter: str
    at: int
    per_year: float
    within_five_years: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """When diabetes sets in; NEVER = it does not."""

    by_life: int
    """As the life drew it, now or before the record."""
    by_hazard: int


def hazard(record: PatientRecord, at: int) -> float:
    """New diabetes a year, beside what the life itself brings, of somebody free of it."""
    person, own = record.person, record.levels.of
    log_rate = (
        -4.75
        + PER_YEAR_OF_AGE * (person.age(at) - 55.0)
        + (0.25 if not person.female else 0.0)
        + 0.12 * (min(person.bmi, 45.0) - 30.0)
        + 0.06 * (min(own["glucose"], 125.0) - 101.0)
        + 0.012 * (own["pressure"] - 125.0)
        - 0.020 * (own["hdl"] - 50.0)
        + (0.25 if person.smoker == "current" else 0.0)
    )
    return math.exp(log_rate)


def set_in(dice: Dice, record: PatientRecord) -> Onset:
    """Draw whether and when diabetes sets in; from then on it is one of the person's illnesses."""
    person = record.person
    by_life = min((onset for name, onset in person.illnesses.items() if name.startswith("diabetes")), default=NEVER)
    # The hazard grows with age alone: its sum over time can be turned round.
    drawn = dice.gap(1.0) / hazard(record, record.registered)
    years = math.log1p(PER_YEAR_OF_AGE * drawn) / PER_YEAR_OF_AGE
    by_hazard = record.registered + int(years * YEAR) if years < 100.0 else NEVER
    if by_hazard >= min(by_life, person.died):
        return Onset(by_life=by_life, by_hazard=NEVER)
    person.illnesses["diabetes"] = by_hazard
    return Onset(by_life=by_life, by_hazard=by_hazard)


def find(dice: Dice, record: PatientRecord, onset: Onset) -> None:
    """What is measured and written down of it at visits. The last to add results: it also takes some away."""
    if onset.by_hazard != NEVER:
        visits = [stay for stay in record.stays if stay.kind == "AMB" and stay.start >= onset.by_hazard]
        if visits:
            _raise(record, visits[0].start)
            _show(dice, record, visits)
    if record.registered < onset.by_life < NEVER:
        _ask_alike(dice, record, min(onset.by_life, onset.by_hazard))


def diabetes_risks(record: PatientRecord) -> list[DiabetesRisk]:
    """The true risk at every clinic visit between 35 and 70 before diabetes has set in."""
    person = record.person
    onset = min((at for name, at in person.illnesses.items() if name.startswith("diabetes")), default=NEVER)
    at_sixty, per_decade, per_frailty = PREVALENCE["diabetes"]
    decades = (person.age(record.registered) - 60.0) / 10.0
    of_life = INCIDENCE_PER_PREVALENCE * math.exp(at_sixty + per_decade * decades + per_frailty * person.frailty)
    growth = math.expm1(PER_YEAR_OF_AGE * HORIZON_YEARS) / PER_YEAR_OF_AGE
    risks = []
    for stay in record.stays:
        at = stay.start
        if stay.kind != "AMB" or not AGES[0] <= person.age(at) < AGES[1] or at >= onset:
            continue
        now = hazard(record, at)
        within = 1.0 - math.exp(-(now * growth + of_life * HORIZON_YEARS))
        risks.append(DiabetesRisk(encounter=stay.id, at=at, per_year=now + of_life, within_five_years=within))
    return risks


def _raise(record: PatientRecord, since: int) -> None:
    """What the life and the wards read from then on is higher."""
    for result in record.results:
        if result.taken >= since and result.test in HIGHER:
            result.value = round(result.value + HIGHER[result.test], 1 if result.test == "hba1c" else 0)
            result.corrected_value += HIGHER[result.test] if result.corrected != NEVER else 0.0


def _show(dice: Dice, record: PatientRecord, visits: list[Stay]) -> None:
    """A raised result at the first visit; then the diagnosis, or another raised result at the next visit of another day."""
    test = "hba1c" if dice.chance(BY_HBA1C) else "glucose_fasting"
    coded = dice.chance(CODED)
    first = _raised(dice, record, test, visits[0])
    if coded:
        known = first.issued + HOUR
        illness = Diagnosis(f"{record.person.id}-c900", "diabetes", known, known, visits[0].id, problem=True)
        record.diagnoses.append(illness)
        record.diagnoses.sort(key=lambda diagnosis: diagnosis.recorded)
    confirmed = coded
    for visit in visits[1:]:
        if dice.chance(WATCHED) or (not confirmed and visit.start // DAY > first.taken // DAY):
            confirmed = _raised(dice, record, test, visit).taken // DAY > first.taken // DAY


def _raised(dice: Dice, record: PatientRecord, test: str, visit: Stay) -> Result:
    threshold, mean, sd = RAISED[test]
    return read(dice, record, test, threshold + abs(dice.normal(mean, sd)), visit, visit.start + LATER + 5 * MINUTE)


def _ask_alike(dice: Dice, record: PatientRecord, until: int) -> None:
    """Whether somebody is tested must not tell what is to come."""
    kinds = {stay.id: stay.kind for stay in record.stays}
    record.results = [
        result
        for result in record.results
        if result.test != "hba1c"
        or result.taken >= until
        or dice.chance(ALIKE.get(kinds.get(result.encounter, ""), 1.0))
    ]
