"""Which search parameters the demo EHR knows, and where each looks: those of FHIR R4 for the resources that it holds."""

from __future__ import annotations

from typing import Final

Paths = tuple[str, ...]

TOKENS: Final[dict[str, Paths]] = {
    "_id": ("id",),
    "appointment-type": ("appointmentType",),
    "category": ("category",),
    "class": ("class",),
    "clinical-status": ("clinicalStatus",),
    "code": ("code", "medicationCodeableConcept", "condition.code"),
    "combo-code": ("code", "component.code"),
    "component-code": ("component.code",),
    "conclusion": ("conclusionCode",),
    "intent": ("intent",),
    "priority": ("priority",),
    "relationship": ("relationship",),
    "scope": ("scope",),
    "service-type": ("serviceType",),
    "status": ("status",),
    "type": ("type",),
    "use": ("use",),
    "vaccine-code": ("vaccineCode",),
    "verification-status": ("verificationStatus",),
}
"""Parameters of codes → the elements, any of which may hold the code."""

_PATIENT: Final = ("subject", "patient", "beneficiary", "for", "participant.actor")
REFERENCES: Final[dict[str, Paths]] = {
    "patient": _PATIENT,
    "subject": _PATIENT,
    "beneficiary": ("beneficiary",),
    "encounter": ("encounter", "context", "item.encounter"),
    "context": ("context",),
    "location": ("location.location",),
    "service-provider": ("serviceProvider",),
    "questionnaire": ("questionnaire",),
    "source": ("source",),
    "author": ("author",),
}
"""Parameters of references → the elements, any of which may point there."""

DATES: Final[dict[str, Paths]] = {
    "date": (
        "effectiveDateTime", "period", "performedPeriod", "occurrenceDateTime", "start", "dateTime", "recordedDate", "date",
    ),
    "authored": ("authored", "authoredOn"),
    "authored-on": ("authoredOn",),
    "authoredon": ("authoredOn",),
    "created": ("created",),
    "effective": ("effectiveDateTime",),
    "effective-time": ("effectiveDateTime",),
    "entered-date": ("enteredDate",),
    "issued": ("issued",),
    "modified": ("lastModified",),
    "occurrence": ("occurrenceDateTime",),
    "onset-date": ("onsetDateTime",),
    "recorded-date": ("recordedDate",),
    "_lastUpdated": ("meta.lastUpdated",),
}  # fmt: skip
"""Parameters of times, by which one can also sort → the elements, of which the first that is there is meant."""
