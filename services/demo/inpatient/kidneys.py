"""Nephrotoxic medicines of a stay, and the kidneys they injure: at the first of them chance is drawn from the true risk.

The injury comes about after the order and shows in every creatinine from then on, until days later. A later order of the
same stay adds nothing to the draw: its true risk is what is left of the first one's, given that nothing has shown yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.demo.catalogue import TESTS
from services.demo.dice import Dice
from services.demo.facts import DAY, HOUR, MINUTE, Course, Diagnosis, Order, PatientRecord, Result, Stay
from services.demo.laboratory import NOISE, faded, pushed
from services.demo.truth import sigmoid

NSAIDS: Final = frozenset({"ibuprofen", "ketorolac", "meloxicam"})
NEPHROTOXINS: Final = NSAIDS | {"vancomycin", "gentamicin", "cisplatin", "methotrexate"}
ACEI_ARB: Final = frozenset({"lisinopril", "losartan"})
DIURETICS: Final = frozenset({"furosemide", "hydrochlorothiazide", "spironolactone"})
DRUG: Final = {"gentamicin": 0.6, "cisplatin": 0.5, "vancomycin": 0.3}  # log-odds beside an NSAID
PAINKILLER: Final = {"surgery": 0.35, "joint": 0.40, "acute": 0.14, "readmission": 0.12}
"""Reason of a stay → how likely an NSAID is ordered; a third as likely with an eGFR below 30."""
GENTAMICIN: Final = {"sepsis": 0.25, "pneumonia": 0.08}
HORIZON: Final = 7 * DAY
WATCHED: Final = 5 * DAY  # within so long of the order, and in the stay, an injury comes about
ONSET: Final = (0.10, 0.50)  # of that time: between these, evenly
CHECKED: Final = 0.92  # of stays with a nephrotoxic medicine have their creatinine checked late in that time
HEIGHT: Final = (2.1, 0.22)  # median and spread of the ratio to the creatinine that would have been
LOWEST: Final = 1.75  # and the least: every injury reaches KDIGO stage 1
STAYS_HIGH: Final = 5 * DAY
OVER: Final = 12 * DAY  # after the onset the creatinine is what it would have been
CODED: Final = 0.5  # of injuries are among the diagnoses of the stay


@dataclass(frozen=True, slots=True, kw_only=True)
class KidneyRisk:
    """What was true when a nephrotoxic medicine was ordered in a stay."""

    order: str
    encounter: str
    at: int
    within_week: float
    """Of an injury by the medicine."""
    declines: bool
    """A setback, or the last decline, falls into the week: it may bring an injury of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The first nephrotoxic order of a stay: the risk that chance is drawn from, and when an injury would show."""

    stay: Stay
    at: int
    risk: float

    @property
    def onset_between(self) -> tuple[int, int]:
        """The first and the last moment at which the injury comes about."""
        long = self.watched_until - self.at
        return self.at + int(ONSET[0] * long), self.at + int(ONSET[1] * long)

    @property
    def watched_until(self) -> int:
        """The end of the stay, or of the days that matter."""
        return min(self.stay.end, self.at + WATCHED)


def injury_risk(record: PatientRecord, course: Course, order: Order) -> float:
    """The true risk that this order, the first of its kind in a stay, is followed by an injury that its creatinine shows."""
    person, at = record.person, order.written
    taken = {one.drug for one in record.orders if one.written <= at < one.ended}
    nephrotoxins, acei, diuretic = taken & NEPHROTOXINS, bool(taken & ACEI_ARB), bool(taken & DIURETICS)
    return sigmoid(
        -3.7
        + 0.022 * (person.age(at) - 62.0)
        + 1.1 * max(0.0, 75.0 - record.levels.egfr) / 30.0
        + 0.35 * acei
        + 0.35 * diuretic
        + 0.7 * (acei and diuretic and bool(taken & NSAIDS))
        + 0.5 * (len(nephrotoxins) - 1)
        + DRUG.get(order.drug, 0.0)
        + 0.35 * person.has("heart_failure", at)
        + 0.30 * (person.has("diabetes", at) or person.has("diabetes_kidney", at))
        + 0.60 * person.has("cirrhosis", at)
        + 0.30 * max(course.severity, 0.0)
    )


def injure(dice: Dice, record: PatientRecord) -> None:
    """Order nephrotoxic medicines in the inpatient stays, draw injuries, and file what the laboratory sees of them."""
    stays = [stay for stay in record.stays if stay.kind == "IMP" and record.courses[stay.id].reason != "delivery"]
    for stay in stays:
        _order(dice, record, stay)
    record.orders.sort(key=lambda order: order.written)
    for exposure in _exposures(record):
        checked = exposure.at + int(dice.uniform(0.60, 0.95) * (exposure.watched_until - exposure.at))
        if dice.chance(CHECKED):
            _check(dice, record, exposure.stay, checked // MINUTE * MINUTE)
        if dice.chance(exposure.risk):
            _injure(dice, record, exposure)
    record.diagnoses.sort(key=lambda diagnosis: diagnosis.recorded)


def kidney_risks(record: PatientRecord) -> Iterator[KidneyRisk]:
    """The true risk at every nephrotoxic order of the inpatient stays: while nothing has shown, by Bayes' rule."""
    first = {exposure.stay.id: exposure for exposure in _exposures(record)}
    for order in record.orders:
        exposure = first.get(order.encounter)
        if exposure is None or order.drug not in NEPHROTOXINS or not exposure.at <= order.written < exposure.stay.end:
            continue
        low, high = exposure.onset_between
        still = min(max((high - order.written) / max(high - low, 1), 0.0), 1.0)
        to_come = exposure.risk * still
        yield KidneyRisk(
            order=order.id,
            encounter=order.encounter,
            at=order.written,
            within_week=to_come / (to_come + 1.0 - exposure.risk),
            declines=any(
                decline.onset < order.written + HORIZON and decline.over > order.written
                for decline in record.courses[order.encounter].declines
            ),
        )


