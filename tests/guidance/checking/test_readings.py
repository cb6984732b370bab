"""Every fault of an outcome that is a reading is found on its line."""

from __future__ import annotations

import pytest

from services.guidance.check import check_files
from tests.guidance import small_guidance
from tests.guidance.several_predictions import GUIDANCE
from tests.guidance.small_guidance import MARK, line_of_mark

EVENT = '        - from: Condition.code\n          codes: {tokens: ["http://hl7.org/fhir/sid/icd-10-cm|I21.9"]}\n'
READING = (
    '        - from: Observation.code\n          codes: {tokens: ["http://loinc.org|4548-4"]}\n'
    '          unit: "%"\n          at_least: 6.5\n          at_most: 20\n          times: 2\n'
)
FAULTS = [
    ('          unit: "%"\n', "", "`unit` is missing"),
    ('unit: "%"', "unit: apples #!", "is no UCUM unit"),
    ('unit: "%"', "unit: mg/dL #!", "`http://loinc.org|4548-4` is measured in %"),
    ("          at_least: 6.5\n", "", "`at_least` is missing"),
    ("          at_least: 6.5\n          at_most: 20\n", "", "`unit` belongs to `at_least`"),
    ("at_most: 20", "at_most: 6 #!", "no reading would count"),
    (
        "          times: 2\n",
        "      looked_for:\n        - from: Observation.code\n          codes: {value_set: tests} #!\n",
        "no value set `tests`",
    ),
    (
        "          times: 2\n",
        '      looked_for:\n        - from: Observation.code\n          codes: {tokens: ["x|1"]}\n          unit: mg #!\n',
        "`unit` belongs to `at_least`",
    ),
    ("times: 2", "times: 0 #!", "greater than or equal to 1"),
    ("times: 2", 'answers: {tokens: ["x|yes"]} #!', "a number or an answer"),
    ("from: Observation.code", "from: Observation.code|Condition.code #!", "`Condition.code` has no number"),
]


def test_readings_beside_a_diagnosis_have_no_fault() -> None:
    """A threshold in its unit, twice, and a diagnosis: all of it is grammar."""
    assert check_files(small_guidance.files(GUIDANCE.replace(EVENT, EVENT + READING, 1))) == []


@pytest.mark.parametrize(("old", "new", "said"), FAULTS)
def test_every_fault_is_found_on_its_line(old: str, new: str, said: str) -> None:
    """One change, one sentence that says what is wrong, on the line where it stands."""
    broken = GUIDANCE.replace(EVENT, EVENT + READING.replace(old, new, 1), 1)
    faults = [fault for fault in check_files(small_guidance.files(broken)) if said in fault.message]
    assert faults, check_files(small_guidance.files(broken))
    if MARK in broken:
        assert line_of_mark(broken) in {fault.line for fault in faults}
