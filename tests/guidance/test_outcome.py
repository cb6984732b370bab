"""Claims about `guidance.outcome`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.definition import Guidance
from services.guidance.outcome import STATES, Labels, label_outcome
from services.timeline.errors import BadInput
from services.timeline.instants import ALWAYS, DAY, FOREVER, HOUR, NAT
from services.timeline.timeline import index_rows
from tests.guidance.feature_cases import (
    DISPOSITION,
    ICD,
    PRIORITY,
    VALUE_SETS,
    at,
    guidance_with,
    stay,
    timeline_of,
)

START = at("2024-03-01T10:00:00Z")
END = at("2024-03-05T15:00:00Z")
DATA_END = END + 400 * DAY
FEATURES = {"age": {"kind": "age"}}
READMISSION = guidance_with(FEATURES)
MORTALITY = guidance_with(
    FEATURES,
    outcome={"kind": "death-in-stay", "name": "death", "happens": "die", "died": {"value_set": "died"}},
)
INDEX = stay("index", START, END)


def label(
    events: list[dict[str, Any]],
    *,
    guidance: Guidance = READMISSION,
    when: int = END,
    encounter: str = "index",
    data_end: int = DATA_END,
) -> tuple[int, str, int]:
    """Label, state and time of one row."""
    timeline = timeline_of(events)
    labels = label_outcome(guidance, VALUE_SETS, timeline, index_rows(timeline, ["p"], [when], [encounter]), data_end)
    return int(labels.y[0]), labels.state[0], int(labels.at[0])


def about(name: str, field: str, codes: str = "", **more: Any) -> dict[str, Any]:
    """Something that an Encounter says of itself."""
    encounter = f"Encounter/{name}"
    return {
        "field": f"Encounter.{field}",
        "codes": codes,
        "resource": encounter,
        "encounter": encounter,
        "time": START,
        **more,
    }


def died(moment: int) -> dict[str, Any]:
    """Patient.deceased."""
    return {"field": "Patient.deceased", "time": moment, "known": ALWAYS, "resource": "Patient/p"}


def test_nobody_who_did_not_come_back_is_a_negative_before_the_horizon_has_passed() -> None:
    """Thirty days must be over, and nothing in them."""
    assert label([INDEX]) == (0, "negative", END + 30 * DAY)
    assert label([INDEX], data_end=END + 30 * DAY) == (0, "negative", END + 30 * DAY)
    assert label([INDEX], data_end=END + 30 * DAY - 1) == (-1, "pending", NAT)


@pytest.mark.parametrize(
    ("after", "y", "state"),
    [
        (25 * HOUR, 1, "positive"), (30 * DAY, 1, "positive"), (30 * DAY + 1, 0, "negative"),
        (24 * HOUR, -1, "transferred"), (1, -1, "transferred"), (0, -1, "transferred"),
    ],
)  # fmt: skip
def test_a_new_stay_counts_after_the_transfer_and_within_the_horizon(after: int, y: int, state: str) -> None:
    """Up to 24 hours after discharge it is the same episode, whose last discharge counts; then 30 days, their end included."""
    assert label([INDEX, stay("next", END + after, END + 60 * DAY)])[:2] == (y, state)


def test_a_transferred_episode_is_attributed_to_its_last_discharge() -> None:
    """The second hospital's discharge is the index discharge, also where the first stay was written down as the longer one."""
    second = stay("second", END + HOUR, END + 4 * DAY)
    back = stay("back", END + 20 * DAY, END + 21 * DAY)
    assert label([INDEX, second, back])[1] == "transferred"
    assert label([INDEX, second, back], encounter="second", when=END + 4 * DAY) == (1, "positive", END + 20 * DAY)
    nested = stay("nested", START + HOUR, START + 2 * HOUR)
    assert label([INDEX, nested, back], encounter="nested", when=START + 2 * HOUR)[1] == "transferred"
    assert label([INDEX, nested, back]) == (1, "positive", END + 20 * DAY)


