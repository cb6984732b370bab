"""What is read of who the patient is: Patient, Coverage, Consent, FamilyMemberHistory.

R5 says `decision`, `subject` and `date` in a Consent where R4 says `provision.type`, `patient` and `dateTime`.
"""

from __future__ import annotations

import msgspec

from services.timeline.elements import Coding, Concept, Extension, Meta, Part, Period, Quantity, Reference


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


class Coverage(Part, tag_field="resourceType", tag="Coverage"):
    """Who pays."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    type: Concept | None = None
    beneficiary: Reference | None = None
    period: Period | None = None


class Restriction(Part):
    """Something that narrows a provision: that it is there is all that is read."""


class Provision(Part):
    """What is permitted or denied, and inside it what is excepted from that."""

    type: str | None = None
    period: Period | None = None
    purpose: list[Coding | None] | None = None
    class_: list[Coding | None] | None = msgspec.field(name="class", default=None)
    resource_type: list[Coding | None] | None = None
    code: list[Concept | None] | None = None
    action: list[Concept | None] | None = None
    document_type: list[Coding | None] | None = None
    security_label: list[Coding | None] | None = None
    data_period: Period | None = None
    actor: list[Restriction | None] | None = None
    data: list[Restriction | None] | None = None
    expression: Restriction | None = None
    provision: list[Provision | None] | None = None


class Consent(Part, tag_field="resourceType", tag="Consent"):
    """What the patient permits and denies."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    scope: Concept | None = None
    category: list[Concept | None] | None = None
    patient: Reference | None = None
    subject: Reference | None = None
    date_time: str | None = None
    date: str | None = None
    policy_rule: Concept | None = None
    decision: str | None = None
    period: Period | None = None
    provision: Provision | list[Provision | None] | None = None


class FamilyCondition(Part):
    """What a relative had."""

    code: Concept | None = None
    onset_age: Quantity | None = None


class FamilyMemberHistory(Part, tag_field="resourceType", tag="FamilyMemberHistory"):
    """One relative."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    patient: Reference | None = None
    date: str | None = None
    relationship: Concept | None = None
    condition: list[FamilyCondition | None] | None = None
