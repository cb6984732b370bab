"""What a label must know beside the event: whether it was there before the index unknown to all, and who was seen again.

A diagnosis that is recorded after the index with an onset before it is neither "it happened" nor "it did not".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import OutcomeEvent
from services.guidance.outcome_record import Record
from services.timeline.codes import ValueSets
from services.timeline.instants import DAY, FOREVER, NAT

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NO_CONTACT: Final = ("Patient.", "Consent.", "Coverage.", "Appointment.", "Task.", "FamilyMemberHistory.")
"""What is dated without anybody having seen the patient then: the person, permits, insurance, plans."""


def already_there(
    record: Record, events: Sequence[OutcomeEvent], value_sets: ValueSets, patient: Ints, at: Ints
) -> Bools:
    """Rows whose event had happened by the index while nothing of it was known: it shows in the record only later.

    What was known by then is history, which the population and the features read.
    """
    patients = len(record.timeline.patients)
    happened, known = (np.full(patients + 1, FOREVER) for _ in range(2))  # the last for patient -1
    for event in events:
        final, said = (record.of_event(event, value_sets, every_version=every) for every in (False, True))
        happened = np.minimum(happened, _reached(record, final, event.times, known=False))
        # A version that was corrected later was known as it stood.
        known = np.minimum(known, _reached(record, said, event.times, known=True))
    found: Bools = (happened[patient] <= at) & (known[patient] > at)
    return found


def last_contact(record: Record) -> Ints:
    """Per patient the last moment within the data at which anything was done or said of them; NAT = never.

    The last is for patient -1.
    """
    timeline = record.timeline
    last = np.full(len(timeline.patients) + 1, NAT)
    counts = np.array([not name.startswith(_NO_CONTACT) for name in timeline.fields], dtype=np.bool_)
    if not counts.any():
        return last
    for moment in (timeline.time, timeline.end):
        rows = np.flatnonzero(counts[timeline.field] & record.final & (moment != NAT) & (moment <= record.data_end))
        np.maximum.at(last, record.patients(rows), moment[rows])
    return last


def _reached(record: Record, rows: Ints, times: int, *, known: bool) -> Ints:
    """Per patient when these events stood on so many distinct days: in the world, or to whom reads the record."""
    timeline = record.timeline
    rows = rows[(timeline.time[rows] != NAT) & (timeline.time[rows] <= record.data_end)]
    who, day = record.patients(rows), timeline.time[rows] // DAY
    moment = np.maximum(timeline.time[rows], timeline.known[rows]) if known else timeline.time[rows]
    order = np.lexsort((moment, day, who))
    who, day, moment = who[order], day[order], moment[order]
    fresh = np.ones(len(who), dtype=np.bool_)
    fresh[1:] = (who[1:] != who[:-1]) | (day[1:] != day[:-1])
    who, moment = who[fresh], moment[fresh]
    order = np.lexsort((moment, who))
    who, moment = who[order], moment[order]
    nth = np.arange(len(who)) - who.searchsorted(who) + 1
    reached = np.full(len(timeline.patients) + 1, FOREVER)
    reached[who[nth == times]] = moment[nth == times]
    return reached
