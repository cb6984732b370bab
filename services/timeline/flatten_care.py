"""Care that is done, ordered or planned: procedures, service orders, appointments, tasks.

State comes from dates, never from today's `status`. An appointment that took place was booked before, a task that
is done was asked for before: each says so by an event of its own, `|booked` or `|requested`, so that what became of
it is not known before it came.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.concepts import target, tokens_of, tokens_of_all
from services.timeline.events import EventBatch
from services.timeline.facts import (
    first_of,
    happened,
    instant,
    known_at,
    known_when_done,
    retract,
    skip_status,
    span,
    stay_of,
    updated_of,
)
from services.timeline.instants import NAT
from services.timeline.orders import is_ordered, over_since
from services.timeline.resources_care import Appointment, Procedure, ServiceRequest, Task

_DONE: Final = frozenset({"completed", "in-progress"})
_NOT_DONE: Final = frozenset({"not-done", "entered-in-error"})
_PROCEDURE_STATUSES: Final = _DONE | _NOT_DONE | {"preparation", "on-hold", "stopped", "unknown"}

_SERVICE_RETRACTED: Final = frozenset({"entered-in-error"})
_SERVICE_NO_FACT: Final = _SERVICE_RETRACTED | {"draft"}
_SERVICE_OVER: Final = frozenset({"revoked", "completed"})

_WISHED: Final = frozenset({"proposed", "pending", "waitlist"})
_CAME: Final = frozenset({"arrived", "checked-in", "fulfilled", "noshow"})
_APPOINTMENT_RETRACTED: Final = frozenset({"cancelled", "entered-in-error"})
_APPOINTMENT_STATUSES: Final = _WISHED | _CAME | _APPOINTMENT_RETRACTED | {"booked"}

_UNDER_WAY: Final = frozenset({"received", "accepted", "ready", "in-progress", "on-hold"})
_TASK_OVER: Final = frozenset({"rejected", "failed", "completed"})
_TASK_RETRACTED: Final = frozenset({"cancelled", "entered-in-error"})
_TASK_STATUSES: Final = _UNDER_WAY | _TASK_OVER | _TASK_RETRACTED | {"requested", "draft"}


def flatten_procedure(seen: Procedure, batch: EventBatch) -> None:
    """Something done, known when it ended; its first version says better when that was written down."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["Procedure: no patient"] += 1
        return
    resource = f"Procedure/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Procedure")
    if seen.status not in _DONE:
        skip_status(batch, "Procedure", seen.status, _PROCEDURE_STATUSES)
        if seen.status in _NOT_DONE:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not (codes := tokens_of(seen.code)):
        batch.skipped["Procedure: no code"] += 1
        return

    time, end = happened(
        (seen.performed_date_time, seen.occurrence_date_time),
        (seen.performed_period, seen.occurrence_period),
        batch,
        "Procedure",
    )
    if time == NAT:
        batch.losses["Procedure: no time"] += 1
    known, assumed = known_when_done(NAT, seen.meta, updated, first_of(end, time))
    encounter = stay_of(seen.encounter)
    batch.cells.extend(
        (patient, "Procedure.code", codes, "", "", resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_service_request(seen: ServiceRequest, batch: EventBatch) -> None:
    """An ordered service, from when it was written to when it ends."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["ServiceRequest: no patient"] += 1
        return
    resource = f"ServiceRequest/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "ServiceRequest")
    if seen.status in _SERVICE_NO_FACT:
        skip_status(batch, "ServiceRequest", seen.status, _SERVICE_NO_FACT)
        if seen.status in _SERVICE_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not is_ordered(seen.intent, forbidden=seen.do_not_perform, batch=batch, kind="ServiceRequest"):
        return
    if not (codes := tokens_of(seen.code)):
        batch.skipped["ServiceRequest: no code"] += 1
        return

    authored = instant(seen.authored_on, batch, "ServiceRequest")
    begin, end = span(seen.occurrence_period, batch, "ServiceRequest")
    if end == NAT and seen.status in _SERVICE_OVER:
        end = over_since(updated, batch, "ServiceRequest")
    time = first_of(authored, begin)
    if time == NAT:
        batch.losses["ServiceRequest: no time"] += 1
    known, assumed = known_at(authored, updated, time)
    encounter = stay_of(seen.encounter)
    batch.cells.extend(
        (patient, "ServiceRequest.code", codes, "", "", resource, encounter, time, end, known, updated, assumed, nan)
    )  # fmt: skip


def flatten_appointment(seen: Appointment, batch: EventBatch) -> None:
    """`|booked` from when it was made until it starts; then `|fulfilled`, `|noshow` ... known when it was over."""
    patient = target(seen.subject, "Patient/") or _who_comes(seen)
    if not patient:
        batch.skipped["Appointment: no patient"] += 1
        return
    resource = f"Appointment/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Appointment")
    status = seen.status
    if status not in _APPOINTMENT_STATUSES or status in _APPOINTMENT_RETRACTED:
        skip_status(batch, "Appointment", status, _APPOINTMENT_STATUSES)
        if status in _APPOINTMENT_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return

    codes = tokens_of_all(seen.service_type)
    created = instant(seen.created, batch, "Appointment")
    start, end = instant(seen.start, batch, "Appointment"), instant(seen.end, batch, "Appointment")

    def say(answer: str, time: int, until: int, known: int, assumed: bool) -> None:
        batch.cells.extend(
            (patient, "Appointment.serviceType", codes, "", answer, resource, "", time, until, known, updated, assumed, nan)
        )  # fmt: skip

    if status not in _CAME:
        made = first_of(created, updated)
        if made == NAT:
            batch.losses["Appointment: no time"] += 1
        say(f"|{status}", made, start, *known_at(created, updated, NAT))
        return
    if created != NAT:
        say("|booked", created, start, created, assumed=False)
    time = first_of(start, end, updated)
    if time == NAT:
        batch.losses["Appointment: no time"] += 1
    over = start if status in ("arrived", "checked-in") else first_of(end, start)
    say(f"|{status}", time, end, *known_at(NAT, updated if over == NAT else NAT, over))


def flatten_task(seen: Task, batch: EventBatch) -> None:
    """`|requested` from when it was asked for until it ended; then `|completed`, `|failed` ... from that moment."""
    patient = target(seen.for_, "Patient/")
    if not patient:
        batch.skipped["Task: no patient"] += 1
        return
    resource = f"Task/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Task")
    status = seen.status
    if status not in _TASK_STATUSES or status in _TASK_RETRACTED or status == "draft":
        skip_status(batch, "Task", status, _TASK_STATUSES)
        if status in _TASK_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not is_ordered(seen.intent, forbidden=seen.do_not_perform, batch=batch, kind="Task"):
        return
    if not (codes := tokens_of(seen.code)):
        batch.skipped["Task: no code"] += 1
        return

    authored = instant(seen.authored_on, batch, "Task")
    modified = first_of(instant(seen.last_modified, batch, "Task"), updated)
    begin, end = span(seen.execution_period, batch, "Task")
    encounter = stay_of(seen.encounter)

    def say(answer: str, time: int, until: int, known: int, assumed: bool) -> None:
        batch.cells.extend(
            (patient, "Task.code", codes, "", answer, resource, encounter, time, until, known, updated, assumed, nan)
        )  # fmt: skip

    ended = NAT
    if status in _TASK_OVER:
        ended = first_of(end, modified)
        if ended == NAT:
            batch.losses["Task: over, but no date says when"] += 1
    asked = first_of(authored, begin)
    if asked == NAT:
        batch.losses["Task: no time"] += 1
    say("|requested", asked, ended if ended != NAT else end, *known_at(authored, modified, begin))
    if status in _TASK_OVER:
        say(f"|{status}", ended, NAT, *known_at(NAT if end != NAT else modified, NAT, end))
    elif status in _UNDER_WAY:
        say(f"|{status}", first_of(modified, begin, authored), end, *known_at(modified, NAT, first_of(begin, authored)))


def _who_comes(seen: Appointment) -> str:
    """The patient among the participants: a `urn:uuid:` may be anybody unless its `type` says who."""
    for one in seen.participant or ():
        if one is None or one.actor is None or not (address := one.actor.reference):
            continue
        anybody = address.startswith("urn:uuid:") and one.actor.type != "Patient"
        if not anybody and (patient := target(one.actor, "Patient/")):
            return patient
    return ""
