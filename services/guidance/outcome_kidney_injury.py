"""Acute kidney injury after each index: KDIGO's stage of every creatinine that followed, against the baseline before it.

Baseline: the median of the results from 365 to 8 days before the index, else the last within 365 days. Each later result
within the horizon is staged by its ratio to the baseline and by its rise over the lowest of the 48 hours before it, in
mg/dL to 0.01 (`scores.kdigo`). Urine output is not used. Who had no creatinine within the horizon is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import KidneyInjury
from services.guidance.outcome_record import Ints, Record, up_to
from services.guidance.reading.entries import spread
from services.guidance.scores.kdigo import KDIGO_AKI_STAGE
from services.timeline.codes import CodeSet, ValueSets
from services.timeline.instants import DAY, FOREVER, HOUR, NAT
from services.timeline.units import conversion

Bools = NDArray[np.bool_]
Numbers = NDArray[np.float64]
BASELINE_FROM: Final = 365 * DAY
BASELINE_UNTIL: Final = 8 * DAY
RISE_WITHIN: Final = 48 * HOUR
PLAUSIBLE: Final = (0.1, 25.0)
"""mg/dL; what is outside is no result (clinical-content section 3.5)."""
DECIMALS: Final = 2
"""KDIGO's comparisons are of creatinine to 0.01 mg/dL (clinical-content section 0, number 4)."""
OTHER_STAGE: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Injuries:
    """What creatinine, and renal replacement therapy, tell of each row."""

    at: Ints
    """When the stage asked for was first reached within the horizon; FOREVER = it was not."""
    measured: Bools
    """There was a creatinine within the horizon."""
    based: Bools
    """There is a baseline to compare it with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Results:
    """Creatinine results in the order of (patient, time), in mg/dL."""

    patient: Ints
    time: Ints
    value: Numbers


def find_injuries(
    injury: KidneyInjury, value_sets: ValueSets, record: Record, patient: Ints, at: Ints, until: Ints
) -> Injuries:
    """The injuries of patients after `at` and no later than `until`, one of each a row."""
    results = _results(value_sets.resolve(injury.creatinine), record)
    after = up_to(results.patient, results.time, patient, at)
    last = up_to(results.patient, results.time, patient, until)
    baseline = _baselines(results, patient, at, after)
    happened = np.full(len(at), FOREVER, dtype=np.int64)
    row = np.arange(len(at)).repeat(last - after)
    place = spread(after, last - after)
    if len(place):
        stage = _stages(results.value[place], baseline[row], _lowest_before(results)[place])
        reached = stage >= injury.stage  # without a baseline there is none: NaN is never reached
        np.minimum.at(happened, row[reached], results.time[place[reached]])
    if injury.replacement is not None and injury.stage <= OTHER_STAGE:
        replaced = _replaced(value_sets.resolve(injury.replacement), record, patient, at)
        happened = np.minimum(happened, np.where(replaced <= until, replaced, FOREVER))
    return Injuries(at=happened, measured=last > after, based=~np.isnan(baseline))


def _results(creatinine: CodeSet, record: Record) -> _Results:
    """Every final result that can be read in mg/dL and is plausible."""
    timeline = record.timeline
    rows = record.facts("Observation.code", creatinine)
    way = timeline.codes[rows].astype(np.int64) * len(timeline.unit_words) + timeline.unit[rows]
    ways, which = np.unique(way, return_inverse=True)
    converted = [
        conversion(
            token_or_codes=timeline.code_words[one // len(timeline.unit_words)],
            from_unit=timeline.unit_words[one % len(timeline.unit_words)],
            to_unit="mg/dL",
        )
        or (np.nan, 0.0)
        for one in ways.tolist()
    ]
    factor, offset = np.array(converted, dtype=np.float64).reshape(-1, 2).T
    value = np.round(timeline.value[rows] * factor[which] + offset[which], DECIMALS)
    time = timeline.time[rows]
    usable = (time != NAT) & (time <= record.data_end) & (value >= PLAUSIBLE[0]) & (value <= PLAUSIBLE[1])
    rows, value, time = rows[usable], value[usable], time[usable]
    patient = record.patients(rows)
    order = np.lexsort((time, patient))
    return _Results(patient=patient[order], time=time[order], value=value[order])


def _baselines(results: _Results, patient: Ints, at: Ints, after: Ints) -> Numbers:
    """The baseline of each row; NaN = nothing to compare with. `after`: the place of the first result after the index."""
    first = up_to(results.patient, results.time, patient, at - BASELINE_FROM - 1)
    end = up_to(results.patient, results.time, patient, at - BASELINE_UNTIL)
    value = np.append(results.value, np.nan)
    baseline: Numbers = np.where(after > first, value[after - 1], np.nan)
    sizes = end - first
    row = np.arange(len(at)).repeat(sizes)
    if len(row):
        place = spread(first, sizes)
        ordered = value[place[np.lexsort((value[place], row))]]
        begins = sizes.cumsum() - sizes
        there = sizes > 0
        lower = ordered[(begins + (sizes - 1) // 2)[there]]
        upper = ordered[(begins + sizes // 2)[there]]
        baseline[there] = (lower + upper) / 2.0
    return baseline.round(DECIMALS)


def _lowest_before(results: _Results) -> Numbers:
    """The lowest result of the 48 hours up to each, its own included."""
    first = up_to(results.patient, results.time, results.patient, results.time - RISE_WITHIN - 1)
    ends = np.arange(1, len(first) + 1)
    bounds = np.column_stack((first, ends)).ravel()
    # The last end is the length itself, which `reduceat` refuses: one value more, which no stretch reads.
    lowest: Numbers = np.minimum.reduceat(np.append(results.value, np.inf), bounds)[::2]
    return lowest


def _stages(current: Numbers, baseline: Numbers, lowest: Numbers) -> Numbers:
    return KDIGO_AKI_STAGE(current=current, baseline=baseline, lowest_48h=lowest)


def _replaced(codes: CodeSet, record: Record, patient: Ints, at: Ints) -> Ints:
    """When the first procedure of renal replacement therapy after each index began; FOREVER = none."""
    rows = record.facts("Procedure.code", codes)
    time = record.timeline.time[rows]
    dated = (time != NAT) & (time <= record.data_end)
    rows, time = rows[dated], time[dated]
    who = record.patients(rows)
    order = np.lexsort((time, who))
    who, time = np.append(who[order], -1), np.append(time[order], FOREVER)
    following = up_to(who[:-1], time[:-1], patient, at)
    found: Ints = np.where(who[following] == patient, time[following], FOREVER)
    return found
