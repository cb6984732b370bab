"""Each feature worked out by hand: plain Python, one event at a time, from the words of the design alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from services.guidance.definition import Feature
from services.guidance.features import ABSENT, UNKNOWN, VALUE
from services.guidance.reading.plan import sources_of
from services.guidance.scores.catalogue import FORMULAS
from services.timeline.codes import icd10_category
from services.timeline.instants import ALWAYS, DAY, HOUR, NAT
from services.timeline.timeline import IndexRows, Timeline
from services.timeline.units import conversion
from tests.guidance.feature_cases import INGREDIENT, RXNORM, VALUE_SETS

POINTING = {
    "MedicationRequest.medication": "Medication", "MedicationAdministration.medication": "Medication",
    "MedicationStatement.medication": "Medication", "Encounter.location": "Location",
    "Encounter.participant": "PractitionerRole",
}  # fmt: skip
"""Fields that may only say where their codes stand, and in a resource of which type."""


def by_hand(
    feature: Feature, timeline: Timeline, rows: IndexRows, place: int, since: int
) -> tuple[float, int, set[int]]:
    """A feature of one row in plain Python: its value (NaN), its state, and the events that could be its source."""
    now, start, own = int(rows.at[place]), int(rows.start[place]), int(rows.encounter[place])
    window = feature.window
    length = round((window.days or 0) * DAY + (window.hours or 0) * HOUR)
    needs_stay = window.this_stay or window.before == "admission" or feature.kind == "duration"
    needs_encounter = feature.this_encounter or feature.kind == "duration"
    if (needs_stay or needs_encounter) and start == NAT:
        return math.nan, UNKNOWN, set()
    low, high = _interval(feature, now, start, length)
    patient = int(rows.patient[place])
    about = [
        event for event in _events_of(timeline, patient)
        if low <= int(timeline.time[event]) <= high and _there(feature, timeline, event, now, start, own)
    ]  # fmt: skip
    found, doubt = [], False
    for event in about:
        if feature.not_during is not None:
            seen = _class_then(timeline, patient, int(timeline.encounter[event]), now)
            if seen is None and since > ALWAYS:
                doubt = True
                continue
            if VALUE_SETS.resolve(feature.not_during).matches(seen or ""):
                continue
        if _points_in_vain(feature, timeline, event):
            doubt = True
        if _coded(feature, timeline, event):
            found.append(event)
    usable = [(event, number) for event in found if (number := _number(feature, timeline, event)) is not None]
    days_known = False
    if feature.latest_days is not None:
        days = sorted({int(timeline.time[event]) // DAY for event, _ in usable if timeline.time[event] != NAT})
        days = days[-feature.latest_days :]
        usable = [(event, number) for event, number in usable if int(timeline.time[event]) // DAY in days]
        days_known = len(days) == feature.latest_days and days[0] * DAY >= since
    covered = max(low, ALWAYS) >= since or days_known
    value, sources = _reduce(feature, timeline, usable, now, start)
    if feature.kind == "sum" and len(usable) < len(found):
        value = math.nan
    if feature.range and feature.kind in ("sum", "count", "current", "age", "duration", "days_since"):
        value = value if feature.range[0] <= value <= feature.range[1] else math.nan
    latest = int(timeline.time[usable[-1][0]]) if usable else NAT
    asserts = feature.kind in ("exists", "current") and feature.distinct is None and bool(usable)
    recent = feature.kind in ("last", "days_since", "age", "duration") and bool(usable) and latest >= since
    if not (asserts or ((covered or recent) and not doubt)):
        return math.nan, UNKNOWN, set()
    return (math.nan, ABSENT, set()) if math.isnan(value) else (value, VALUE, sources)


def computed_by_hand(feature: Feature, known: Mapping[str, tuple[float, int]]) -> tuple[float, int]:
    """A feature that is computed from others, whose values and states are given: its value (NaN) and its state."""
    if feature.of is not None:
        _, state = known[feature.of]
        return (math.nan, UNKNOWN) if state == UNKNOWN else (float(state == ABSENT), VALUE)
    formula = FORMULAS[feature.formula or ""]
    states = {argument: known[given][1] for argument, given in feature.inputs.items()}
    numbers: dict[str, float] = {argument: known[given][0] for argument, given in feature.inputs.items()}
    low, high = feature.range or (-math.inf, math.inf)
    needed = [states[argument] for argument in formula.arguments]
    settled = formula.settled is not None and bool(formula.settled(formula.stacked(**numbers))[0])
    if UNKNOWN in needed or (UNKNOWN in states.values() and not settled):
        return math.nan, UNKNOWN
    number = float(formula(**numbers)[0])
    return (number, VALUE) if ABSENT not in needed and low <= number <= high else (math.nan, ABSENT)


def _interval(feature: Feature, now: int, start: int, length: int) -> tuple[int, int]:
    window = feature.window
    near = round((window.until_days or 0) * DAY + (window.until_hours or 0) * HOUR)
    if window.this_stay or feature.kind == "duration":
        return (max(start, now - length) if length else start), now - near
    anchor = now if window.before == "index" else start
    low, high = (anchor - length if length else NAT), now
    if window.or_this_stay:
        return (low if start == NAT else min(low, start)), now
    if window.before == "admission":
        high = min(start - 1, now, anchor - near)
    return low, min(high, anchor - near)


def _events_of(timeline: Timeline, patient: int) -> range:
    return range(0) if patient < 0 else range(int(timeline.starts[patient]), int(timeline.starts[patient + 1]))


def _coded(feature: Feature, timeline: Timeline, event: int) -> bool:
    """Whether it is coded, and answered, as the feature asks."""
    codes = timeline.code_words[timeline.codes[event]]
    if feature.codes and not VALUE_SETS.resolve(feature.codes).matches(codes):
        return False
    if feature.answers and not VALUE_SETS.resolve(feature.answers).matches(
        timeline.answer_words[timeline.answer[event]]
    ):
        return False
    return feature.distinct != "icd10-3" or bool(icd10_category(codes))


def _points_in_vain(feature: Feature, timeline: Timeline, event: int) -> bool:
    """Whether it might be coded as asked, if what it points to had been asked for."""
    kind = POINTING.get(timeline.fields[timeline.field[event]])
    codes = timeline.code_words[timeline.codes[event]]
    return (
        kind is not None
        and (feature.codes is not None or feature.levels or feature.distinct in ("code", "ingredient", "icd10-3"))
        and bool(timeline.answer_words[timeline.answer[event]])
        and all(one.startswith("|") for one in codes.split("\n") if one)
        and timeline.coverage.of(kind) > ALWAYS
    )


def _class_then(timeline: Timeline, patient: int, encounter: int, now: int) -> str | None:
    """How the class of an encounter was coded, as known then; None if nothing of it was known. No encounter has no class."""
    if encounter == 0:
        return ""
    said = [
        timeline.code_words[timeline.codes[event]] for event in _events_of(timeline, patient)
        if timeline.fields[timeline.field[event]] == "Encounter.class" and timeline.resource[event] == encounter
        and timeline.known[event] <= now < timeline.until[event] and timeline.time[event] <= now
    ]  # fmt: skip
    return "\n".join(said) if said else None


def _there(feature: Feature, timeline: Timeline, event: int, now: int, start: int, own: int) -> bool:
    """Whether the feature looks at it at all, however it is coded."""
    if timeline.fields[timeline.field[event]] not in sources_of(feature):
        return False
    if not timeline.known[event] <= now < timeline.until[event]:
        return False
    if timeline.assumed[event] and not feature.assume_known and timeline.known[event] != ALWAYS:
        return False
    if (feature.this_encounter or feature.kind == "duration") and own not in (
        timeline.encounter[event], timeline.resource[event],
    ):  # fmt: skip
        return False
    time, end = int(timeline.time[event]), int(timeline.end[event])
    if feature.kind == "current" and end != NAT and end <= now:
        return False
    if feature.window.exclude_leading_hours and start != NAT and time < start:
        near = start - round(feature.window.exclude_leading_hours * HOUR)
        if time >= near or (end != NAT and near <= end <= now):
            return False
    return True


def _number(feature: Feature, timeline: Timeline, event: int) -> float | None:
    """The number that an event brings; None if it cannot be used."""
    value = float(timeline.value[event])
    codes = timeline.code_words[timeline.codes[event]]
    if feature.levels:
        pointing = timeline.fields[timeline.field[event]] in POINTING
        said = ("" if pointing else timeline.answer_words[timeline.answer[event]]) or codes
        return next((feature.levels[one] for one in said.split("\n") if one in feature.levels), math.nan)
    if feature.kind not in ("last", "first", "min", "max", "mean", "median", "rise", "sum", "slope") and not (
        feature.kind == "exists" and (feature.range or feature.unit)
    ):
        return value
    if feature.unit:
        converted = conversion(
            token_or_codes=codes, from_unit=timeline.unit_words[timeline.unit[event]], to_unit=feature.unit
        )
        if converted is None:
            return None
        value = value * converted[0] + converted[1]
    low, high = feature.range or (-math.inf, math.inf)
    return value if math.isfinite(value) and low <= value <= high else None


def _reduce(
    feature: Feature, timeline: Timeline, usable: list[tuple[int, float]], now: int, start: int
) -> tuple[float, set[int]]:
    events, numbers = [event for event, _ in usable], [number for _, number in usable]
    times = [int(timeline.time[event]) for event in events]
    match feature.kind:
        case "count" | "current" | "exists" if feature.kind == "count" or feature.distinct:
            return float(len({one for event in events for one in _counted_as(feature, timeline, event)})), {-1}
        case "exists" | "current":
            return float(bool(events)), {events[-1] if events else -1}
    if not events:
        return math.nan, set()
    match feature.kind:
        case "last":
            return numbers[-1], {events[-1]}
        case "first":
            return numbers[0], {events[0]}
        case "min" | "max":
            best = min(numbers) if feature.kind == "min" else max(numbers)
            return best, {max(event for event, number in usable if number == best)}
        case "sum":
            return math.fsum(numbers), {-1}
        case "median":
            return statistics.median(numbers), {-1}
        case "rise":
            return numbers[-1] - min(numbers), {-1}
        case "mean":
            return math.fsum(numbers) / len(numbers), {-1}
        case "days_since":
            return math.nan if times[-1] == NAT else (now - times[-1]) / DAY, {events[-1]}
        case "age":
            born, today = _date(times[-1]), _date(now)
            return float(today.year - born.year - ((today.month, today.day) < (born.month, born.day))), {events[-1]}
        case "duration":
            return float((_date(now).date() - _date(start).date()).days), {events[-1]}
        case "slope":
            if len(set(times)) < 2 or NAT in times:
                return math.nan, set()
            slope = np.polyfit([(time - now) / DAY for time in times], numbers, 1)[0]
            return float(slope), {-1}
    raise AssertionError(feature.kind)


def _counted_as(feature: Feature, timeline: Timeline, event: int) -> list[str]:
    codes = timeline.code_words[timeline.codes[event]]
    asked = VALUE_SETS.resolve(feature.codes) if feature.codes else None
    if feature.distinct == "icd10-3":
        return [icd10_category(codes)]
    if feature.distinct == "code":
        return [next((one for one in codes.split("\n") if asked and asked.matches(one)), codes)]
    if feature.distinct == "ingredient":
        marked = [one for one in codes.split("\n") if one.startswith(INGREDIENT)]
        wanted = [one for one in marked if asked and asked.matches(one.replace(INGREDIENT, RXNORM))]
        alone = [next((one for one in codes.split("\n") if one.startswith(RXNORM)), codes)] if codes else []
        return wanted or marked or alone
    return [timeline.resource_words[timeline.resource[event]]]


def _date(instant: int) -> datetime:
    return datetime.fromtimestamp(instant // 1_000_000, UTC)
