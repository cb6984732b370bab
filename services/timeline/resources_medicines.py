"""What is read of medicines: ordered, given, taken, and vaccines.

R5 is understood: `medication` as a CodeableReference, `encounter` where R4 says `context`, and in an administration
`occurence[x]` (as R5 spells it) or `occurrence[x]` where R4 says `effective[x]`.
"""

from __future__ import annotations

from services.timeline.elements import CodeableReference, Concept, Meta, Part, Period, Quantity, Reference, Timing


class Contained(Part):
    """A contained resource, as far as a medication needs it."""

    id: str | None = None
    code: Concept | None = None


class Dosage(Part):
    """How a medicine is taken."""

    timing: Timing | None = None
    route: Concept | None = None


class DispenseRequest(Part):
    """How a medicine is handed out."""

    validity_period: Period | None = None


class MedicationRequest(Part, tag_field="resourceType", tag="MedicationRequest"):
    """An order of a medicine."""

    id: str | None = None
    meta: Meta | None = None
    contained: list[Contained | None] | None = None
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: CodeableReference | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    authored_on: str | None = None
    dosage_instruction: list[Dosage | None] | None = None
    dispense_request: DispenseRequest | None = None


class Given(Part):
    """How much was given."""

    dose: Quantity | None = None


class MedicationAdministration(Part, tag_field="resourceType", tag="MedicationAdministration"):
    """A medicine that was given."""

    id: str | None = None
    meta: Meta | None = None
    contained: list[Contained | None] | None = None
    status: str | None = None
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: CodeableReference | None = None
    subject: Reference | None = None
    context: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    occurence_date_time: str | None = None
    occurence_period: Period | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    recorded: str | None = None
    dosage: Given | None = None


class MedicationStatement(Part, tag_field="resourceType", tag="MedicationStatement"):
    """A medicine that the patient is said to take."""

    id: str | None = None
    meta: Meta | None = None
    contained: list[Contained | None] | None = None
    status: str | None = None
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: CodeableReference | None = None
    subject: Reference | None = None
    context: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    date_asserted: str | None = None


class Medication(Part, tag_field="resourceType", tag="Medication"):
    """A medicine that others point to; it belongs to no patient."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    code: Concept | None = None


class Immunization(Part, tag_field="resourceType", tag="Immunization"):
    """A vaccine that was given."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    vaccine_code: Concept | None = None
    patient: Reference | None = None
    encounter: Reference | None = None
    occurrence_date_time: str | None = None
    recorded: str | None = None
