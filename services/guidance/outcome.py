"""What became of each row: labels from all that is in the record, whenever it became known.

Only what is settled is a label (1 or 0). A death that comes first, a horizon that has not passed, a stay that goes on
elsewhere are none (-1): they are said by name, and never counted as "it did not happen".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Guidance, Outcome
from services.guidance.outcome_history import already_there, last_contact
from services.guidance.outcome_kidney_injury import find_injuries
from services.guidance.outcome_record import Deaths, Record, Stays, join_transfers, up_to
from services.timeline.codes import ValueSets
from services.timeline.errors import BadInput
from services.timeline.instants import DAY, FOREVER, HOUR, NAT
from services.timeline.timeline import IndexRows, Timeline

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STATES: Final = {
    "positive": 1,
    "negative": 0,
    "planned-readmission": 0,
    "competing-death": -1,
    "death-undated": -1,
    "event-undated": -1,
    "no-baseline": -1,
    "not-measured": -1,
    "transferred": -1,
    "already-there": -1,
    "competing-event": -1,
    "lost-to-follow-up": -1,
    "pending": -1,
    "no-stay": -1,
    "unknown-patient": -1,
}
"""State → label: 1 it happened, 0 it did not, -1 nobody can say (yet)."""
_NAMES: Final = tuple(STATES)
_LABELS: Final = np.array(list(STATES.values()), dtype=np.int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The outcome of every row."""

    y: NDArray[np.int8]
    state: tuple[str, ...]
    at: Ints
    """When it was settled: the event's time, or the end of the horizon or of the stay; NAT = it is not."""
    until: Ints
    """Until when the row was followed: when it was settled, or when the patient was lost or sent on; NAT = nobody knows."""


def label_outcome(
    guidance: Guidance,
    value_sets: ValueSets,
    timeline: Timeline,
    rows: IndexRows,
    data_end: int,
    *,
    outcome: Outcome | None = None,
) -> Labels:
    """Label every row as it stands at the end of the data: by the outcome of one prediction, else of the first."""
    record = Record(timeline, data_end)
    asked = outcome or guidance.outcome
    state, at = _RULES[asked.kind](guidance, asked, value_sets, record, rows)
    if asked.seen_after_days is not None:
        # Who was not seen again, nobody can say of that it did not happen.
        contact = last_contact(record)[rows.patient]
        seen = contact > rows.at + round(asked.seen_after_days * DAY)
        lost = (state == _NAMES.index("negative")) & ~seen
        state[lost] = _NAMES.index("lost-to-follow-up")
        at = np.where(lost, np.maximum(contact, rows.at), at)
    state[rows.patient < 0] = _NAMES.index("unknown-patient")
    y = _LABELS[state]
    named = np.isin(state, [_NAMES.index("competing-death"), _NAMES.index("competing-event")])
    return Labels(
        y=y,
        state=tuple(map(_NAMES.__getitem__, state.tolist())),
        at=np.where((y >= 0) | named, at, NAT),
        until=np.where(rows.patient < 0, NAT, at),
    )


def horizon_passed(outcome: Outcome, at: Ints, data_end: int) -> Bools:
    """Rows that may be learned from or judged by: an event is known early and its absence late.

    Of rows whose horizon has not passed only those with the event would have a label, and every risk would look too low.
    Outcomes of other kinds are short, and keep all that is settled.
    """
    hours = outcome.horizon_in_hours if outcome.kind in ("event", "kidney-injury") else None
    return np.ones(len(at), dtype=np.bool_) if hours is None else at + round(hours * HOUR) <= data_end


def looked_for(outcome: Outcome, value_sets: ValueSets, timeline: Timeline, rows: IndexRows, data_end: int) -> Bools:
    """Rows of whom it was looked for after the index and within the horizon: nothing is found in whoever is not tested."""
    hours = outcome.horizon_in_hours
    if not outcome.looked_for or hours is None:
        return np.zeros(len(rows), dtype=np.bool_)
    first, _ = Record(timeline, data_end).first_after(
        outcome.looked_for, value_sets, rows.patient.astype(np.int64), rows.at
    )
    found: Bools = (first != FOREVER) & (first <= rows.at + round(hours * HOUR))
    return found


def _decide(rows: int, *rules: tuple[str, Bools, Ints | int]) -> tuple[Ints, Ints]:
    """The first rule that holds gives a row its state and the time of it; without any it is negative."""
    state = np.full(rows, _NAMES.index("negative"), dtype=np.int64)
    at = np.full(rows, NAT, dtype=np.int64)
    for name, holds, when in reversed(rules):
        state = np.where(holds, _NAMES.index(name), state)
        at = np.where(holds, when, at)
    return state, at


