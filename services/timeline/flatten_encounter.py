"""Encounters: a stay is its `Encounter.class` event, from start to end; the rest says what kind of stay it was.

What describes a stay is known when it starts, its end and disposition when it ends. A diagnosis listed on the
stay is known when it ends unless it is an admission diagnosis; the timeline looks up how its Condition is coded.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.concepts import plain_code, target, tokens_of
from services.timeline.events import EventBatch
from services.timeline.facts import first_of, instant, retract, skip_status, updated_of
from services.timeline.instants import FOREVER, NAT
from services.timeline.resources import Encounter, EncounterDiagnosis

_FACTS: Final = frozenset({"arrived", "triaged", "in-progress", "onleave", "finished"})
_RETRACTED: Final = frozenset({"cancelled", "entered-in-error"})
_STATUSES: Final = _FACTS | _RETRACTED | {"planned", "unknown"}
_ON_ADMISSION: Final = frozenset({"AD", "CC", "CM"})
"""Roles of a diagnosis that are known from the start: admission, chief complaint, comorbidity."""


def flatten_encounter(seen: Encounter, batch: EventBatch) -> None:
    """The stay, its kind, its diagnoses and how it ended."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["Encounter: no patient"] += 1
        return
    resource = f"Encounter/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Encounter")
    if seen.status is not None and seen.status not in _FACTS:
        skip_status(batch, "Encounter", seen.status, _STATUSES)
        if seen.status in _RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return

    start = end = NAT
    if seen.period is not None:
        start = instant(seen.period.start, batch, "Encounter")
        end = instant(seen.period.end, batch, "Encounter")
    if start == NAT:
        batch.skipped["Encounter: no start"] += 1
    begun = first_of(start, updated, end)

    def say(
        field: str, codes: str, *, answer: str = "", time: int = start, until: int = end, known: int = begun, value: float = nan
    ) -> None:  # fmt: skip
        moment, assumed = (known, False) if known != NAT else (FOREVER, True)
        batch.cells.extend(
            (patient, field, codes, "", answer, resource, resource, time, until, moment, updated, assumed, value)
        )  # fmt: skip

    say("Encounter.class", tokens_of(seen.class_))  # always: this event is the stay
    for kind in seen.type or ():
        if codes := tokens_of(kind):
            say("Encounter.type", codes)
    if codes := tokens_of(seen.service_type):
        say("Encounter.serviceType", codes)
    if codes := tokens_of(seen.priority):
        say("Encounter.priority", codes)
    if site := target(seen.service_provider, "Organization/"):
        say("Encounter.serviceProvider", "", answer=f"Organization/{site}")
    if (stay := seen.hospitalization) is not None:
        if codes := tokens_of(stay.admit_source):
            say("Encounter.admitSource", codes)
        if codes := tokens_of(stay.discharge_disposition):
            ended = first_of(end, updated, start)
            say("Encounter.dischargeDisposition", codes, time=ended, until=NAT, known=ended)
    for diagnosis in seen.diagnosis or ():
        if diagnosis is None or not (condition := target(diagnosis.condition, "Condition/")):
            batch.skipped["Encounter: diagnosis without a condition"] += 1
            continue
        rank = diagnosis.rank if diagnosis.rank is not None else nan
        known = _diagnosed(diagnosis, start=start, end=end, updated=updated)
        say("Encounter.diagnosis", "", answer=f"Condition/{condition}", known=known, value=rank)


def _diagnosed(diagnosis: EncounterDiagnosis, *, start: int, end: int, updated: int) -> int:
    """When a listed diagnosis was known: at admission if its role says so, else with the discharge."""
    if plain_code(diagnosis.use) in _ON_ADMISSION:
        return first_of(start, updated, end)
    return first_of(end, updated, start)
