"""What screening for diabetes asks for beside what the life measures: glucose, fasting and not, and a liver enzyme."""

from __future__ import annotations

from typing import Final

from services.demo.catalogue import TESTS
from services.demo.dice import Dice
from services.demo.facts import MINUTE, PatientRecord, Result, Stay

LATER: Final = 25 * MINUTE  # after the visit began; the life takes its own blood before that
ASKED: Final = {"glucose": 0.25, "ast": 0.10}  # of visits
FASTING: Final = 0.20  # of lipid panels come with a fasting glucose
NOISE: Final = {"glucose": 14.0, "glucose_fasting": 5.0}
FASTED: Final = -8.0  # mg/dL below the person's own level
HIGHEST_WITHOUT: Final = 125.0
"""Fasting glucose of who has no diabetes: nobody reads 126 by chance."""


def measure_glucose(dice: Dice, record: PatientRecord) -> None:
    """Glucose and AST at some visits, and a fasting glucose with some lipid panels."""
    own = record.levels.of["glucose"]
    ast = dice.around(24.0 + 0.3 * max(0.0, record.person.bmi - 27.0), 0.25)
    lipids = {result.encounter for result in record.results if result.test == "cholesterol"}
    for visit in record.stays:
        if visit.kind != "AMB":
            continue
        if dice.chance(ASKED["glucose"]):
            read(dice, record, "glucose", own + dice.normal(0.0, NOISE["glucose"]), visit, visit.start + LATER)
        if dice.chance(ASKED["ast"]):
            read(dice, record, "ast", dice.around(ast, 0.15), visit, visit.start + LATER)
        if visit.id in lipids and dice.chance(FASTING):
            fasting = own + FASTED + dice.normal(0.0, NOISE["glucose_fasting"])
            if not (record.person.has("diabetes", visit.start) or record.person.has("diabetes_kidney", visit.start)):
                fasting = min(fasting, HIGHEST_WITHOUT)
            read(dice, record, "glucose_fasting", fasting, visit, visit.start + LATER)


def read(dice: Dice, record: PatientRecord, test: str, value: float, visit: Stay, at: int) -> Result:
    """File one result of a visit, issued after its usual time."""
    analyte = TESTS[test]
    kept = round(min(max(value, analyte.low), analyte.high), analyte.decimals)
    issued = at + max(int(dice.around(analyte.hours, 0.5) * 60), 5) * MINUTE
    identity = f"{record.person.id}-o{len(record.results) + 1:04d}"
    result = Result(identity, test, kept, at, issued, visit.id, visit.site)
    record.results.append(result)
    return result
