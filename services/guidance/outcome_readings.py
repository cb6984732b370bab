"""Which readings are an event of the outcome: at least so high once converted, and on so many distinct days.

As for features, units are converted by UCUM and analyte (`timeline.units`). A reading without a number, in a unit that
cannot be converted or above what is plausible counts for nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.guidance.prediction_definition import OutcomeEvent
from services.timeline.instants import DAY, FOREVER
from services.timeline.timeline import Timeline
from services.timeline.units import conversion

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_DIGITS = 9
"""A converted reading is compared to so many decimals: binary arithmetic does not decide at the boundary (0.065 is 6.5 %)."""


def high_enough(timeline: Timeline, rows: Ints, event: OutcomeEvent) -> Bools:
    """Whether the reading of each timeline row is at least, and at most, what the event asks for; at the limit it is."""
    if event.at_least is None and event.at_most is None:
        return np.ones(len(rows), dtype=np.bool_)
    # Few ways of coding and few units: each pair is converted once, whatever the number of readings.
    pair = timeline.codes[rows].astype(np.int64) * len(timeline.unit_words) + timeline.unit[rows]
    pairs, which = np.unique(pair, return_inverse=True)
    factors = np.full((len(pairs), 2), np.nan)
    for place, one in enumerate(pairs.tolist()):
        codes, unit = divmod(one, len(timeline.unit_words))
        converted = conversion(
            token_or_codes=timeline.code_words[codes], from_unit=timeline.unit_words[unit], to_unit=event.unit
        )
        if converted is not None:
            factors[place] = converted
    value = np.round(timeline.value[rows] * factors[which, 0] + factors[which, 1], _DIGITS)
    low = -np.inf if event.at_least is None else event.at_least
    high = np.inf if event.at_most is None else event.at_most
    found: Bools = (value >= low) & (value <= high)  # NaN is neither
    return found


def day_after(who: Ints, when: Ints, following: Ints, patient: Ints, times: int) -> Ints:
    """Per asked row the first moment by which events after its index stand on `times` distinct days; FOREVER = never.

    `who`, `when`: events sorted by patient and time; `following`: how many of them are not after each row's index. Days
    are calendar days (UTC). Only what comes after the index counts, also on the day of the index.
    """
    if not len(who):
        return np.full(len(patient), FOREVER)
    fresh = np.ones(len(who), dtype=np.bool_)
    fresh[1:] = (who[1:] != who[:-1]) | (when[1:] // DAY != when[:-1] // DAY)
    days = fresh.cumsum()  # of all patients, one after the other: one that is too far on is another patient's
    place = following
    if times > 1:
        place = days.searchsorted(np.append(days, days[-1] + 1)[following] + times - 1)
    there = np.append(who, -2)[place] == patient
    return np.where(there, np.append(when, FOREVER)[place], FOREVER)
