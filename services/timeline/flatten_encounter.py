"""Encounters: a stay is its `Encounter.class` event, from start to end; the rest says what kind of stay it was.

What describes a stay is known when it starts, its end and disposition when it ends. A class, place or participant
of a while is known when that while begins. A diagnosis listed on the stay is known when it ends unless it is an
admission diagnosis; the timeline looks up how its Condition is coded, and likewise a place, a site, a specialist.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.concepts import plain_code, pointer_of, target, tokens_of, tokens_of_all
from services.timeline.elements import Concept, Period, Reference
from services.timeline.events import EventBatch
from services.timeline.facts import first_of, instant, retract, skip_status, span, updated_of
from services.timeline.instants import FOREVER, NAT
from services.timeline.resources_encounter import Encounter, EncounterDiagnosis, EncounterReason

_FACTS: Final = frozenset({"arrived", "triaged", "in-progress", "onleave", "finished"})
_FACTS_R5: Final = frozenset({"on-hold", "discharged", "completed", "discontinued"})
_RETRACTED: Final = frozenset({"cancelled", "entered-in-error"})
_TOOK_PLACE: Final = _FACTS | _FACTS_R5
_STATUSES: Final = _TOOK_PLACE | _RETRACTED | {"planned", "unknown"}
_NOT_THERE: Final = frozenset({"planned", "reserved"})
"""Places where the patient is not yet."""
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
    if seen.status is not None and seen.status not in _TOOK_PLACE:
        skip_status(batch, "Encounter", seen.status, _STATUSES)
        if seen.status in _RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return

    start = end = NAT
    period = seen.period if seen.period is not None else seen.actual_period
    if period is not None:
        start = instant(period.start, batch, "Encounter")
        end = instant(period.end, batch, "Encounter")
    if start == NAT:
        batch.losses["Encounter: no start"] += 1
    begun = first_of(start, updated, end)

    def say(
        field: str, codes: str, *, answer: str = "", time: int = start, until: int = end, known: int = begun, value: float = nan
    ) -> None:  # fmt: skip
        moment, assumed = (known, False) if known != NAT else (FOREVER, True)
        batch.cells.extend(
            (patient, field, codes, "", answer, resource, resource, time, until, moment, updated, assumed, value)
        )  # fmt: skip

    say("Encounter.class", tokens_of_all(seen.class_))  # always: this event is the stay
    for kind in seen.type or ():
        if codes := tokens_of(kind):
            say("Encounter.type", codes)
    if seen.service_type is not None and (codes := tokens_of_all(seen.service_type)):
        say("Encounter.serviceType", codes)
    if codes := tokens_of(seen.priority):
        say("Encounter.priority", codes)
    if site := target(seen.service_provider, "Organization/"):
        say("Encounter.serviceProvider", "", answer=f"Organization/{site}")
    elif seen.location:
        for ward, meanwhile in _wards(seen):
            since, until = (start, end) if meanwhile is None else span(meanwhile, batch, "Encounter")
            say("Encounter.siteLocation", "", answer=ward, time=since, until=until, known=first_of(since, begun))
    for why in seen.reason_code or (_reasons(seen.reason) if seen.reason else ()):
        if codes := tokens_of(why):
            say("Encounter.reasonCode", codes)
    stay = seen.hospitalization if seen.hospitalization is not None else seen.admission
    if stay is not None:
        if codes := tokens_of(stay.admit_source):
            say("Encounter.admitSource", codes)
        if codes := tokens_of(stay.discharge_disposition):
            ended = first_of(end, updated, start)
            say("Encounter.dischargeDisposition", codes, time=ended, until=NAT, known=ended)
    for field, codes, answer, meanwhile in (
        _for_a_while(seen) if seen.location or seen.participant or seen.class_history else ()
    ):
        since, until = (start, end) if meanwhile is None else span(meanwhile, batch, "Encounter")
        say(field, codes, answer=answer, time=since, until=until, known=first_of(since, begun))
    for diagnosis in seen.diagnosis or ():
        named = diagnosis.condition if diagnosis is not None else None
        if isinstance(named, list):
            named = pointer_of(named)
        if diagnosis is None or not (condition := target(named, "Condition/")):
            batch.losses["Encounter: diagnosis without a condition"] += 1
            continue
        rank = diagnosis.rank if diagnosis.rank is not None else nan
        known = _diagnosed(diagnosis, start=start, end=end, updated=updated)
        say("Encounter.diagnosis", "", answer=f"Condition/{condition}", known=known, value=rank)


def _diagnosed(diagnosis: EncounterDiagnosis, *, start: int, end: int, updated: int) -> int:
    """When a listed diagnosis was known: at admission if its role says so, else with the discharge."""
    use = diagnosis.use
    if use is not None:
        roles = [plain_code(one) for one in use] if isinstance(use, list) else [plain_code(use)]
        if not _ON_ADMISSION.isdisjoint(roles):
            return first_of(start, updated, end)
    return first_of(end, updated, start)


def _reasons(reasons: list[EncounterReason | None]) -> list[Concept | None]:
    """Why the patient came, as R5 says it: reasons that list concepts."""
    return [one.concept for reason in reasons if reason is not None for one in reason.value or () if one is not None]


def _for_a_while(seen: Encounter) -> list[tuple[str, str, str, Period | None]]:
    """What held for a part of the stay: field, codes, answer, when."""
    told: list[tuple[str, str, str, Period | None]] = []
    for was in seen.class_history or ():
        if was is not None and (codes := tokens_of(was.class_)):
            told.append(("Encounter.classHistory", codes, "", was.period))
    for place in seen.location or ():
        if place is None or place.status in _NOT_THERE:
            continue
        codes, answer = _pointed(place.location, "Location/", seen)
        if codes or answer:
            told.append(("Encounter.location", codes, answer, place.period))
    for person in seen.participant or ():
        if person is None:
            continue
        codes, answer = _pointed(person.individual or person.actor, "PractitionerRole/", seen)
        if codes or answer:
            told.append(("Encounter.participant", codes, answer, person.period))
    return told


def _wards(seen: Encounter) -> list[tuple[str, Period | None]]:
    """The places of the stay, and when: whose institution they are says where a stay was that names no provider."""
    there = [place for place in seen.location or () if place is not None and place.status not in _NOT_THERE]
    named = [(target(place.location, "Location/"), place.period) for place in there]
    return [(f"Location/{ward}", meanwhile) for ward, meanwhile in named if ward]


def _pointed(reference: Reference | None, prefix: str, seen: Encounter) -> tuple[str, str]:
    """How a contained place or specialist is coded; else the `Type/id` where that stands.

    A `urn:uuid:` does not say of which type it is: it is looked up as this one, and stays without codes if it is another.
    """
    if reference is not None and reference.reference is not None and reference.reference.startswith("#"):
        for inner in seen.contained or ():
            if inner is not None and inner.id == reference.reference[1:]:
                return tokens_of_all(inner.type if prefix == "Location/" else inner.specialty), ""
        return "", ""
    elsewhere = target(reference, prefix)
    return "", prefix + elsewhere if elsewhere else ""
