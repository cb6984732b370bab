"""Vital signs and laboratory series: a person's own level, pushed by illness, read with noise, issued late, at times corrected."""

from __future__ import annotations

import math

from services.demo.catalogue import TESTS
from services.demo.dice import Dice
from services.demo.facts import DAY, HOUR, MINUTE, NEVER, Levels, PatientRecord, Person, Result, Stay

CORRECTED = 0.015  # of laboratory results, a second version follows
WITHDRAWN = 0.12  # of these, the second version says entered in error
VERY_LATE = 0.03  # of laboratory results take 5 to 20 times as long
# how far severity 1 pushes each analyte at admission, and the sd of one reading
PUSH = {
    "hb": -0.75, "wbc": 2.9, "na": -1.8, "k": 0.12, "bun": 7.0, "albumin": -0.36, "glucose": 24.0,
    "pressure": -6.0, "pulse": 10.0, "breathing": 2.6, "temperature": 0.35, "saturation": -1.9,
}  # fmt: skip
NOISE = {
    "hb": 0.25, "wbc": 0.8, "na": 1.1, "k": 0.22, "bun": 1.6, "creatinine": 0.05, "albumin": 0.12, "hba1c": 0.15,
    "glucose": 18.0, "cholesterol": 12.0, "hdl": 4.0, "pressure": 9.0, "pulse": 6.0, "breathing": 1.4,
    "temperature": 0.22, "saturation": 0.9, "weight": 0.8, "bmi": 0.25,
}  # fmt: skip
ADMISSION_PANEL = ("hb", "wbc", "na", "k", "bun", "creatinine", "glucose")
DAILY_PANEL = ("hb", "na", "k", "bun", "creatinine")
VITALS = ("pressure", "pulse", "breathing", "temperature", "saturation")


def creatinine_of(egfr: float, *, age: float, female: bool) -> float:
    """The creatinine (mg/dL) whose CKD-EPI 2021 eGFR is this."""
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    at_kappa = 142.0 * 0.9938**age * (1.012 if female else 1.0)
    exponent = -1.200 if egfr <= at_kappa else alpha
    return float(kappa * (egfr / at_kappa) ** (1.0 / exponent))


def own_levels(dice: Dice, person: Person, at: int) -> Levels:
    """The levels a person has when well, from age, sex, illnesses and frailty."""
    has = {illness for illness, onset in person.illnesses.items() if onset <= at}
    age = person.age(at)
    egfr = 104.0 - 0.62 * max(0.0, age - 35.0) + dice.normal(0.0, 9.0)
    for stage, level in (("ckd3", 47.0), ("ckd4", 24.0), ("ckd5", 11.0)):
        if stage in has:
            egfr = min(egfr, level + dice.normal(0.0, level / 8.0))
    egfr = min(max(egfr, 6.0), 125.0)
    kidney = max(0.0, 60.0 - egfr)
    cancer = any(illness.startswith("cancer") for illness in has)
    diabetic = "diabetes" in has or "diabetes_kidney" in has
    return Levels(
        of={
            "hb": (13.2 if person.female else 14.5)
            - 0.035 * kidney - 0.35 * person.frailty - 0.9 * cancer - 0.5 * ("rheumatoid" in has) + dice.normal(0, 0.8),
            "wbc": dice.around(7.2, 0.22),
            "na": 139.8 - 1.3 * ("heart_failure" in has) - 1.8 * ("cirrhosis" in has) + dice.normal(0, 1.4),
            "k": 4.2 + 0.008 * kidney + dice.normal(0, 0.2),
            "bun": 13.0 + 0.62 * kidney + 4.0 * ("heart_failure" in has) + dice.normal(0, 2.0),
            "creatinine": creatinine_of(egfr, age=age, female=person.female),
            "albumin": 4.25 - 0.14 * person.frailty - 0.6 * ("cirrhosis" in has) - 0.2 * cancer + dice.normal(0, 0.2),
            "hba1c": dice.normal(7.5, 1.1) if diabetic else dice.normal(5.5, 0.25),
            "glucose": dice.normal(158.0, 32.0) if diabetic else dice.normal(101.0, 9.0),
            "cholesterol": dice.normal(188.0, 30.0), "hdl": dice.normal(54.0 if person.female else 46.0, 11.0),
            "pressure": dice.normal(136.0 if "hypertension" in has else 122.0, 9.0),
            "pulse": dice.normal(74.0, 7.0), "breathing": 15.0 + 1.5 * ("copd" in has), "temperature": 36.7,
            "saturation": 97.2 - 2.6 * ("copd" in has) - 0.8 * ("heart_failure" in has),
            "weight": person.bmi * (2.65 if person.female else 3.06), "bmi": person.bmi,
        },
        egfr=egfr,
    )  # fmt: skip


def level(levels: Levels, test: str, *, severity: float, days: float) -> float:
    """The true level `days` after admission with that severity: the push fades towards a third."""
    return pushed(levels, test, faded(severity, days))


def faded(severity: float, days: float) -> float:
    """What is left of the push of a severity `days` after admission."""
    return max(severity, -0.3) * (0.35 + 0.65 * math.exp(-days / 3.0))


