"""The context of every hook of the HL7 library, about one made-up case; an unknown hook gets the usual three fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.cds.conformance.made_up import Case, resource

RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
IBUPROFEN: Final = (RXNORM, "5640")

TOKENS: Final[Mapping[str, frozenset[str]]] = {
    "patient-view": frozenset({"userId", "patientId", "encounterId"}),
    "order-sign": frozenset({"userId", "patientId", "encounterId"}),
    "order-select": frozenset({"userId", "patientId", "encounterId"}),
    "order-dispatch": frozenset({"patientId", "dispatchedOrders", "performer", "order"}),
    "appointment-book": frozenset({"userId", "patientId", "encounterId"}),
    "encounter-start": frozenset({"userId", "patientId", "encounterId"}),
    "encounter-discharge": frozenset({"userId", "patientId", "encounterId"}),
    "problem-list-item-create": frozenset({"userId", "patientId", "encounterId"}),
    "allergyintolerance-create": frozenset({"userId", "patientId", "encounterId"}),
    "medication-refill": frozenset({"userId", "patientId", "encounterId"}),
    "medication-verify": frozenset({"userId", "patientId", "encounterId"}),
    "medication-prescribe": frozenset({"userId", "patientId", "encounterId"}),
    "order-review": frozenset({"userId", "patientId", "encounterId"}),
}
"""Hook → the fields of its context that its definition lets be used as prefetch tokens."""


def context_for(hook: str, case: Case) -> dict[str, Any]:
    """What a client knows when this hook fires."""
    usual = {"userId": case.user, "patientId": case.patient, "encounterId": case.encounter}
    return usual | _MORE[hook](case) if hook in _MORE else usual


def _drafts(case: Case, name: str = "draftOrders") -> dict[str, Any]:
    order = resource("MedicationRequest", case, identifier="draft-1", code=IBUPROFEN) | {"status": "draft"}
    return {name: {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}}


def _dispatch(_case: Case) -> dict[str, Any]:
    return {
        "order": "MedicationRequest/draft-1",
        "dispatchedOrders": ["MedicationRequest/draft-1"],
        "performer": "Organization/check-organization",
    }


def _bundle_of(kind: str, name: str, **changes: Any) -> Callable[[Case], dict[str, Any]]:
    def made(case: Case) -> dict[str, Any]:
        entry = {"resource": resource(kind, case) | changes}
        return {name: {"resourceType": "Bundle", "type": "collection", "entry": [entry]}}

    return made


_MORE: Final[Mapping[str, Callable[[Case], dict[str, Any]]]] = {
    "order-sign": _drafts,
    "order-select": lambda case: {"selections": ["MedicationRequest/draft-1"], **_drafts(case)},
    "order-dispatch": _dispatch,
    "appointment-book": _bundle_of("Appointment", "appointments", status="proposed"),
    "problem-list-item-create": _bundle_of("Condition", "conditions"),
    "allergyintolerance-create": lambda case: {"allergyIntolerance": resource("AllergyIntolerance", case)},
    "medication-refill": _bundle_of("MedicationRequest", "medications", status="draft"),
    "medication-verify": lambda case: {"medication": resource("MedicationRequest", case, code=IBUPROFEN)},
    "medication-prescribe": lambda case: _drafts(case, "medications"),
    "order-review": lambda case: _drafts(case, "orders"),
}
