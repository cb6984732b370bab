"""The one door from JSON to a resource: the fields that Knowdo reads, all optional; everything else is skipped unread.

The fields stand by theme in `resources_*.py`. They are those of FHIR R4 and R4B; R5 is understood where it only
names or wraps the same thing otherwise, and each file says where.

A resource that does not fit is read again with repairs (see `repair`); only when nothing usable is left is it
skipped, with a reason that names the type and never the content.
"""

from __future__ import annotations

from typing import Final, get_args

import msgspec

from services.timeline.repair import repaired
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


class Skip(Exception):
    """A resource that cannot be read; the reason is counted, and holds no patient data."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


Resource = (
    Patient | Coverage | Consent | FamilyMemberHistory | Encounter
    | Condition | AllergyIntolerance | Observation | DiagnosticReport | QuestionnaireResponse
    | MedicationRequest | MedicationAdministration | MedicationStatement | Medication | Immunization
    | Procedure | ServiceRequest | Appointment | Task
    | Location | Organization | PractitionerRole
    | Claim | ExplanationOfBenefit | ChargeItem
)  # fmt: skip

_TYPES: Final[dict[str, type[Resource]]] = {kind.__name__: kind for kind in get_args(Resource)}

READ: Final = frozenset(_TYPES)
"""The resource types that become events; all others are counted as skipped."""

_strict = msgspec.json.Decoder(Resource)
_anything = msgspec.json.Decoder(float_hook=float)  # 1e999 is infinite here and left out by the repair, not broken JSON


def decode_resource(raw: bytes | msgspec.Raw) -> Resource:
    """One resource from its JSON, repaired where needed; raises Skip with the reason when it cannot be used."""
    resource = decode_strict(raw)
    return decode_repaired(raw) if resource is None else resource


def decode_strict(raw: bytes | msgspec.Raw) -> Resource | None:
    """One resource if it fits as it is, else None: the fast path, without an exception for its caller."""
    try:
        resource: Resource = _strict.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return resource


def decode_lines(lines: bytes) -> list[Resource] | None:
    """The resources of some lines if all of them fit as they are, else None: a fifth faster than one by one."""
    try:
        resources: list[Resource] = _strict.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return resources


def decode_repaired(raw: bytes | msgspec.Raw) -> Resource:
    """One resource of which only what fits is kept; raises Skip with the reason when it cannot be used."""
    try:
        content = _anything.decode(bytes(raw).removeprefix(b"\xef\xbb\xbf"))  # a byte order mark from Windows
    except RecursionError:
        raise Skip("JSON nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Skip("broken JSON") from None
    if not isinstance(content, dict) or not isinstance(name := content.get("resourceType"), str):
        raise Skip("not a FHIR resource")
    if (kind := _TYPES.get(name)) is None:
        # The name comes from outside: counted by name only if it looks like a FHIR type.
        raise Skip(f"{name}: not read" if name.isascii() and name.isalpha() and len(name) < 40 else "unknown type")
    try:
        return repaired(content, kind)
    except RecursionError:
        raise Skip("JSON nested too deeply") from None
