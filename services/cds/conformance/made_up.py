"""A patient who never lived: small, plausible R4 resources of whatever type a prefetch template asks for.

She is old and ill, so that guidance has something to say. Whatever is asked for by code is given with that code; a
laboratory value that is known to the table below is outside its reference range.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

UCUM: Final = "http://unitsofmeasure.org"
# LOINC code → value, unit.
VALUES: Final[Mapping[str, tuple[float, str]]] = {
    "718-7": (8.4, "g/dL"), "4548-4": (9.2, "%"), "2160-0": (2.4, "mg/dL"), "33914-3": (28, "mL/min/{1.73_m2}"),
    "62238-1": (28, "mL/min/{1.73_m2}"), "98979-8": (28, "mL/min/{1.73_m2}"), "2345-7": (182, "mg/dL"),
    "1558-6": (141, "mg/dL"), "2951-2": (128, "mmol/L"), "2947-0": (128, "mmol/L"), "2823-3": (5.8, "mmol/L"),
    "3094-0": (48, "mg/dL"), "6690-2": (16.2, "10*3/uL"), "777-3": (92, "10*3/uL"), "1975-2": (2.6, "mg/dL"),
    "1751-7": (2.6, "g/dL"), "8480-6": (168, "mm[Hg]"), "8462-4": (96, "mm[Hg]"), "8867-4": (112, "/min"),
    "9279-1": (26, "/min"), "8310-5": (38.6, "Cel"), "39156-5": (33.1, "kg/m2"), "29463-7": (92, "kg"),
    "8302-2": (167, "cm"), "2093-3": (246, "mg/dL"), "2085-9": (34, "mg/dL"), "13457-7": (168, "mg/dL"),
}  # fmt: skip
_DEFAULT_VALUE: Final = (1.0, "1")
_TOKEN: Final = re.compile(r"\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """About whom one call is: its ids, and now."""

    patient: str
    encounter: str
    user: str = "Practitioner/check-practitioner"
    now: datetime

    @property
    def today(self) -> str:
        """As a FHIR date."""
        return self.now.date().isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a resource type says the same few things: its state, about whom, when, and where its code stands."""

    status: str = "active"
    about: str = "subject"
    when: str = ""
    code: str = ""
    encounter: str = ""
    more: Mapping[str, Any] | None = None


_BILLED: Final[dict[str, Any]] = {
    "use": "claim",
    "provider": {"display": "Made-up hospital"},
}
_INSURED: Final[dict[str, Any]] = {"focal": True, "coverage": {"display": "A coverage"}}

KINDS: Final[Mapping[str, Kind]] = {
    "Observation": Kind(status="final", when="effectiveDateTime", code="code", encounter="encounter"),
    "Condition": Kind(status="", when="recordedDate", code="code", more={
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
    }),
    "MedicationRequest": Kind(when="authoredOn", code="medicationCodeableConcept", more={"intent": "order"}),
    "MedicationStatement": Kind(when="effectiveDateTime", code="medicationCodeableConcept"),
    "MedicationAdministration": Kind(status="completed", when="effectiveDateTime", code="medicationCodeableConcept"),
    "MedicationDispense": Kind(status="completed", when="whenHandedOver", code="medicationCodeableConcept"),
    "Procedure": Kind(status="completed", when="performedDateTime", code="code"),
    "ServiceRequest": Kind(when="authoredOn", code="code", encounter="encounter", more={"intent": "order"}),
    "DiagnosticReport": Kind(status="final", when="effectiveDateTime", code="code"),
    "DeviceRequest": Kind(when="authoredOn", code="codeCodeableConcept", more={"intent": "order"}),
    "NutritionOrder": Kind(about="patient", when="dateTime", more={"intent": "order"}),
    "AllergyIntolerance": Kind(status="", about="patient", when="recordedDate", code="code"),
    "Immunization": Kind(status="completed", about="patient", when="occurrenceDateTime", code="vaccineCode"),
    "QuestionnaireResponse": Kind(status="completed", when="authored"),
    "Appointment": Kind(status="booked", about="", when="start", more={
        "participant": [{"status": "accepted", "actor": {"display": "Ann Made-Up"}}],
    }),
    "Task": Kind(status="requested", about="for", when="authoredOn", code="code", more={"intent": "order"}),
    "Coverage": Kind(about="beneficiary", code="type", more={"payor": [{"display": "A payer"}]}),
    "Consent": Kind(about="patient", when="dateTime", more={
        "scope": {"text": "patient privacy"}, "category": [{"text": "made up"}],
        "policyRule": {"text": "made up"},
    }),
    "FamilyMemberHistory": Kind(status="completed", about="patient", when="date", code="relationship"),
    "Claim": Kind(about="patient", when="created", code="type", more=_BILLED | {
        "priority": {"text": "normal"}, "insurance": [{"sequence": 1, **_INSURED}],
    }),
    "ExplanationOfBenefit": Kind(about="patient", when="created", code="type", more=_BILLED | {
        "insurer": {"display": "A payer"}, "outcome": "complete", "insurance": [_INSURED],
    }),
    "ChargeItem": Kind(status="billable", when="occurrenceDateTime", code="code"),
    "Practitioner": Kind(status="", about="", more={"active": True, "name": [{"family": "Made", "given": ["Up"]}]}),
    "PractitionerRole": Kind(status="", about="", more={"active": True}),
    "RelatedPerson": Kind(status="", about="patient"),
    "Organization": Kind(status="", about="", more={"active": True, "name": "Made-up hospital"}),
    "Location": Kind(about="", more={"name": "Ward"}),
    "Device": Kind(about="patient"),
}  # fmt: skip


