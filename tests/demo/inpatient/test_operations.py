"""services/demo/inpatient/operations.py."""

from __future__ import annotations

from services.demo.admissions import PLANNED
from services.demo.catalogue import PROCEDURES
from services.demo.facts import PatientRecord
from services.demo.inpatient.operations import OPERATION


def test_every_planned_stay_has_the_procedure_that_it_is_for(records: list[PatientRecord]) -> None:
    """Without one, a planned stay within 30 days would be read as an unplanned return, which no true risk foresees."""
    operated = 0
    for record in records:
        by_stay = {one.encounter: one for one in record.interventions if one.procedure in PROCEDURES}
        for stay in record.stays:
            course = record.courses.get(stay.id)
            if course is None or course.reason not in PLANNED:
                continue
            assert stay.id in by_stay
            if course.reason == "surgery":
                operated += 1
                (operation,) = (one for one in record.interventions if one.id == f"{stay.id}-op")
                assert operation.procedure == OPERATION[stay.diagnoses[0].illness]
                assert stay.start < operation.start < operation.end <= stay.end
    assert operated > 50
