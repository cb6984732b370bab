"""One inpatient stay: why, how long, how it ends, and the true risks when the patient leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.demo.dice import Dice
from services.demo.facts import DAY, HOUR, MINUTE, Person, Stay
from services.demo.truth import death_in_stay

CHANGED_PLAN = 0.04  # of plans announced, the patient goes elsewhere after all
# (median days, spread) of the length of stay
LENGTH = {
    "acute": (3.7, 0.62), "readmission": (4.3, 0.62), "transfer": (4.5, 0.5), "surgery": (2.4, 0.45),
    "chemotherapy": (1.2, 0.35), "delivery": (2.0, 0.3), "psychiatric": (8.0, 0.5), "joint": (2.2, 0.4),
}  # fmt: skip
PLANNED = frozenset({"surgery", "chemotherapy", "joint"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What was decided about a stay: its reason, its latent severity, when and how it ends."""

    reason: str
    principal: str
    severity: float
    end: int
    disposition: str
    planned_disposition: str
    announced: int


def principal_diagnosis(dice: Dice, person: Person, at: int, reason: str) -> str:
    """Why the patient comes in: acute illnesses by what they already have."""
    fixed = {
        "chemotherapy": "chemotherapy",
        "delivery": "delivery",
        "psychiatric": "depression",
        "joint": "joint_aftercare",
    }
    if reason in fixed:
        return fixed[reason]
    if reason == "surgery":
        choices = [(kind, 3.0) for kind in person.illnesses if kind.startswith("cancer") and person.has(kind, at)]
        choices += [("coronary", 1.5), ("carotid", 0.8), ("peripheral_artery", 0.7)]
    else:
        choices = [
            ("heart_failure_acute", 5.0 if person.has("heart_failure", at) else 0.15),
            ("copd_acute", 4.5 if person.has("copd", at) else 0.1),
            ("pneumonia", 2.2), ("sepsis", 1.6), ("infarction", 2.0 if person.has("coronary", at) else 0.8),
            ("stroke", 0.9), ("kidney_injury", 2.2 if any(person.has(f"ckd{n}", at) for n in (3, 4, 5)) else 0.5),
            ("respiratory_failure", 0.9), ("pancreatitis", 0.6), ("embolism", 0.6), ("transient_ischaemia", 0.6),
            ("hyperosmolar", 1.2 if person.has("diabetes", at) else 0.0),
        ]  # fmt: skip
    return choices[dice.pick([weight for _, weight in choices])][0]


def admit(dice: Dice, person: Person, at: int, reason: str) -> Admission:
    """Decide the whole stay."""
    planned = reason in PLANNED
    if planned or reason == "delivery":
        severity = dice.normal(-0.7, 0.5)
    else:
        severity = 0.35 * person.frailty + dice.normal(0.25 if reason == "readmission" else 0.0, 0.9)
    principal = principal_diagnosis(dice, person, at, reason)
    median, spread = LENGTH[reason]
    days = dice.around(median, spread) * (1.0 if planned else math.exp(0.22 * severity + 0.08 * person.frailty))
    end = at + int(min(max(days, 0.4), 60.0) * DAY)
    age = person.age(at)
    if not planned and dice.chance(
        death_in_stay(age=age, frailty=person.frailty, severity=severity, metastasis=person.has("metastasis", at))
    ):
        return Admission(
            reason=reason, principal=principal, severity=severity, end=_to_minute(end), disposition="exp",
            planned_disposition="", announced=end,
        )  # fmt: skip
    # People leave between ten and seventeen o'clock.
    end = max(end // DAY * DAY + int(dice.uniform(10.0, 17.0) * 60) * MINUTE, at + 5 * HOUR)
    disposition = _disposition(dice, person, at, reason=reason, severity=severity)
    plan = disposition
    if disposition == "aadvice":
        return Admission(
            reason=reason, principal=principal, severity=severity, end=_to_minute(end), disposition=disposition,
            planned_disposition="", announced=end,
        )  # fmt: skip
    if dice.chance(CHANGED_PLAN):
        plan = "snf" if disposition == "home" else "home"
    announced = end - int(dice.uniform(1.0, 22.0) * 60) * MINUTE
    return Admission(
        reason=reason, principal=principal, severity=severity, end=_to_minute(end), disposition=disposition,
        planned_disposition=plan, announced=max(announced, at + HOUR),
    )  # fmt: skip


def _disposition(dice: Dice, person: Person, at: int, *, reason: str, severity: float) -> str:
    """Where a patient who is alive goes."""
    age, frailty = person.age(at), person.frailty
    if reason in ("chemotherapy", "delivery"):
        return "home"
    if dice.chance(0.006 + (0.06 if person.has("metastasis", at) else 0.0)):
        return "hosp"
    if reason in ("acute", "readmission") and dice.chance(0.020):
        return "other-hcf"
    if reason not in PLANNED and dice.chance(0.012):
        return "aadvice"
    elsewhere = 1.0 / (1.0 + math.exp(3.1 - 0.05 * (age - 65.0) - 0.45 * frailty - 0.35 * severity))
    if dice.chance(elsewhere):
        return ("snf", "rehab", "long")[dice.pick([0.68, 0.26, 0.06])]
    return "home" if dice.chance(0.96) else "alt-home"


def likely_procedures(person: Person, stay: Stay, admission: Admission) -> dict[str, float]:
    """How likely each procedure is during the stay."""
    return {
        "transfusion": 0.05 + (0.10 if stay.oncology else 0.0),
        "dialysis": 0.55 if person.has("ckd5", stay.start) else 0.0,
        "ventilation": 0.25 if admission.principal in ("respiratory_failure", "sepsis") else 0.01,
        "central_line": 0.30 if admission.principal == "sepsis" else 0.03,
        "catheterisation": 0.65 if admission.principal in ("infarction", "coronary") else 0.01,
        "chemotherapy": 1.0 if admission.reason == "chemotherapy" else 0.0,
        "knee": 1.0 if admission.reason == "joint" else 0.0,
    }


def days_of(stay: Stay) -> int:
    """Calendar days of a stay; the same day is 0."""
    return stay.end // DAY - stay.start // DAY


def _to_minute(at: int) -> int:
    return at // MINUTE * MINUTE
