"""What is read of care that is done, ordered or planned: Procedure, ServiceRequest, Appointment, Task.

R5 is understood: `occurrence[x]` in a Procedure where R4 says `performed[x]`, `subject` in an Appointment, a
ServiceRequest's `code` as a CodeableReference.
"""

from __future__ import annotations

import msgspec

from services.timeline.elements import Concept, Meta, Part, Period, Reference


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
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None


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


class Actor(Reference):
    """A pointer that may say to which type it points."""

    type: str | None = None


class AppointmentParticipant(Part):
    """Who is to come."""

    actor: Actor | None = None


class Appointment(Part, tag_field="resourceType", tag="Appointment"):
    """A meeting at a time."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    service_type: list[Concept | None] | None = None
    subject: Reference | None = None
    participant: list[AppointmentParticipant | None] | None = None
    start: str | None = None
    end: str | None = None
    created: str | None = None


class Task(Part, tag_field="resourceType", tag="Task"):
    """Something that somebody is to do."""

    id: str | None = None
    meta: Meta | None = None
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    code: Concept | None = None
    for_: Reference | None = msgspec.field(name="for", default=None)
    encounter: Reference | None = None
    execution_period: Period | None = None
    authored_on: str | None = None
    last_modified: str | None = None