def test_only_stays_of_the_class_named_count() -> None:
    """An emergency visit or an observation stay is no readmission."""
    assert label([INDEX, stay("visit", END + 5 * DAY, of="EMER"), stay("watched", END + 6 * DAY, of="OBSENC")])[0] == 0


def test_a_stay_known_later_or_corrected_counts_as_it_stands_in_the_end() -> None:
    """Labels see all data: what came in late counts, what was corrected away does not."""
    late = stay("next", END + 5 * DAY, END + 6 * DAY, known=END + 90 * DAY)
    assert label([INDEX, late])[0] == 1
    was = stay("next", END + 5 * DAY, END + 6 * DAY, updated=END + 6 * DAY)
    is_ = stay("next", END + 5 * DAY, END + 6 * DAY, of="AMB", updated=END + 9 * DAY)
    assert label([INDEX, was, is_])[0] == 0


def diagnosed(name: str, code: str, rank: float = 1.0) -> dict[str, Any]:
    """A diagnosis listed on an Encounter, as the timeline resolves it."""
    return about(name, "diagnosis", ICD + code, answer=f"Condition/{name}-{code}", value=rank)


NEXT = stay("next", END + 5 * DAY, END + 9 * DAY)
ELECTIVE = about("next", "priority", PRIORITY + "EL")
PROCEDURE = {"field": "Procedure.code", "codes": "x|1", "time": END + 6 * DAY, "encounter": "Encounter/next"}


@pytest.mark.parametrize(
    ("said", "planned"),
    [
        ([], False),
        ([diagnosed("next", "Z51.11")], True),
        ([diagnosed("next", "Z51.11", rank=2)], False),
        ([diagnosed("other", "Z51.11")], False),
        ([ELECTIVE], False),
        ([ELECTIVE, PROCEDURE], True),
        ([PROCEDURE], False),
        ([ELECTIVE, PROCEDURE | {"encounter": ""}], True),
        ([ELECTIVE, PROCEDURE | {"encounter": "", "time": END + 10 * DAY}], False),
        ([ELECTIVE, PROCEDURE | {"encounter": "Encounter/index"}], False),
        ([ELECTIVE, PROCEDURE, diagnosed("next", "I21.4")], False),
        ([ELECTIVE, PROCEDURE, diagnosed("next", "I21.4", rank=3)], True),
        ([about("next", "priority", PRIORITY + "EM"), PROCEDURE], False),
    ],
)
def test_planned_is_decided_by_the_principal_diagnosis_then_by_priority_and_procedure(
    said: list[dict[str, Any]], planned: bool
) -> None:
    """Maintenance care is planned; an elective stay with a procedure is, unless its principal diagnosis is acute."""
    expected = (0, "planned-readmission", END + 5 * DAY) if planned else (1, "positive", END + 5 * DAY)
    assert label([INDEX, NEXT, *said]) == expected


def test_an_unplanned_stay_after_a_planned_one_does_not_count() -> None:
    """The first stay decides; what comes after a planned one is attributed to that one."""
    again = stay("again", END + 15 * DAY, END + 16 * DAY)
    assert label([INDEX, NEXT, diagnosed("next", "Z51"), again])[:2] == (0, "planned-readmission")
    assert label([INDEX, NEXT, again, diagnosed("again", "Z51")])[:2] == (1, "positive")


def test_a_death_before_any_readmission_is_a_competing_event_and_no_negative() -> None:
    """Who died within the horizon could not come back; who came back first did."""
    assert label([INDEX, died(END + 10 * DAY)]) == (-1, "competing-death", END + 10 * DAY)
    assert label([INDEX, died(END + 10 * DAY), NEXT])[:2] == (1, "positive")
    assert label([INDEX, died(END + 31 * DAY)])[:2] == (0, "negative")
    left = about("index", "dischargeDisposition", DISPOSITION + "exp", time=END)
    assert label([INDEX, left])[:2] == (-1, "competing-death")
    assert label([INDEX, died(NAT)])[:2] == (-1, "death-undated")


