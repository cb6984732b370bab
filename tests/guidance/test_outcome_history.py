"""Claims about what a label must know beside the event: already there, ended by something else, sent on, never seen again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.outcome import label_outcome
from services.guidance.outcome_history import last_contact
from services.guidance.outcome_record import Record
from services.timeline.instants import ALWAYS, DAY, HOUR, NAT
from services.timeline.timeline import index_rows
from tests.guidance.feature_cases import DISPOSITION, VALUE_SETS, guidance_with, lab, stay, timeline_of
from tests.guidance.test_outcome import DATA_END, END, FEATURES, INDEX, START, about, died, label
from tests.guidance.test_outcome_event import AFTER, DAY_OF_STAY, DIABETES, YEAR, asked, diabetes, intensive
from tests.guidance.test_outcome_readings import HBA1C, hba1c

TWICE = asked([HBA1C | {"times": 2}], horizon_days=365)
LATER = AFTER + 9 * DAY
SENT = {"transferred": {"tokens": [DISPOSITION + "other-hcf"]}}
SENT_ON = about("index", "dischargeDisposition", DISPOSITION + "other-hcf", time=END)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([diabetes(AFTER - DAY, known=LATER)], "already-there"),
        ([diabetes(AFTER, known=AFTER + 1)], "already-there"),
        ([diabetes(AFTER - DAY, known=AFTER)], "negative"),
        ([diabetes(AFTER - 400 * DAY, known=AFTER - DAY), diabetes(AFTER - DAY, known=LATER)], "negative"),
        ([diabetes(AFTER - DAY, known=LATER), diabetes(AFTER + DAY)], "positive"),
        ([diabetes(AFTER - DAY, known=LATER), died(LATER)], "competing-death"),
        ([diabetes(AFTER - DAY, known=LATER, patient="q")], "negative"),
        ([diabetes(AFTER - DAY, "E10.9", known=LATER)], "negative"),
        # Corrected after the index: as it stood before, it was known.
        ([diabetes(AFTER - DAY, resource="Condition/1", known=AFTER - HOUR, updated=AFTER - HOUR),
          diabetes(AFTER - 2 * DAY, resource="Condition/1", known=LATER, updated=LATER)], "negative"),
    ],
)  # fmt: skip
def test_what_was_there_unknown_before_the_index_is_neither_positive_nor_negative(
    events: list[dict[str, Any]], state: str
) -> None:
    """An onset before the index that is recorded after it; what was known by then is history, what is new is the event."""
    assert label([INDEX, *events], guidance=YEAR, when=AFTER)[1] == state


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ((LATER, LATER), "already-there"), ((AFTER, LATER), "already-there"), ((AFTER, AFTER), "negative"),
    ],
)  # fmt: skip
def test_readings_are_there_once_they_stand_on_so_many_days(known: tuple[int, int], state: str) -> None:
    """Two raised results before the index: known are they when the second is; a single one is nothing yet."""
    results = [hba1c(7, AFTER - 3 * DAY, known=known[0]), hba1c(7, AFTER - 2 * DAY, known=known[1])]
    assert label([INDEX, *results], guidance=TWICE, when=AFTER)[1] == state
    assert label([INDEX, results[1]], guidance=TWICE, when=AFTER)[1] == "negative"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 8), st.integers(0, 8)), max_size=6),
    st.integers(1, 3),
    st.integers(0, 8),
)
def test_many_patients_at_once_are_what_each_is_by_hand(
    readings: list[tuple[str, int, int]], times: int, index: int
) -> None:
    """Any readings on any days, known at any time: the states are those of a plain walk."""
    step = 8 * HOUR
    guidance = asked([HBA1C | {"times": times}], horizon_days=365)
    events = [INDEX, stay("other", START, END, patient="q")]
    events += [
        hba1c(7, START + time * step, patient=patient, known=START + max(time, known) * step)
        for patient, time, known in readings
    ]
    moment = START + index * step
    rows = index_rows(timeline_of(events), ["p", "q"], [moment, moment], ["index", "other"])
    labels = label_outcome(guidance, VALUE_SETS, timeline_of(events), rows, DATA_END)
    for place, patient in enumerate("pq"):
        mine = [
            (START + time * step, START + max(time, known) * step) for who, time, known in readings if who == patient
        ]
        after = {time // DAY for time, _ in mine if time > moment}
        there = {time // DAY for time, _ in mine if time <= moment}
        said = {time // DAY for time, known in mine if time <= moment and known <= moment}
        expected = "positive" if len(after) >= times else "negative"
        if expected == "negative" and len(there) >= times > len(said):
            expected = "already-there"
        assert labels.state[place] == expected


def test_what_competes_ends_the_wait_as_a_death_does() -> None:
    """Before the event it is the state; with it or after it, the event counts; beyond the horizon it is nothing."""
    removed = {"from": "Procedure.code", "codes": {"tokens": ["x|removed"]}}
    guidance = asked(DIABETES, horizon_days=365, competing=[removed])
    taken = {"field": "Procedure.code", "codes": "x|removed", "time": AFTER + 5 * DAY}
    for events, expected in (
        ([taken], (-1, "competing-event", AFTER + 5 * DAY)),
        ([taken, diabetes(AFTER + 6 * DAY)], (-1, "competing-event", AFTER + 5 * DAY)),
        ([taken, diabetes(AFTER + 5 * DAY)], (1, "positive", AFTER + 5 * DAY)),
        ([taken, died(AFTER + 4 * DAY)], (-1, "competing-death", AFTER + 4 * DAY)),
        ([taken | {"time": AFTER + 366 * DAY}], (0, "negative", AFTER + 365 * DAY)),
        ([taken | {"time": AFTER - DAY}], (0, "negative", AFTER + 365 * DAY)),
    ):
        assert label([INDEX, *events], guidance=guidance, when=AFTER) == expected


def test_whoever_was_sent_to_another_hospital_is_no_negative() -> None:
    """Nobody here sees how it went on there; what had happened before stands."""
    dying = {"kind": "death-in-stay", "name": "death", "happens": "die", "died": {"value_set": "died"}}
    mortality = guidance_with(FEATURES, outcome=dying | SENT)
    assert label([INDEX, SENT_ON], guidance=mortality, when=AFTER)[:2] == (-1, "transferred")
    assert label([INDEX], guidance=mortality, when=AFTER)[:2] == (0, "negative")
    assert label([INDEX, SENT_ON], guidance=guidance_with(FEATURES, outcome=dying), when=AFTER)[0] == 0
    back = stay("next", END + 3 * DAY, END + 4 * DAY)
    readmission = guidance_with(FEATURES)
    outcome = readmission.outcome.model_copy(update={"transferred": mortality.outcome.transferred})
    readmission = readmission.model_copy(update={"outcome": outcome})
    assert label([INDEX, SENT_ON, back], guidance=readmission)[1] == "transferred"
    assert label([INDEX, back], guidance=readmission)[1] == "positive"
    outcome = DAY_OF_STAY.outcome.model_copy(update={"transferred": mortality.outcome.transferred})
    within = DAY_OF_STAY.model_copy(update={"outcome": outcome})
    soon = [stay("index", START, AFTER + 5 * HOUR), SENT_ON]
    assert label(soon, guidance=within, when=AFTER)[1] == "transferred"
    assert label([*soon, intensive(AFTER + HOUR)], guidance=within, when=AFTER)[1] == "positive"
    assert label([INDEX, SENT_ON], guidance=within, when=AFTER)[1] == "negative"


def test_who_was_not_seen_again_is_lost_and_no_negative() -> None:
    """A contact of any kind later than so many days after the index; an event needs none."""
    guidance = asked(DIABETES, horizon_days=365, seen_after_days=100)
    for events, expected in (
        ([], (-1, "lost-to-follow-up", NAT)),
        ([lab("718-7", 12, AFTER + 100 * DAY)], (-1, "lost-to-follow-up", NAT)),
        ([lab("718-7", 12, AFTER + 100 * DAY + 1)], (0, "negative", AFTER + 365 * DAY)),
        ([lab("718-7", 12, AFTER + 101 * DAY, patient="q")], (-1, "lost-to-follow-up", NAT)),
        ([diabetes(AFTER + DAY)], (1, "positive", AFTER + DAY)),
        ([diabetes(AFTER - DAY, known=LATER)], (-1, "already-there", NAT)),
    ):
        assert label([INDEX, *events], guidance=guidance, when=AFTER) == expected
    assert label([INDEX], guidance=YEAR, when=AFTER)[1] == "negative"  # where nobody asks, absence is health


def test_a_contact_is_what_was_done_within_the_data() -> None:
    """Neither a birth date, a permit, an insurance, a plan nor the future is one; a stay is one until it ends."""
    facts = [
        {"field": field, "time": AFTER + 50 * DAY, "known": ALWAYS}
        for field in ("Patient.birthDate", "Consent.provision", "Coverage.type", "Appointment.serviceType", "Task.code")
    ]
    timeline = timeline_of([INDEX, *facts, lab("718-7", 12, DATA_END + DAY), stay("q", START, patient="q")])
    assert last_contact(Record(timeline, DATA_END)).tolist() == [END, START, NAT]
