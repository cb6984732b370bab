"""Each feature worked out by hand: plain Python, one event at a time, from the words of the design alone."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np

from services.guidance.definition import Feature
from services.guidance.features import ABSENT, UNKNOWN, VALUE
from services.guidance.reading.plan import sources_of
from services.timeline.codes import icd10_category
from services.timeline.instants import ALWAYS, DAY, HOUR, NAT
from services.timeline.timeline import IndexRows, Timeline
from services.timeline.units import conversion
from tests.guidance.feature_cases import VALUE_SETS


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
    found = [
        event for event in _events_of(timeline, int(rows.patient[place]))
        if low <= int(timeline.time[event]) <= high and _counts(feature, timeline, event, now, start, own)
    ]  # fmt: skip
    usable = [(event, number) for event in found if (number := _number(feature, timeline, event)) is not None]
    covered = max(low, ALWAYS) >= since
    value, sources = _reduce(feature, timeline, usable, now, start)
    if feature.kind == "sum" and len(usable) < len(found):
        value = math.nan
    if feature.range and feature.kind in ("sum", "count", "current", "age", "duration", "days_since"):
        value = value if feature.range[0] <= value <= feature.range[1] else math.nan
    latest = int(timeline.time[usable[-1][0]]) if usable else NAT
    asserts = feature.kind in ("exists", "current") and feature.distinct is None and bool(usable)
    recent = feature.kind in ("last", "days_since", "age", "duration") and bool(usable) and latest >= since
    if not (covered or asserts or recent):
        return math.nan, UNKNOWN, set()
    return (math.nan, ABSENT, set()) if math.isnan(value) else (value, VALUE, sources)


def _interval(feature: Feature, now: int, start: int, length: int) -> tuple[int, int]:
    window = feature.window
    if window.this_stay or feature.kind == "duration":
        return (max(start, now - length) if length else start), now
    anchor = now if window.before == "index" else start
    low, high = (anchor - length if length else NAT), now
    if window.before == "admission":
        high = min(start - 1, now)
    if window.or_this_stay:
        return (low if start == NAT else min(low, start)), now
    return low, high


def _events_of(timeline: Timeline, patient: int) -> range:
    return range(0) if patient < 0 else range(int(timeline.starts[patient]), int(timeline.starts[patient + 1]))


def _counts(feature: Feature, timeline: Timeline, event: int, now: int, start: int, own: int) -> bool:
    if timeline.fields[timeline.field[event]] not in sources_of(feature):
        return False
    if not timeline.known[event] <= now < timeline.until[event]:
        return False
    if timeline.assumed[event] and not feature.assume_known and timeline.known[event] != ALWAYS:
        return False
    codes = timeline.code_words[timeline.codes[event]]
    if feature.codes and not VALUE_SETS.resolve(feature.codes).matches(codes):
        return False
    if feature.answers and not VALUE_SETS.resolve(feature.answers).matches(
        timeline.answer_words[timeline.answer[event]]
    ):
        return False
    if feature.distinct == "icd10-3" and not icd10_category(codes):
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
        said = (timeline.answer_words[timeline.answer[event]] or codes).split("\n")
        return next((feature.levels[one] for one in said if one in feature.levels), math.nan)
    if feature.kind not in ("last", "first", "min", "max", "mean", "sum", "slope") and not (
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
            return float(len({_counted_as(feature, timeline, event) for event in events})), {-1}
        case "exists" | "current":
            return float(bool(events)), {events[-1] if events else -1}
        case "sum":
            return math.fsum(numbers), {-1}
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


def _counted_as(feature: Feature, timeline: Timeline, event: int) -> str:
    codes = timeline.code_words[timeline.codes[event]]
    if feature.distinct == "icd10-3":
        return icd10_category(codes)
    if feature.distinct == "code":
        asked = VALUE_SETS.resolve(feature.codes) if feature.codes else None
        return next((one for one in codes.split("\n") if asked and asked.matches(one)), codes)
    return timeline.resource_words[timeline.resource[event]]


def _date(instant: int) -> datetime:
    return datetime.fromtimestamp(instant // 1_000_000, UTC)
