"""What is read of an Encounter: a stay or a visit, where it took place and with whom.

R5 is understood: `class` and `serviceType` as lists, `actualPeriod`, `admission`, `reason`, `participant.actor`,
`location.form`, and a diagnosis whose `condition` is a list of CodeableReference.
"""

from __future__ import annotations

import msgspec

from services.timeline.elements import CodeableReference, Concept, Meta, Part, Period, Reference


class Hospitalization(Part):
    """How the stay began and ended."""

    admit_source: Concept | None = None
    discharge_disposition: Concept | None = None


class EncounterDiagnosis(Part):
    """A Condition in its role in this stay."""

    condition: Reference | list[CodeableReference | None] | None = None
    use: Concept | list[Concept | None] | None = None
    rank: float | None = None


class ClassHistory(Part):
    """What kind of stay it was for a while."""

    class_: Concept | None = msgspec.field(name="class", default=None)
    period: Period | None = None


class EncounterLocation(Part):
    """Where the patient was for a while."""

    location: Reference | None = None
    status: str | None = None
    period: Period | None = None


class EncounterParticipant(Part):
    """Who took part."""

    individual: Reference | None = None
    actor: Reference | None = None
    period: Period | None = None


class EncounterReason(Part):
    """R5: why the patient came."""

    value: list[CodeableReference | None] | None = None


class ContainedPlace(Part):
    """A contained Location or PractitionerRole, as far as an encounter needs it."""

    id: str | None = None
    type: list[Concept | None] | None = None
    specialty: list[Concept | None] | None = None


class Encounter(Part, tag_field="resourceType", tag="Encounter"):
    """A stay or a visit."""

    id: str | None = None
    meta: Meta | None = None
    contained: list[ContainedPlace | None] | None = None
    status: str | None = None
    class_: Concept | list[Concept | None] | None = msgspec.field(name="class", default=None)
    class_history: list[ClassHistory | None] | None = None
    type: list[Concept | None] | None = None
    service_type: Concept | list[Concept | None] | None = None
    priority: Concept | None = None
    subject: Reference | None = None
    period: Period | None = None
    actual_period: Period | None = None
    hospitalization: Hospitalization | None = None
    admission: Hospitalization | None = None
    diagnosis: list[EncounterDiagnosis | None] | None = None
    reason_code: list[Concept | None] | None = None
    reason: list[EncounterReason | None] | None = None
    location: list[EncounterLocation | None] | None = None
    participant: list[EncounterParticipant | None] | None = None
    service_provider: Reference | None = None
