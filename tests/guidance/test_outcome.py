"""Claims about `guidance.outcome`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.guidance.definition import Guidance
from services.guidance.outcome import STATES, Labels, label_outcome
from services.timeline.errors import BadInput
from services.timeline.instants import ALWAYS, DAY, HOUR, NAT
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


def test_labels_are_small_and_their_states_are_listed() -> None:
    """A label is one byte; every state says which label it is."""
    labels = label_outcome(
        READMISSION, VALUE_SETS, timeline_of([INDEX]), index_rows(timeline_of([INDEX]), ["p"], [END], ["index"]), DATA_END
    )  # fmt: skip
    assert isinstance(labels, Labels)
    assert labels.y.dtype == np.int8
    assert set(STATES.values()) == {1, 0, -1}
