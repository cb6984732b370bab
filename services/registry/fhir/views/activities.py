"""What a card suggests as ActivityDefinition: one for each resource that a suggestion creates, its template beside it.

Only what R4 has a place for is mapped; the template itself is attached byte for byte in an extension, so nothing is lost.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from services.registry.fhir.held import Held
from services.registry.fhir.names import FHIR_JSON, RELEASE, TEMPLATE, Resource, extension, name_of, without_nothing

# The codes of R4's required value sets.
_KINDS: Final = frozenset(
    {
        "Appointment", "AppointmentResponse", "CarePlan", "Claim", "CommunicationRequest", "Contract", "DeviceRequest",
        "EnrollmentRequest", "ImmunizationRecommendation", "MedicationRequest", "NutritionOrder", "ServiceRequest",
        "SupplyRequest", "Task", "VisionPrescription",
    }
)  # fmt: skip
_INTENTS: Final = frozenset(
    {
        "proposal", "plan", "directive", "order", "original-order", "reflex-order", "filler-order", "instance-order",
        "option",
    }
)  # fmt: skip
_PRIORITIES: Final = frozenset({"routine", "urgent", "asap", "stat"})


def suffix_of(resource: str) -> str:
    """How the canonical address of a suggestion's resource ends: `-` and its file name, plain."""
    return "-" + re.sub(r"[^A-Za-z0-9.-]", "-", PurePosixPath(resource).stem)


def activity_definitions(held: Held) -> Iterator[Resource]:
    """One for each resource that any card may create, in the order of the cards."""
    for number, (resource, said) in enumerate(_created(held).items(), start=1):
        yield _activity(held, number, resource, said)


def _created(held: Held) -> dict[str, str]:
    """File → what the clinician agrees to, at its first use."""
    found: dict[str, str] = {}
    for card in held.contents.guidance.cards.values():
        for suggestion in card.suggestions:
            for one in suggestion.actions:
                if one.type == "create" and one.resource is not None:
                    found.setdefault(one.resource, one.description)
    return found


def _activity(held: Held, number: int, resource: str, said: str) -> Resource:
    data = held.contents.templates[resource]
    template: dict[str, Any] = msgspec.json.decode(data)
    kind, intent, priority = (template.get(name) for name in ("resourceType", "intent", "priority"))
    suffix = suffix_of(resource)
    return without_nothing(
        {
            "resourceType": "ActivityDefinition",
            "id": f"{held.key}-a{number}",
            "meta": held.meta(),
            "extension": [_template(resource, data)],
            "url": held.url("ActivityDefinition", suffix),
            "identifier": [{"system": RELEASE, "value": held.proposal.release}],
            "version": held.version,
            "name": name_of(f"{held.proposal.guidance}{suffix}"),
            "title": said,
            "status": held.status,
            "experimental": held.place.demo,
            "date": held.changed_at,
            "publisher": held.place.issuer,
            "description": f"Suggested by {held.contents.guidance.title}; a draft until a clinician signs it",
            "kind": kind if kind in _KINDS else None,
            "intent": intent if intent in _INTENTS else None,
            "priority": priority if priority in _PRIORITIES else None,
            "code": template.get("code"),
            "productCodeableConcept": template.get("medicationCodeableConcept"),
            "dosage": template.get("dosageInstruction"),
            "doNotPerform": template.get("doNotPerform"),
        }
    )


def _template(resource: str, data: bytes) -> Resource:
    return extension(
        TEMPLATE,
        valueAttachment={
            "contentType": FHIR_JSON,
            "title": resource,
            "data": base64.b64encode(data).decode(),
            "size": len(data),
        },
    )
