"""Resources become events: the one door for bedside and history alike. Odd content is counted, never raised.

Every resource becomes at least one fact, or is counted exactly once in `batch.skipped` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from services.timeline.events import EventBatch
from services.timeline.flatten_care import flatten_appointment, flatten_procedure, flatten_service_request, flatten_task
from services.timeline.flatten_conditions import (
    flatten_allergy_intolerance,
    flatten_condition,
    flatten_family_member_history,
)
from services.timeline.flatten_consent import flatten_consent
from services.timeline.flatten_costs import flatten_charge_item, flatten_claim, flatten_explanation_of_benefit
from services.timeline.flatten_encounter import flatten_encounter
from services.timeline.flatten_medicines import (
    flatten_immunization,
    flatten_medication,
    flatten_medication_administration,
    flatten_medication_request,
    flatten_medication_statement,
)
from services.timeline.flatten_observation import flatten_observation
from services.timeline.flatten_patient import flatten_coverage, flatten_patient
from services.timeline.flatten_places import flatten_location, flatten_organization, flatten_practitioner_role
from services.timeline.flatten_questionnaire import flatten_questionnaire_response
from services.timeline.flatten_report import flatten_diagnostic_report
from services.timeline.resources import Resource, Skip, decode_repaired, decode_strict
from services.timeline.resources_care import Appointment, Procedure, ServiceRequest, Task
from services.timeline.resources_costs import ChargeItem, Claim, ExplanationOfBenefit
from services.timeline.resources_encounter import Encounter
from services.timeline.resources_findings import (
    AllergyIntolerance,
    Condition,
    DiagnosticReport,
    Observation,
    QuestionnaireResponse,
)
from services.timeline.resources_medicines import (
    Immunization,
    Medication,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
)
from services.timeline.resources_patient import Consent, Coverage, FamilyMemberHistory, Patient
from services.timeline.resources_places import Location, Organization, PractitionerRole

FLATTEN: Final[dict[type[Resource], Callable[[Any, EventBatch], None]]] = {
    Patient: flatten_patient,
    Coverage: flatten_coverage,
    Consent: flatten_consent,
    FamilyMemberHistory: flatten_family_member_history,
    Encounter: flatten_encounter,
    Condition: flatten_condition,
    AllergyIntolerance: flatten_allergy_intolerance,
    Observation: flatten_observation,
    DiagnosticReport: flatten_diagnostic_report,
    QuestionnaireResponse: flatten_questionnaire_response,
    MedicationRequest: flatten_medication_request,
    MedicationAdministration: flatten_medication_administration,
    MedicationStatement: flatten_medication_statement,
    Medication: flatten_medication,
    Immunization: flatten_immunization,
    Procedure: flatten_procedure,
    ServiceRequest: flatten_service_request,
    Appointment: flatten_appointment,
    Task: flatten_task,
    Location: flatten_location,
    Organization: flatten_organization,
    PractitionerRole: flatten_practitioner_role,
    Claim: flatten_claim,
    ExplanationOfBenefit: flatten_explanation_of_benefit,
    ChargeItem: flatten_charge_item,
}
"""What makes events of each type: `flatten` for the hot loop, without the call."""


def flatten(resource: Resource, batch: EventBatch) -> None:
    """Append the events of one resource; what states no fact is counted in `batch.skipped`."""
    FLATTEN[type(resource)](resource, batch)


def flatten_json(raw: bytes | msgspec.Raw, batch: EventBatch) -> bool:
    """Append the events of one resource from its JSON; False if it gave none."""
    before = len(batch.cells)
    resource = decode_strict(raw)
    if resource is None:
        try:
            resource = decode_repaired(raw)
        except Skip as skip:
            batch.skipped[skip.reason] += 1
            return False
        batch.losses[f"{type(resource).__name__}: read with repairs"] += 1
    FLATTEN[type(resource)](resource, batch)
    return len(batch.cells) > before
