"""Panels: the laboratory's report over results that were taken together, filed when the last of them is issued."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.demo.catalogue import LOINC
from services.demo.facts import PatientRecord, Result
from services.demo.fragments import LABORATORY, concept, instant
from services.demo.paperwork.filing import Paper, numbered, reference

METABOLIC: Final = concept(LOINC, "24321-2", "Basic metabolic 2000 panel - Serum or Plasma")
LIPIDS: Final = concept(LOINC, "57698-3", "Lipid Panel")
# By the test that stands in every such panel and in no other: glucose is taken at admission, not daily.
PANELS: Final = {
    "glucose": (("na", "k", "bun", "creatinine", "glucose"), METABOLIC),
    "cholesterol": (("cholesterol", "hdl", "triglycerides", "ldl"), LIPIDS),
}


def report_papers(record: PatientRecord) -> Iterator[Paper]:
    """DiagnosticReport of the metabolic panel at admission and while declining, and of every lipid panel."""
    ids = numbered(record.person.id, "d")
    together: dict[tuple[str, int], dict[str, Result]] = {
        (result.encounter, result.taken): {} for result in record.results if result.test in PANELS
    }
    for result in record.results:
        if (taken_with := together.get((result.encounter, result.taken))) is not None:
            taken_with[result.test] = result
    for (encounter, taken), results in together.items():
        tests, code = PANELS["glucose" if "glucose" in results else "cholesterol"]
        if not results.keys() >= set(tests):
            continue
        issued = max(results[test].issued for test in tests)
        listed = ",".join(f'{{"reference":"Observation/{results[test].id}"}}' for test in tests)
        body = (
            f'"status":"final",{LABORATORY},"code":{code},{reference("subject", f"Patient/{record.person.id}")}'
            f',{reference("encounter", f"Encounter/{encounter}")},"effectiveDateTime":"{instant(taken)}"'
            f',"issued":"{instant(issued)}","result":[{listed}]'
        )
        yield Paper("DiagnosticReport", next(ids), ((issued, body),))