def resource(kind: str, case: Case, *, identifier: str = "", code: tuple[str, str] | None = None) -> dict[str, Any]:
    """One resource about the case's patient; `code` as (system, code)."""
    if kind == "Patient":
        return {
            "resourceType": "Patient", "id": case.patient, "active": True, "gender": "female", "birthDate": "1941-05-01",
            "name": [{"family": "Made-Up", "given": ["Ann"]}],
        }  # fmt: skip
    if kind == "Encounter":
        return _encounter(case)
    form = KINDS.get(kind, Kind())
    made: dict[str, Any] = {"resourceType": kind, "id": identifier or f"{case.patient[:48]}-{kind[:12]}"}
    if form.status:
        made["status"] = form.status
    if form.about:
        made[form.about] = {"reference": f"Patient/{case.patient}"}
    if form.encounter:
        made[form.encounter] = {"reference": f"Encounter/{case.encounter}"}
    if form.when:
        made[form.when] = (case.now - timedelta(hours=6)).isoformat(timespec="seconds")
    system, name = code or ("http://snomed.info/sct", "404684003")
    if form.code:
        made[form.code] = {"coding": [{"system": system, "code": name}], "text": "made up"}
    if kind == "Observation":
        value, unit = VALUES.get(name, _DEFAULT_VALUE)
        made["valueQuantity"] = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return made | dict(form.more or {})


def _encounter(case: Case) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": case.encounter,
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": f"Patient/{case.patient}"},
        "period": {"start": (case.now - timedelta(days=2)).isoformat(timespec="seconds")},
    }


def searchset(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Bundle as a FHIR server answers a search."""
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries, **more}


def answer_to(query: str, case: Case) -> dict[str, Any] | None:
    """What a FHIR server that holds this case answers to `Type/id` or `Type?…`; None if it is neither."""
    path, _, parameters = query.partition("?")
    kind, _, identifier = path.strip("/").partition("/")
    if not kind.isalpha():
        return None
    if identifier:
        return resource(kind, case, identifier=identifier)
    return searchset(*(resource(kind, case, code=code) for code in _codes(parameters)))


def _codes(parameters: str) -> list[tuple[str, str] | None]:
    """The first three codes that a search asks for; one None for a search by patient alone."""
    for name, value in parse_qsl(parameters):
        if name in {"code", "vaccine-code", "type"} and "{{" not in value:
            tokens = [token.rpartition("|") for token in value.split(",") if token][:3]
            return [(system, code) for system, _, code in tokens] or [None]
    return [None]


def resolve(template: str, context: Mapping[str, Any], case: Case) -> str | None:
    """A template with its tokens replaced; None if one of them cannot be."""
    lost = False

    def value(found: re.Match[str]) -> str:
        nonlocal lost
        said = _token_value(found[1], context, case)
        lost = lost or said is None
        return said or ""

    text = _TOKEN.sub(value, template)
    return None if lost else text


def _token_value(token: str, context: Mapping[str, Any], case: Case) -> str | None:
    user_kind, _, user = str(context.get("userId", case.user)).partition("/")
    if token == f"user{user_kind}Id":
        return user
    if token.startswith("today()"):
        days = re.fullmatch(r"today\(\)\s*-\s*(\d+)\s*days?", token)
        return (case.now - timedelta(days=int(days[1]) if days else 0)).date().isoformat()
    value = context.get(token.removeprefix("context.")) if token.startswith("context.") else None
    return value if isinstance(value, str) else None


def now() -> datetime:
    """The present second in UTC."""
    return datetime.now(UTC).replace(microsecond=0)