def test_an_open_stay_is_pending_and_a_patient_of_whom_nothing_is_known_is_said() -> None:
    """No discharge yet, no label; and a row without a patient is none."""
    assert label([stay("index", START)])[1] == "pending"
    assert label([stay("index", START, DATA_END + DAY)])[1] == "pending"
    timeline = timeline_of([INDEX | {"patient": "q"}])
    labels = label_outcome(READMISSION, VALUE_SETS, timeline, index_rows(timeline, ["p"], [END], [""]), DATA_END)
    assert labels.state == ("unknown-patient",)


def test_a_row_whose_encounter_is_not_there_counts_from_its_index() -> None:
    """Without the stay, the index stands for the discharge."""
    assert label([NEXT], encounter="elsewhere") == (1, "positive", END + 5 * DAY)
    assert label([], encounter="")[1] == "unknown-patient"


def test_a_readmission_without_a_horizon_is_an_error() -> None:
    """It is said, not guessed."""
    outcome = READMISSION.outcome.model_copy(update={"horizon_days": None})
    with pytest.raises(BadInput, match="horizon"):
        label([INDEX], guidance=READMISSION.model_copy(update={"outcome": outcome}))


DEAD = about("index", "dischargeDisposition", DISPOSITION + "exp", time=END)
ALIVE = about("index", "dischargeDisposition", DISPOSITION + "home", time=END)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([INDEX], (0, "negative", END)),
        ([INDEX, DEAD], (1, "positive", END)),
        ([INDEX, ALIVE], (0, "negative", END)),
        ([INDEX, died(END - HOUR)], (1, "positive", END - HOUR)),
        ([INDEX, died(END)], (1, "positive", END)),
        ([INDEX, ALIVE, died(END)], (0, "negative", END)),
        ([INDEX, died(END // DAY * DAY)], (1, "positive", END // DAY * DAY)),
        ([INDEX, ALIVE, died(END // DAY * DAY)], (0, "negative", END)),
        ([INDEX, died(END + HOUR)], (0, "negative", END)),
        ([INDEX, died(START - HOUR)], (0, "negative", END)),
        ([INDEX, died(START // DAY * DAY)], (1, "positive", START)),
        ([stay("index", START)], (-1, "pending", NAT)),
        ([stay("index", START), died(START + DAY)], (1, "positive", START + DAY)),
        ([stay("index", START, DATA_END + DAY)], (-1, "pending", NAT)),
        ([INDEX, died(NAT)], (-1, "death-undated", NAT)),
        ([INDEX, ALIVE, died(NAT)], (0, "negative", END)),
        ([stay("other", START, END)], (-1, "no-stay", NAT)),
    ],
)
def test_death_in_the_stay(events: list[dict[str, Any]], expected: tuple[int, str, int]) -> None:
    """By the disposition, or by a date of death within the stay; an open stay is pending."""
    assert label(events, guidance=MORTALITY, when=START + 2 * DAY) == expected


def test_death_within_a_horizon() -> None:
    """With a horizon only a death within it counts, and it settles before the stay ends."""
    outcome = MORTALITY.outcome.model_copy(update={"horizon_days": 1.0})
    guidance = MORTALITY.model_copy(update={"outcome": outcome})
    index = START + DAY
    for death, expected in ((index + DAY, 1), (index + DAY + 1, 0)):
        assert label([INDEX, died(death)], guidance=guidance, when=index)[0] == expected
    assert label([stay("index", START)], guidance=guidance, when=index) == (0, "negative", index + DAY)


STEPS = st.integers(0, 12)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("pq"), STEPS, st.one_of(st.none(), st.integers(0, 3)), st.booleans()), min_size=1, max_size=10),
    st.one_of(st.none(), STEPS),
    st.integers(0, 20),
)  # fmt: skip
def test_many_rows_at_once_are_what_each_is_by_hand(
    drawn: list[tuple[str, int, int | None, bool]], death: int | None, data_end: int
) -> None:
    """Any history of overlapping, nested, open, planned stays: the vectorised labels are those of a plain walk through it."""
    step, events = 12 * HOUR, []
    stays = [
        (
            patient,
            str(number),
            START + begin * step,
            NAT if length is None else START + (begin + length) * step,
            planned,
        )
        for number, (patient, begin, length, planned) in enumerate(drawn)
    ]
    for patient, name, begin, end, planned in stays:
        events.append(stay(name, begin, end, patient=patient))
        if planned:
            events.append(diagnosed(name, "Z51") | {"patient": patient})
    if death is not None:
        events += [
            died(START + death * step) | {"patient": patient, "resource": f"Patient/{patient}"} for patient in "pq"
        ]
    guidance = READMISSION.model_copy(
        update={"outcome": READMISSION.outcome.model_copy(update={"horizon_days": 2.0, "transfer_hours": 12.0})}
    )
    end_of_data = START + data_end * step
    timeline = timeline_of(events)
    names = [(patient, name, begin) for patient, name, begin, _, _ in stays if begin <= end_of_data]
    if not names:
        return
    rows = index_rows(timeline, [p for p, _, _ in names], [begin for _, _, begin in names], [n for _, n, _ in names])
    labels = label_outcome(guidance, VALUE_SETS, timeline, rows, end_of_data)
    moment = START + death * step if death is not None and START + death * step <= end_of_data else None
    for place, (patient, name, begin) in enumerate(names):
        seen = sorted(
            ((b, e if e != NAT and e <= end_of_data else NAT, n, planned) for p, n, b, e, planned in stays if p == patient and b <= end_of_data),
            key=lambda one: (one[0], one[1], one[2]),
        )  # fmt: skip
        expected = walk(seen, name, begin, moment, end_of_data)
        assert (labels.state[place], name) == (expected, name)
        assert labels.y[place] == STATES[expected]


def walk(stays: list[tuple[int, int, str, bool]], name: str, index: int, death: int | None, data_end: int) -> str:
    """One row's state: join the episodes, then look at the first that follows."""
    episodes: list[tuple[list[tuple[int, int, str, bool]], int]] = []
    for place, (start, end, own, planned) in enumerate(stays):
        until = end if end != NAT else (FOREVER if place == len(stays) - 1 else start)
        if episodes and start - 12 * HOUR <= episodes[-1][1]:
            episodes[-1] = ([*episodes[-1][0], (start, end, own, planned)], max(until, episodes[-1][1]))
        else:
            before = max([limit for _, limit in episodes], default=until)
            episodes.append(([(start, end, own, planned)], max(until, before)))
    mine, limit = next((found, limit) for found, limit in episodes if any(one[2] == name for one in found))
    own_end = next(one[1] for one in mine if one[2] == name)
    left = index if own_end == NAT else own_end
    if own_end == NAT and limit == FOREVER:
        return "pending"
    following = next((found for found, _ in episodes if found[0][0] > left), None)
    if limit > left or (following and following[0][0] <= left + 12 * HOUR):
        return "transferred"
    if following and following[0][0] <= left + 2 * DAY:
        return "planned-readmission" if following[0][3] else "positive"
    if death is not None and death <= left + 2 * DAY:
        return "competing-death"
    return "pending" if left + 2 * DAY > data_end else "negative"


def test_labels_are_small_and_their_states_are_listed() -> None:
    """A label is one byte; every state says which label it is."""
    labels = label_outcome(
        READMISSION, VALUE_SETS, timeline_of([INDEX]), index_rows(timeline_of([INDEX]), ["p"], [END], ["index"]), DATA_END
    )  # fmt: skip
    assert isinstance(labels, Labels)
    assert labels.y.dtype == np.int8
    assert set(STATES.values()) == {1, 0, -1}
