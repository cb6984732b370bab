"""Patients: birth, sex and death; race, ethnicity and language for fairness audits only.

All but death was known always. A death without a date has no time: it is known when the record said so.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.codes import token
from services.timeline.concepts import tokens_of, tokens_of_codings
from services.timeline.elements import Extension
from services.timeline.events import EventBatch
from services.timeline.facts import instant, updated_of
from services.timeline.instants import ALWAYS, FOREVER, NAT
from services.timeline.resources import Patient

_GENDER: Final = "http://hl7.org/fhir/administrative-gender"
_GENDERS: Final = frozenset({"male", "female", "other", "unknown"})
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

    def trait(field: str, answer: str) -> None:
        batch.cells.extend(
            (patient, field, "", "", answer, resource, "", birth, NAT, ALWAYS, updated, False, nan)
        )  # fmt: skip

    if birth != NAT:
        trait("Patient.birthDate", "")
    if seen.gender in _GENDERS:
        trait("Patient.gender", f"{_GENDER}|{seen.gender}")
    elif seen.gender is not None:
        batch.skipped["Patient: gender not understood"] += 1
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