def _readmission(
    guidance: Guidance, outcome: Outcome, value_sets: ValueSets, record: Record, rows: IndexRows
) -> tuple[Ints, Ints]:
    """The first stay after the episode's discharge decides: unplanned and within the horizon, or not."""
    if outcome.horizon_days is None:
        raise BadInput("A readmission needs a horizon", place="outcome.horizon_days", remedy="Give a number of days")
    horizon, transfer = round(outcome.horizon_days * DAY), round(outcome.transfer_hours * HOUR)
    stays = record.stays(value_sets.resolve(guidance.index.stay))
    episodes = join_transfers(stays, transfer)
    planned = np.append(record.planned(stays, outcome.planned, value_sets), False)
    death, undated = record.deaths(value_sets.resolve(outcome.died))

    own = stays.of_rows(rows.encounter, len(record.timeline.resource_words))
    known = own >= 0
    end = np.append(stays.end, NAT)[own]
    own_episode = np.append(episodes.of_stay, -1)[own]
    episode_end = np.append(episodes.end, NAT)[own_episode]
    left = np.where(end == NAT, rows.at, end)
    patient = rows.patient.astype(np.int64)
    following = up_to(episodes.patient, episodes.start, patient, left)
    there = np.append(episodes.patient, -1)[following] == patient
    start = np.where(there, np.append(episodes.start, NAT)[following], FOREVER)
    back = there & (start <= left + horizon)
    of_plan = planned[np.append(episodes.first, len(stays))[following]]
    died, died_undated = np.append(death, NAT)[patient], np.append(undated, False)[patient]
    return _decide(
        len(rows),
        ("pending", known & (end == NAT) & (episode_end == FOREVER), NAT),
        ("transferred", (known & (episode_end > left)) | (there & (start <= left + transfer)), left),
        ("transferred", _sent_on(outcome, value_sets, record, stays, own), left),
        ("positive", back & ~of_plan, start),
        # An unplanned stay after a planned one no longer counts: this settles it.
        ("planned-readmission", back & of_plan, start),
        ("competing-death", (died != NAT) & (died <= left + horizon), died),
        ("death-undated", died_undated, NAT),
        ("pending", left + horizon > record.data_end, NAT),
        ("negative", np.ones(len(rows), dtype=np.bool_), left + horizon),
    )


def _death_in_stay(
    guidance: Guidance, outcome: Outcome, value_sets: ValueSets, record: Record, rows: IndexRows
) -> tuple[Ints, Ints]:
    """Died before the stay ended (within the horizon, if there is one), by the disposition or by the date of death."""
    stays = record.stays()
    own = stays.of_rows(rows.encounter, len(record.timeline.resource_words))
    end = np.append(stays.end, NAT)[own]
    deaths = Deaths.in_stays(record, value_sets.resolve(outcome.died), stays, own, rows.patient)
    until = FOREVER if outcome.horizon_days is None else rows.at + round(outcome.horizon_days * DAY)
    over = np.minimum(np.where(end == NAT, FOREVER, end), until)
    return _decide(
        len(rows),
        ("no-stay", own < 0, NAT),
        ("positive", deaths.happened & (deaths.when <= until), deaths.when),
        ("death-undated", deaths.undated, NAT),
        ("transferred", (end <= over) & _sent_on(outcome, value_sets, record, stays, own), end),
        ("pending", over > record.data_end, NAT),
        ("negative", np.ones(len(rows), dtype=np.bool_), over),
    )


