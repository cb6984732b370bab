"""Patients: birth, sex and death; race, ethnicity, language and insurance for fairness audits only.

All but death and insurance was known always. A death without a date has no time: it is known when the record said so.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.codes import token
from services.timeline.concepts import target, tokens_of, tokens_of_codings
from services.timeline.elements import Extension
from services.timeline.events import EventBatch
from services.timeline.facts import instant, known_at, retract, skip_status, span, updated_of
from services.timeline.instants import ALWAYS, FOREVER, NAT
from services.timeline.resources_patient import Coverage, Patient

_GENDER: Final = "http://hl7.org/fhir/administrative-gender"
_GENDERS: Final = frozenset({"male", "female", "other", "unknown"})
_COVERAGE_RETRACTED: Final = frozenset({"cancelled", "entered-in-error"})
_COVERAGE_STATUSES: Final = _COVERAGE_RETRACTED | {"draft"}
_AUDIT: Final = {"us-core-race": "Patient.race", "us-core-ethnicity": "Patient.ethnicity"}


def flatten_patient(seen: Patient, batch: EventBatch) -> None:
    """Who the patient is, as events at birth."""
    patient = seen.id
    if not patient:
        batch.skipped["Patient: no id"] += 1
        return
    resource = f"Patient/{patient}"
    updated = updated_of(seen.meta, batch, "Patient")
    birth = instant(seen.birth_date, batch, "Patient")
    before = len(batch.cells)

    def trait(field: str, answer: str) -> None:
        batch.cells.extend(
            (patient, field, "", "", answer, resource, "", birth, NAT, ALWAYS, updated, False, nan)
        )  # fmt: skip

    if birth != NAT:
        trait("Patient.birthDate", "")
    if seen.gender in _GENDERS:
        trait("Patient.gender", f"{_GENDER}|{seen.gender}")
    elif seen.gender is not None:
        batch.losses["Patient: gender not understood"] += 1
    for extension in seen.extension or ():
        if extension is None or not extension.url:
            continue
        if (field := _AUDIT.get(extension.url.rpartition("/")[2])) and (answer := _category(extension)):
            trait(field, answer)
    if language := _language(seen):
        trait("Patient.language", language)

    died = instant(seen.deceased_date_time, batch, "Patient")
    if seen.deceased_date_time or seen.deceased_boolean:
        known = died if died != NAT else updated if updated != NAT else FOREVER
        batch.cells.extend(
            (patient, "Patient.deceased", "", "", "", resource, "", died, NAT, known, updated, False, nan)
        )  # fmt: skip
    if len(batch.cells) == before:
        batch.skipped["Patient: nothing said"] += 1


def flatten_coverage(seen: Coverage, batch: EventBatch) -> None:
    """What kind of insurance the patient has: how the event is coded, and its answer too, as with race."""
    patient = target(seen.beneficiary, "Patient/")
    if not patient:
        batch.skipped["Coverage: no patient"] += 1
        return
    resource = f"Coverage/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Coverage")
    if seen.status != "active":
        skip_status(batch, "Coverage", seen.status, _COVERAGE_STATUSES)
        if seen.status in _COVERAGE_RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return
    if not (codes := tokens_of(seen.type)):
        batch.skipped["Coverage: no type"] += 1
        return
    time, end = span(seen.period, batch, "Coverage")
    if time == NAT:
        batch.losses["Coverage: no time"] += 1
    # A card is shown when a stay begins and stored again at each: when it was first seen nobody says.
    known, assumed = known_at(NAT, updated if time == NAT else NAT, time)
    batch.cells.extend(
        (patient, "Coverage.type", codes, "", codes, resource, "", time, end, known, updated, assumed, nan)
    )  # fmt: skip


def _category(extension: Extension) -> str:
    """The OMB categories of a US Core race or ethnicity, else what its text says."""
    parts = [part for part in extension.extension or () if part is not None]
    for url in ("ombCategory", "detailed"):
        codings = [part.value_coding for part in parts if part.url == url and part.value_coding is not None]
        if answer := tokens_of_codings(codings):
            return answer
    texts = [part.value_string for part in parts if part.url == "text" and part.value_string]
    return token("", texts[0]) if texts else ""


def _language(seen: Patient) -> str:
    """The preferred language; all that are listed if none is preferred."""
    spoken = [one for one in seen.communication or () if one is not None]
    chosen = [one for one in spoken if one.preferred] or spoken
    words = {word for one in chosen for word in tokens_of(one.language).split("\n") if word}
    return "\n".join(sorted(words))
