"""What prevention asks for beside what the life measures: the rest of the lipid panel, and the height once."""

from __future__ import annotations

from services.demo.catalogue import TESTS
from services.demo.dice import Dice
from services.demo.facts import PatientRecord, Result

HEIGHT = {True: 163.0, False: 175.0}  # cm, women and men: the weight is the body mass index of that height


def complete_visits(dice: Dice, record: PatientRecord) -> None:
    """LDL (Friedewald) and triglycerides with every cholesterol, and the height at the first visit."""
    hdl = {(result.encounter, result.taken): result.value for result in record.results if result.test == "hdl"}
    triglycerides = dice.around(135.0 + 3.0 * max(0.0, record.person.bmi - 27.0), 0.35)
    for result in [result for result in record.results if result.test == "cholesterol"]:
        fat = min(dice.around(triglycerides, 0.15), 390.0)
        ldl = result.value - hdl.get((result.encounter, result.taken), 50.0) - fat / 5.0
        _file(record, "triglycerides", fat, result)
        _file(record, "ldl", ldl, result)
    first = next((result for result in record.results if result.test == "weight"), None)
    if first is not None:
        _file(record, "height", HEIGHT[record.person.female] + dice.normal(0.0, 0.6), first)


def _file(record: PatientRecord, test: str, value: float, beside: Result) -> None:
    """A reading of the same specimen or visit."""
    analyte = TESTS[test]
    kept = round(min(max(value, analyte.low), analyte.high), analyte.decimals)
    identity = f"{record.person.id}-o{len(record.results) + 1:04d}"
    record.results.append(Result(identity, test, kept, beside.taken, beside.issued, beside.encounter, beside.site))