def _event(
    guidance: Guidance, outcome: Outcome, value_sets: ValueSets, record: Record, rows: IndexRows
) -> tuple[Ints, Ints]:
    """The first of the named events after the index, before the horizon and, if so asked, before the stay ends.

    A death is the outcome or ends the wait for it, and so does what competes; what is dated by the day only cannot be before an index on that day
    if it is a death, and is taken to be if it is an event.
    """
    hours = outcome.horizon_in_hours
    until = np.full(len(rows), FOREVER) if hours is None else rows.at + round(hours * HOUR)
    died = value_sets.resolve(outcome.died)
    everyone = np.ones(len(rows), dtype=np.bool_)
    if outcome.within_stay:
        stays = record.stays(value_sets.resolve(guidance.index.stay))
        own = stays.of_rows(rows.encounter, len(record.timeline.resource_words))
        end = np.append(stays.end, NAT)[own]
        deaths = Deaths.in_stays(record, died, stays, own, rows.patient)
        episodes = join_transfers(stays, round(outcome.transfer_hours * HOUR))
        over = np.append(episodes.end, NAT)[np.append(episodes.of_stay, -1)[own]]
        last = np.minimum(np.where(end == NAT, FOREVER, end), until)
        left, sent_on = end, _sent_on(outcome, value_sets, record, stays, own)
        no_stay, moved_on = own < 0, (end != NAT) & (end < until) & ((over > end) | sent_on)
    else:
        deaths = Deaths.ever(record, died, rows.patient)
        last, no_stay, moved_on, left = until, ~everyone, ~everyone, rows.at
    gone, died_at = _died_after(deaths, rows)
    patient = rows.patient.astype(np.int64)
    happened_at, undated = record.first_after(outcome.events, value_sets, patient, rows.at)
    ended_at, _ = record.first_after(outcome.competing, value_sets, patient, rows.at)
    # What competes at the very moment of the event came with it: the event counts.
    happens = (happened_at != FOREVER) & (happened_at <= np.minimum(last, np.minimum(died_at, ended_at)))
    ends = (ended_at != FOREVER) & (ended_at <= last) & (ended_at <= died_at)
    there = already_there(record, outcome.events, value_sets, patient, rows.at)
    dies = (died_at != FOREVER) & (died_at <= last)
    return _decide(
        len(rows),
        ("no-stay", no_stay, NAT),
        ("competing-death", gone, deaths.when),
        ("positive", happens, happened_at),
        ("competing-event", ends, ended_at),
        ("positive" if outcome.death == "counts" else "competing-death", dies, died_at),
        ("death-undated", deaths.undated, NAT),
        ("event-undated", undated, NAT),
        ("already-there", there, NAT),
        ("transferred", moved_on, left),
        ("pending", last > record.data_end, NAT),
        ("negative", everyone, last),
    )


def _sent_on(outcome: Outcome, value_sets: ValueSets, record: Record, stays: Stays, own: Ints) -> Bools:
    """Rows whose stay ended with the way to another hospital: how it went on there, nobody here sees."""
    codes = value_sets.resolve(outcome.transferred)
    sent = record.encounters_with(record.facts("Encounter.dischargeDisposition", codes))
    found: Bools = sent[np.append(stays.resource, 0)[own]] & (np.append(stays.end, NAT)[own] != NAT)
    return found


def _died_after(deaths: Deaths, rows: IndexRows) -> tuple[Bools, Ints]:
    """Who was dead before the index, and when the others died (FOREVER = they did not); by the day only is after it."""
    same_day = (deaths.when % DAY == 0) & (deaths.when == rows.at // DAY * DAY)
    gone = deaths.happened & (deaths.when <= rows.at) & ~same_day
    return gone, np.where(deaths.happened, np.where(same_day, rows.at + 1, deaths.when), FOREVER)


def _kidney_injury(
    guidance: Guidance, outcome: Outcome, value_sets: ValueSets, record: Record, rows: IndexRows
) -> tuple[Ints, Ints]:
    """The stage of acute kidney injury that the creatinine of the horizon reached; without one nobody can say."""
    if outcome.injury is None or outcome.horizon_in_hours is None:
        raise BadInput("A kidney injury needs `injury` and a horizon", place="outcome", remedy="Give both")
    until = rows.at + round(outcome.horizon_in_hours * HOUR)
    injuries = find_injuries(outcome.injury, value_sets, record, rows.patient.astype(np.int64), rows.at, until)
    deaths = Deaths.ever(record, value_sets.resolve(outcome.died), rows.patient)
    gone, died_at = _died_after(deaths, rows)
    return _decide(
        len(rows),
        ("competing-death", gone, deaths.when),
        ("positive", (injuries.at != FOREVER) & (injuries.at <= died_at), injuries.at),
        ("competing-death", died_at <= until, died_at),
        ("death-undated", deaths.undated, NAT),
        ("pending", until > record.data_end, NAT),
        ("not-measured", ~injuries.measured, NAT),
        ("no-baseline", ~injuries.based, NAT),
        ("negative", np.ones(len(rows), dtype=np.bool_), until),
    )


_RULES: Final = {
    "readmission": _readmission,
    "death-in-stay": _death_in_stay,
    "event": _event,
    "kidney-injury": _kidney_injury,
}
