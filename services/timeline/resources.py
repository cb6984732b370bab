"""The FHIR R4 fields that Knowdo reads, as msgspec structs: all optional, everything else is skipped unread.

A resource that does not fit is read again with repairs (see `repair`); only when nothing usable is left is it
skipped, with a reason that names the type and never the content.
"""

from __future__ import annotations

from typing import Final

import msgspec

from services.timeline.elements import Concept, Extension, Meta, Part, Period, Quantity, Reference
from services.timeline.repair import repaired


class Skip(Exception):
    """A resource that cannot be read; the reason is counted, and holds no patient data."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Communication(Part):
    """A language of the patient."""

    language: Concept | None = None
    preferred: bool | None = None


class Patient(Part, tag_field="resourceType", tag="Patient"):
    """Who."""

    id: str | None = None
    meta: Meta | None = None
    birth_date: str | None = None
    gender: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    extension: list[Extension | None] | None = None
    communication: list[Communication | None] | None = None


class Hospitalization(Part):
    """How the stay began and ended."""

    admit_source: Concept | None = None
    discharge_disposition: Concept | None = None


class EncounterDiagnosis(Part):
    """A Condition in its role in this stay."""

    condition: Reference | None = None
    use: Concept | None = None
    rank: float | None = None


class Encounter(Part, tag_field="resourceType", tag="Encounter"):
    """A stay or a visit."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    class_: Concept | None = msgspec.field(name="class", default=None)
    type: list[Concept | None] | None = None
    service_type: Concept | None = None
    priority: Concept | None = None
    subject: Reference | None = None
    period: Period | None = None
    hospitalization: Hospitalization | None = None
    diagnosis: list[EncounterDiagnosis | None] | None = None
    service_provider: Reference | None = None


class Condition(Part, tag_field="resourceType", tag="Condition"):
    """A diagnosis or problem."""

    id: str | None = None
    meta: Meta | None = None
    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    code: Concept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    recorded_date: str | None = None


class Component(Part):
    """One part of an Observation, such as the systolic pressure."""

    code: Concept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_integer: float | None = None
    value_boolean: bool | None = None
    data_absent_reason: Concept | None = None


class Observation(Part, tag_field="resourceType", tag="Observation"):
    """A measurement or finding."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_integer: float | None = None
    value_boolean: bool | None = None
    data_absent_reason: Concept | None = None
    component: list[Component | None] | None = None


class Contained(Part):
    """A contained resource, as far as a medication needs it."""

    id: str | None = None
    code: Concept | None = None


class Repeat(Part):
    """For how long a dosage holds."""

    bounds_period: Period | None = None


class Timing(Part):
    """When a dosage is taken."""

    repeat: Repeat | None = None


class Dosage(Part):
    """How a medicine is taken."""

    timing: Timing | None = None


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
    subject: Reference | None = None
    encounter: Reference | None = None
    authored_on: str | None = None
    dosage_instruction: list[Dosage | None] | None = None
    dispense_request: DispenseRequest | None = None


class Medication(Part, tag_field="resourceType", tag="Medication"):
    """A medicine that orders point to; it belongs to no patient."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    code: Concept | None = None


class Procedure(Part, tag_field="resourceType", tag="Procedure"):
    """Something done to the patient."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None


class ServiceRequest(Part, tag_field="resourceType", tag="ServiceRequest"):
    """An order of something other than a medicine."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    code: Concept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    occurrence_period: Period | None = None
    authored_on: str | None = None


Resource = (
    Patient | Encounter | Condition | Observation | MedicationRequest | Medication | Procedure | ServiceRequest
)  # fmt: skip

_TYPES: Final[dict[str, type[Resource]]] = {
    "Patient": Patient,
    "Encounter": Encounter,
    "Condition": Condition,
    "Observation": Observation,
    "MedicationRequest": MedicationRequest,
    "Medication": Medication,
    "Procedure": Procedure,
    "ServiceRequest": ServiceRequest,
}

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
    return repaired(content, kind)
