"""Observations and their components: a value, or a coded answer, at a time. The hot loop of the learner.

Only final, amended, corrected and appended results are facts. A preliminary version says nothing: it neither adds
a fact nor retracts one. A result with a comparator (`<5`) keeps its number and is counted: at the limit of what
the laboratory can measure the limit is the best value there is. Text is not a number, whatever it looks like.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.concepts import target, tokens_of
from services.timeline.elements import Quantity
from services.timeline.events import EventBatch
from services.timeline.facts import instant, known_at, retract, skip_status, updated_of
from services.timeline.instants import NAT
from services.timeline.resources import Component, Observation

_FACTS: Final = frozenset({"final", "amended", "corrected", "appended"})
_RETRACTED: Final = frozenset({"entered-in-error", "cancelled"})
_STATUSES: Final = _FACTS | _RETRACTED | {"registered", "preliminary", "unknown"}
_COMPARATORS: Final = frozenset({"<", "<=", ">=", ">", "ad"})
_UCUM: Final = "http://unitsofmeasure.org"
_NO_ANSWER: Final = (nan, "", "")


def flatten_observation(seen: Observation, batch: EventBatch) -> None:
    """One event for the observation and one for each component, if they say something."""
    patient = target(seen.subject, "Patient/")
    if not patient:
        batch.skipped["Observation: no patient"] += 1
        return
    resource = f"Observation/{seen.id}" if seen.id else ""
    updated = updated_of(seen.meta, batch, "Observation") if seen.meta is not None else NAT
    if seen.status not in _FACTS:
        skip_status(batch, "Observation", seen.status, _STATUSES)
        if seen.status in _RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return

    issued = instant(seen.issued, batch, "Observation")
    time = _effective(seen, batch)
    if time == NAT:
        time = issued
        if time == NAT:
            batch.skipped["Observation: no time"] += 1
    known, assumed = (issued, False) if issued != NAT else known_at(issued, updated, time)
    stay = target(seen.encounter, "Encounter/")
    encounter = f"Encounter/{stay}" if stay else ""

    codes = tokens_of(seen.code)
    said = _said(seen, batch)
    if not codes:
        batch.skipped["Observation: no code"] += 1
    elif said is not None:
        value, unit, answer = said
        batch.cells.extend(
            (patient, "Observation.code", codes, unit, answer, resource, encounter, time, NAT, known, updated, assumed, value)
        )  # fmt: skip
    for part in seen.component or ():
        if part is None or not (codes := tokens_of(part.code)):
            batch.skipped["Observation: component without a code"] += 1
        elif (said := _said(part, batch)) is not None and said is not _NO_ANSWER:
            value, unit, answer = said
            batch.cells.extend(
                (patient, "Observation.component", codes, unit, answer, resource, encounter, time, NAT, known, updated, assumed, value)
            )  # fmt: skip


def _effective(seen: Observation, batch: EventBatch) -> int:
    """When it was so; of a period its end, for only then was it measured (urine in 24 hours)."""
    if seen.effective_date_time is not None:
        return instant(seen.effective_date_time, batch, "Observation")
    if seen.effective_period is not None:
        end = instant(seen.effective_period.end, batch, "Observation")
        return end if end != NAT else instant(seen.effective_period.start, batch, "Observation")
    return instant(seen.effective_instant, batch, "Observation")


def _said(part: Observation | Component, batch: EventBatch) -> tuple[float, str, str] | None:
    """Value, unit and answer; no answer for a panel or a text, None for what was asked and not answered."""
    if part.data_absent_reason is not None:
        batch.skipped["Observation: data absent"] += 1
        return None
    quantity = part.value_quantity
    if quantity is not None:
        if quantity.value is None:
            batch.skipped["Observation: quantity without a number"] += 1
            return None
        if quantity.comparator is not None:
            named = quantity.comparator if quantity.comparator in _COMPARATORS else "other"
            batch.skipped[f"Observation: comparator {named}, limit taken as value"] += 1
        return quantity.value, _unit(quantity), ""
    if part.value_codeable_concept is not None:
        answer = tokens_of(part.value_codeable_concept)
        return (nan, "", answer) if answer else None
    if part.value_integer is not None:
        return part.value_integer, "1", ""  # a FHIR integer is a pure number: UCUM unity
    if part.value_boolean is not None:
        return nan, "", "|true" if part.value_boolean else "|false"
    return _NO_ANSWER


def _unit(quantity: Quantity) -> str:
    """The UCUM code; the printed unit if there is no code, or one of another system."""
    if quantity.code and (quantity.system is None or quantity.system == _UCUM):
        return quantity.code
    return quantity.unit or quantity.code or ""