def pushed(levels: Levels, test: str, push: float) -> float:
    """The true level under that push."""
    own = levels.of[test]
    if test == "creatinine":
        return own * (1.0 + 0.16 * max(push, 0.0))
    return own + PUSH.get(test, 0.0) * push


class Laboratory:
    """Takes readings of one patient and files the results."""

    def __init__(self, dice: Dice, record: PatientRecord) -> None:
        self._dice = dice
        self._record = record
        self._levels = record.levels

    def level(self, test: str, *, severity: float, days: float) -> float:
        """The true level `days` after admission with that severity."""
        return level(self._levels, test, severity=severity, days=days)

    def egfr(self, *, severity: float, days: float) -> float:
        """The true eGFR at that time."""
        ratio = self.level("creatinine", severity=severity, days=days) / self._levels.of["creatinine"]
        return self._levels.egfr / float(ratio**1.2)

    def take(
        self, test: str, at: int, encounter: str, site: int, *, severity: float = -0.3, days: float = 30.0
    ) -> None:
        """One reading: value, time of issue, and perhaps a later correction."""
        dice, analyte = self._dice, TESTS[test]
        read = self.level(test, severity=severity, days=days) + dice.normal(0.0, NOISE[test])
        value = round(min(max(read, analyte.low), analyte.high), analyte.decimals)
        issued, corrected, second = at, NEVER, 0.0
        if not analyte.vital:
            hours = dice.around(analyte.hours, 0.5) * (dice.uniform(5, 20) if dice.chance(VERY_LATE) else 1.0)
            issued = at + max(int(hours * 60), 5) * MINUTE
            if dice.chance(CORRECTED):
                corrected = issued + int(dice.around(10.0, 0.9) * 60) * MINUTE
        elif test == "pressure":
            second = round(min(max(0.55 * value + dice.normal(4.0, 6.0), 38.0), value - 8.0))
        result = Result(self._next_id(), test, value, at, issued, encounter, site, second)
        if corrected != NEVER:
            result.corrected = corrected
            changed = value * (1.0 + dice.uniform(0.05, 0.25) * (1 if dice.chance(0.5) else -1))
            result.corrected_value = round(min(max(changed, analyte.low), analyte.high), analyte.decimals)
            result.withdrawn = dice.chance(WITHDRAWN)
        self._record.results.append(result)

    def ask_smoking(self, at: int, encounter: str) -> None:
        """The smoking status, as asked at a visit."""
        self._record.results.append(
            Result(self._next_id(), "smoking", 0.0, at, at, encounter, word=self._record.person.smoker)
        )

    def watch_stay(self, stay: Stay, *, severity: float, until: int) -> None:
        """The readings of an inpatient or observation stay: a panel at admission, then daily."""
        dice, site = self._dice, stay.site
        diabetic = any(key.startswith("diabetes") for key in self._record.person.illnesses)
        taken = stay.start + int(dice.uniform(15, 90)) * MINUTE
        panel = list(ADMISSION_PANEL)
        if dice.chance(0.62):
            panel.append("albumin")
        if dice.chance(0.40 if diabetic else 0.04):
            panel.append("hba1c")
        for test in panel:
            self.take(test, taken, stay.id, site, severity=severity, days=0.0)
        for test in VITALS:
            self.take(test, stay.start + 10 * MINUTE, stay.id, site, severity=severity, days=0.0)
        day = 1
        morning = (stay.start // DAY + 1) * DAY + 6 * HOUR
        while morning < until:
            moment = morning + int(dice.uniform(0, 50)) * MINUTE
            if moment < until and dice.chance(0.80 if day <= 3 else 0.45):
                for test in DAILY_PANEL:
                    self.take(test, moment, stay.id, site, severity=severity, days=float(day))
                if dice.chance(0.12):
                    self.take("albumin", moment, stay.id, site, severity=severity, days=float(day))
            if day <= 3 or day % 3 == 0:
                for test in VITALS:
                    self.take(test, morning + 2 * HOUR, stay.id, site, severity=severity, days=float(day))
            day += 1
            morning += DAY

    def visit(self, at: int, encounter: str, site: int) -> None:
        """The readings of an ambulatory visit."""
        dice = self._dice
        for test in ("pressure", "pulse", "weight"):
            self.take(test, at, encounter, site)
        if dice.chance(0.30):
            self.take("bmi", at, encounter, site)
        if dice.chance(0.15):
            self.ask_smoking(at, encounter)
        if dice.chance(0.50):
            for test in ("creatinine", "bun", "na", "k"):
                self.take(test, at + 20 * MINUTE, encounter, site)
            if dice.chance(0.6):
                self.take("hb", at + 20 * MINUTE, encounter, site)
        diabetic = any(key.startswith("diabetes") for key in self._record.person.illnesses)
        if dice.chance(0.5 if diabetic else 0.06):
            self.take("hba1c", at + 20 * MINUTE, encounter, site)
        if dice.chance(0.15):
            for test in ("cholesterol", "hdl"):
                self.take(test, at + 20 * MINUTE, encounter, site)

    def _next_id(self) -> str:
        return f"{self._record.person.id}-o{len(self._record.results) + 1:04d}"