def _order(dice: Dice, record: PatientRecord, stay: Stay) -> None:
    course = record.courses[stay.id]
    principal = stay.diagnoses[0].illness if stay.diagnoses else ""
    painful = PAINKILLER.get(course.reason, 0.05) / (3.0 if record.levels.egfr < 30.0 else 1.0)
    drug = "ketorolac" if dice.chance(0.6) else "ibuprofen"
    for name, likely in ((drug, painful), ("gentamicin", GENTAMICIN.get(principal, 0.0))):
        written = stay.start + int(dice.uniform(1.0, 20.0) * 60) * MINUTE
        ended = stay.end + int(dice.uniform(5, 60)) * MINUTE
        if dice.chance(likely) and written < stay.end - 6 * HOUR:
            number = len(record.orders) + 1
            record.orders.append(Order(f"{record.person.id}-m{number:03d}", name, written, ended, stay.id, True))


def _exposures(record: PatientRecord) -> list[Exposure]:
    """The first nephrotoxic order of each inpatient stay that has one."""
    found: dict[str, Exposure] = {}
    for order in record.orders:
        course = record.courses.get(order.encounter)
        if course is None or course.reason == "delivery" or order.drug not in NEPHROTOXINS or order.encounter in found:
            continue
        stay = record.stay(order.encounter)
        if stay.start <= order.written < stay.end:
            found[stay.id] = Exposure(stay=stay, at=order.written, risk=injury_risk(record, course, order))
    return list(found.values())


def _check(dice: Dice, record: PatientRecord, stay: Stay, at: int) -> None:
    """One creatinine, as it would be without an injury."""
    push = faded(record.courses[stay.id].severity, (at - stay.start) / DAY)
    read = pushed(record.levels, "creatinine", push) + dice.normal(0.0, NOISE["creatinine"])
    issued = at + max(int(dice.around(TESTS["creatinine"].hours, 0.5) * 60), 5) * MINUTE
    identity = f"{record.person.id}-o{len(record.results) + 1:04d}"
    record.results.append(Result(identity, "creatinine", _reported(read), at, issued, stay.id, stay.site))


def _injure(dice: Dice, record: PatientRecord, exposure: Exposure) -> None:
    low, high = exposure.onset_between
    onset = low + int(dice.uniform() * (high - low))
    height = max(dice.around(*HEIGHT), LOWEST)
    for result in record.results:
        if result.test == "creatinine" and onset <= result.taken < onset + OVER:
            ratio = _ratio(height, result.taken - onset)
            result.value = _reported(result.value * ratio)
            if result.corrected_value:
                result.corrected_value = _reported(result.corrected_value * ratio)
    if dice.chance(CODED):
        stay = exposure.stay
        recorded = stay.end + int(dice.uniform(0.2, 4.0) * DAY)
        identity = f"{record.person.id}-c{len(record.diagnoses) + 1:03d}"
        record.diagnoses.append(
            Diagnosis(identity, "kidney_injury", onset // DAY * DAY, recorded // MINUTE * MINUTE, stay.id)
        )
        stay.diagnoses.append(record.diagnoses[-1])


def _ratio(height: float, since: int) -> float:
    """To what multiple the creatinine has risen so long after the onset."""
    if since <= STAYS_HIGH:
        return height
    return height + (1.0 - height) * (since - STAYS_HIGH) / (OVER - STAYS_HIGH)


def _reported(value: float) -> float:
    analyte = TESTS["creatinine"]
    return round(min(max(value, analyte.low), analyte.high), analyte.decimals)
