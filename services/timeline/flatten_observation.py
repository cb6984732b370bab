"""Observations and their components: a value, or a coded answer, at a time. The hot loop of the learner.

Only final, amended, corrected and appended results are facts. A preliminary version says nothing: it neither adds
a fact nor retracts one. Text is not a number, whatever it looks like.
"""

from __future__ import annotations

from math import nan
from typing import Final

from services.timeline.concepts import PATIENTS, STAYS, tokens_of
from services.timeline.events import EventBatch
from services.timeline.facts import first_of, instant, known_at, retract, skip_status
from services.timeline.instants import INSTANTS, NAT
from services.timeline.resources_findings import Component, Observation
from services.timeline.values import NO_ANSWER, UCUM, UNITY, Said, quantity_said, yes_or_no

_FACTS: Final = frozenset({"final", "amended", "corrected", "appended"})
_RETRACTED: Final = frozenset({"entered-in-error", "cancelled"})
_STATUSES: Final = _FACTS | _RETRACTED | {"registered", "preliminary", "unknown"}


def flatten_observation(seen: Observation, batch: EventBatch) -> None:
    """One event for the observation and one for each component, if they say something."""
    # What nearly every observation says stands here in line, where other resources make a call: half the time is calls.
    pointer = seen.subject
    patient = PATIENTS[pointer.reference] if pointer is not None and pointer.reference else ""
    if not patient:
        batch.skipped["Observation: no patient"] += 1
        return
    resource = f"Observation/{seen.id}" if seen.id else ""
    meta, updated = seen.meta, NAT
    if meta is not None and (stored := meta.last_updated) and (updated := INSTANTS[stored]) == NAT:
        batch.losses["Observation: impossible date"] += 1
    if seen.status not in _FACTS:
        skip_status(batch, "Observation", seen.status, _STATUSES)
        if seen.status in _RETRACTED:
            retract(batch, patient=patient, resource=resource, updated=updated)
        return

    issued, effective = seen.issued, seen.effective_date_time
    time = INSTANTS[effective] if effective else NAT
    known = time if issued == effective else INSTANTS[issued] if issued else NAT
    assumed = False
    if time == NAT or known == NAT:
        time, known, assumed = _times(seen, updated, batch)
    pointer = seen.encounter
    encounter = STAYS[pointer.reference] if pointer is not None and pointer.reference else ""

    codes = tokens_of(seen.code)
    said = _said(seen, batch)
    told = False
    if codes and said is not None:
        told = True
        value, unit, answer = said
        batch.cells += (
            patient, "Observation.code", codes, unit, answer, resource, encounter, time, NAT, known, updated, assumed, value
        )  # fmt: skip
    if seen.component is not None:
        for part in seen.component:
            if part is None or not (part_codes := tokens_of(part.code)):
                batch.losses["Observation: component without a code"] += 1
            elif (answered := _said(part, batch)) is None:
                batch.losses[f"Observation: component, {_why_silent(part)}"] += 1
            elif answered is not NO_ANSWER:
                told = True
                value, unit, answer = answered
                batch.cells += (
                    patient, "Observation.component", part_codes, unit, answer, resource, encounter, time, NAT, known, updated, assumed, value
                )  # fmt: skip
    if said is None or not codes:
        why = _why_silent(seen) if codes else "no code"
        (batch.losses if told else batch.skipped)[f"Observation: {why}"] += 1


def _times(seen: Observation, updated: int, batch: EventBatch) -> tuple[int, int, bool]:
    """When it was so, when it was known, and whether that is assumed."""
    issued = instant(seen.issued, batch, "Observation")
    time = first_of(_effective(seen, batch), issued)
    if time == NAT:
        batch.losses["Observation: no time"] += 1
    return time, *known_at(issued, updated, time)


def _effective(seen: Observation, batch: EventBatch) -> int:
    """When it was so; of a period its end, for only then was it measured (urine in 24 hours)."""
    if seen.effective_date_time is not None:
        return instant(seen.effective_date_time, batch, "Observation")
    if seen.effective_period is not None:
        end = instant(seen.effective_period.end, batch, "Observation")
        return end if end != NAT else instant(seen.effective_period.start, batch, "Observation")
    return instant(seen.effective_instant, batch, "Observation")


def _said(part: Observation | Component, batch: EventBatch) -> Said | None:
    """Value, unit and answer; no answer for a panel or a text, None for what was asked and not answered."""
    if part.data_absent_reason is not None:
        return None
    quantity = part.value_quantity
    if quantity is not None:
        if quantity.comparator is None and quantity.value is not None and quantity.code and quantity.system == UCUM:
            return quantity.value, quantity.code, ""  # nearly always
        return quantity_said(quantity, batch, "Observation")
    if part.value_codeable_concept is not None:
        answer = tokens_of(part.value_codeable_concept)
        return (nan, "", answer) if answer else None
    if part.value_integer is not None:
        return part.value_integer, UNITY, ""
    if part.value_boolean is not None:
        return yes_or_no(part.value_boolean)
    return NO_ANSWER


def _why_silent(part: Observation | Component) -> str:
    """Why `_said` found nothing."""
    if part.data_absent_reason is not None:
        return "data absent"
    return "quantity without a number" if part.value_quantity is not None else "answer without a code"
