"""The ready-made pieces of JSON that `resources` puts together: instants, codings, categories, units."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from services.demo.catalogue import (
    HL7,
    ICD10CM,
    ILLNESSES,
    LOINC,
    SNOMED,
    TESTS,
    UCUM,
)
from services.demo.facts import DAY, MINUTE

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
CLASSES = {
    "AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter", "OBSENC": "observation encounter",
}  # fmt: skip
PRIORITIES = {"EM": "emergency", "UR": "urgent", "EL": "elective"}
DISPOSITIONS = {
    "home": "Home", "alt-home": "Alternative home", "other-hcf": "Other healthcare facility", "hosp": "Hospice",
    "long": "Long-term care", "aadvice": "Left against advice", "exp": "Expired", "rehab": "Rehabilitation",
    "snf": "Skilled nursing facility",
}  # fmt: skip
# Two sites report in other units, as hospitals do: (factor, offset, unit, decimals).
OTHER_UNITS: dict[tuple[int, str], tuple[float, float, str, int]] = {
    (1, "hb"): (10.0, 0.0, "g/L", 0),
    (1, "albumin"): (10.0, 0.0, "g/L", 0),
    (1, "glucose_fasting"): (1 / 18.016, 0.0, "mmol/L", 1),
    (3, "temperature"): (1.8, 32.0, "[degF]", 1),
}


@lru_cache(maxsize=8192)
def day_text(number: int) -> str:
    """FHIR date of a day number."""
    return datetime.fromtimestamp(number * 86400, UTC).strftime("%Y-%m-%d")


@lru_cache(maxsize=1440)
def _time(minute: int) -> str:
    return f"T{minute // 60:02d}:{minute % 60:02d}:"


@lru_cache(maxsize=4096)
def instant(at: int) -> str:
    """FHIR instant, to the second, in UTC. Most are asked for several times in a row: taken, issued, stored."""
    day, rest = divmod(at, DAY)
    minute, rest = divmod(rest, MINUTE)
    return f"{day_text(day)}{_time(minute)}{rest // 1_000_000:02d}Z"


def concept(system: str, code: str, display: str, text: str = "") -> str:
    """A CodeableConcept of one coding."""
    tail = f',"text":"{text}"' if text else ""
    return f'{{"coding":[{{"system":"{system}","code":"{code}","display":"{display}"}}]{tail}}}'


def _category(system: str, code: str) -> str:
    return f'"category":[{{"coding":[{{"system":"{HL7}/{system}","code":"{code}"}}]}}]'


OBSERVATION_CATEGORY = {
    True: _category("observation-category", "vital-signs"),
    False: _category("observation-category", "laboratory"),
}
LABORATORY = OBSERVATION_CATEGORY[False]
SOCIAL_HISTORY = _category("observation-category", "social-history")
CONDITION_CATEGORY = {
    True: _category("condition-category", "problem-list-item"),
    False: _category("condition-category", "encounter-diagnosis"),
}
ORDER_CATEGORY = {
    True: _category("medicationrequest-category", "inpatient"),
    False: _category("medicationrequest-category", "community"),
}
AT_ADMISSION = f',"use":{concept(f"{HL7}/diagnosis-role", "AD", "Admission diagnosis")}'
TEST_CODE = {name: '"code":' + concept(LOINC, test.loinc, test.text) for name, test in TESTS.items()}
TEST_UNIT = {name: f'"unit":"{t.unit}","system":"{UCUM}","code":"{t.unit}"' for name, t in TESTS.items()}
ILLNESS_CODE = {
    name: '"code":{"coding":['
    + f'{{"system":"{ICD10CM}","code":"{illness.icd}","display":"{illness.text}"}}'
    + (f',{{"system":"{SNOMED}","code":"{illness.snomed}"}}' if illness.snomed else "")
    + f'],"text":"{illness.text}"}}'
    for name, illness in ILLNESSES.items()
}
CLINICAL_STATUS = {
    status: '"clinicalStatus":' + concept(f"{HL7}/condition-clinical", status, status.capitalize())
    for status in ("active", "resolved", "inactive")
}
VERIFICATION_STATUS = {
    status: '"verificationStatus":' + concept(f"{HL7}/condition-ver-status", status, status.capitalize())
    for status in ("confirmed", "refuted")
}


def head(kind: str, identity: str, version: int, updated: int) -> str:
    """The opening of a resource: type, id, version; the rest begins with a comma."""
    return f'{{"resourceType":"{kind}","id":"{identity}","meta":{{"versionId":"{version}","lastUpdated":"{instant(updated)}"}}'
