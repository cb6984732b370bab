"""Claims about outcomes that are readings: at least so high in their unit, on so many distinct days after the index."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.definition import Guidance
from services.guidance.outcome import STATES, label_outcome, looked_for
from services.timeline.instants import DAY, HOUR, NAT
from services.timeline.timeline import index_rows
from tests.guidance.feature_cases import LOINC, VALUE_SETS, lab, stay, timeline_of
from tests.guidance.test_outcome import INDEX, START, died, label
from tests.guidance.test_outcome_event import DIABETES, asked, diabetes

HBA1C: dict[str, Any] = {
    "from": "Observation.code", "codes": {"tokens": [LOINC + "4548-4"]}, "unit": "%", "at_least": 6.5, "at_most": 20,
}  # fmt: skip
GLUCOSE: dict[str, Any] = {
    "from": "Observation.code", "codes": {"tokens": [LOINC + "1558-6"]}, "unit": "mg/dL", "at_least": 126,
}  # fmt: skip
ONCE = asked([HBA1C], horizon_days=365)
TWICE = asked([HBA1C | {"times": 2}, GLUCOSE | {"times": 2}, *DIABETES], horizon_days=365)
AT = START + 6 * HOUR


def hba1c(value: float, time: int, unit: str = "%", **more: Any) -> dict[str, Any]:
    """An HbA1c."""
    return lab("4548-4", value, time, unit=unit, **more)


def glucose(value: float, time: int, unit: str = "mg/dL", **more: Any) -> dict[str, Any]:
    """A fasting glucose."""
    return lab("1558-6", value, time, unit=unit, **more)


def state_of(guidance: Guidance, *events: dict[str, Any]) -> str:
    """The state of one row."""
    return label([INDEX, *events], guidance=guidance, when=AT)[1]


@pytest.mark.parametrize(
    ("value", "unit", "counts"),
    [
        (6.5, "%", True), (6.49, "%", False), (48.0, "mmol/mol", True), (47.0, "mmol/mol", False),
        (0.065, "1", True), (0.0649, "1", False), (6.5, "", False), (6.5, "g/L", False), (float("nan"), "%", False),
        (20.0, "%", True), (20.1, "%", False), (65.0, "%", False),
    ],
)  # fmt: skip
def test_a_reading_is_compared_in_the_units_of_the_outcome(value: float, unit: str, counts: bool) -> None:
    """At the limit it counts; without a unit, in one that cannot be converted, or beyond the plausible it does not."""
    assert state_of(ONCE, hba1c(value, AT + DAY, unit)) == ("positive" if counts else "negative")


@pytest.mark.parametrize("tenths", range(50, 90))
def test_no_boundary_is_lost_to_binary_arithmetic(tenths: int) -> None:
    """Whatever the threshold in tenths, a reading of just that many per cent counts, sent as % or as a fraction of 1."""
    guidance = asked([HBA1C | {"at_least": tenths / 10}], horizon_days=365)
    for value, unit in ((tenths / 10, "%"), (tenths / 1000, "1")):
        assert state_of(guidance, hba1c(value, AT + DAY, unit)) == "positive"
    assert state_of(guidance, hba1c(tenths / 1000 - 1e-5, AT + DAY, "1")) == "negative"


def test_twice_means_two_days_after_the_index_of_the_same_test() -> None:
    """Two of one day, one before the index, or one of each test are not two; it is settled on the second day."""
    assert state_of(TWICE, hba1c(7.0, AT + DAY)) == "negative"
    assert state_of(TWICE, hba1c(7.0, AT + DAY), hba1c(7.2, AT + DAY + HOUR)) == "negative"
    assert state_of(TWICE, hba1c(7.0, AT - DAY), hba1c(7.2, AT + DAY)) == "negative"
    assert state_of(TWICE, hba1c(7.0, AT), hba1c(7.2, AT + DAY)) == "negative"
    assert state_of(TWICE, hba1c(7.0, AT + DAY), glucose(140.0, AT + 2 * DAY)) == "negative"
    assert state_of(TWICE, hba1c(7.0, AT + DAY), hba1c(6.4, AT + 2 * DAY)) == "negative"
    second = [hba1c(7.0, AT + HOUR), hba1c(6.5, AT + DAY), hba1c(9.0, AT + 9 * DAY)]
    assert label([INDEX, *second], guidance=TWICE, when=AT) == (1, "positive", AT + DAY)
    apart = [glucose(7.0, AT + DAY, "mmol/L"), glucose(126.0, AT + 40 * DAY)]
    assert label([INDEX, *apart], guidance=TWICE, when=AT) == (1, "positive", AT + 40 * DAY)


def test_the_first_of_the_ways_decides_and_death_competes() -> None:
    """A diagnosis between the two readings is the outcome; a death between them ends the wait."""
    readings = [hba1c(7.0, AT + DAY), hba1c(7.0, AT + 9 * DAY)]
    assert label([INDEX, *readings, diabetes(AT + 4 * DAY)], guidance=TWICE, when=AT)[2] == AT + 4 * DAY
    assert label([INDEX, *readings, died(AT + 5 * DAY)], guidance=TWICE, when=AT)[1] == "competing-death"
    assert label([INDEX, *readings, died(AT + 30 * DAY)], guidance=TWICE, when=AT)[:2] == (1, "positive")


def test_a_high_reading_without_a_date_settles_nothing() -> None:
    """It may have been one of the two; a low one without a date is none."""
    assert state_of(TWICE, hba1c(8.0, NAT, known=AT)) == "event-undated"
    assert state_of(TWICE, hba1c(5.0, NAT, known=AT)) == "negative"


@pytest.mark.parametrize(
    ("events", "tested"),
    [
        ([], False),
        ([hba1c(5.0, AT + DAY)], True),
        ([hba1c(5.0, AT + 365 * DAY)], True),
        ([hba1c(5.0, AT + 365 * DAY + 1)], False),
        ([hba1c(5.0, AT)], False),
        ([hba1c(5.0, NAT, known=AT)], False),
        ([hba1c(5.0, AT + DAY, patient="q")], False),
        ([diabetes(AT + DAY)], False),
    ],
)
def test_it_was_looked_for_where_a_test_came_within_the_horizon(events: list[dict[str, Any]], tested: bool) -> None:
    """Whatever the test said; without a word on how it is looked for, of nobody."""
    test = {"from": "Observation.code", "codes": {"tokens": [LOINC + "4548-4"]}}
    timeline = timeline_of([INDEX, *events])
    rows = index_rows(timeline, ["p", "nobody"], [AT, AT], ["index", ""])
    for guidance, expected in ((asked(DIABETES, horizon_days=365, looked_for=[test]), tested), (TWICE, False)):
        found = looked_for(guidance.outcome, VALUE_SETS, timeline, rows, AT + 500 * DAY)
        assert found.tolist() == [expected, False]


STEP = 9 * HOUR  # days have two or three steps
READING = st.tuples(
    st.sampled_from("pq"),
    st.integers(0, 24),
    st.sampled_from(["4548-4", "1558-6"]),
    st.sampled_from(
        [(6.4, "%"), (6.5, "%"), (9.0, "%"), (48.0, "mmol/mol"), (126.0, "mg/dL"), (125.0, "mg/dL"), (7.0, "mmol/L"),
         (6.9, "mmol/L"), (8.0, ""), (0.07, "1")]
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    readings=st.lists(READING, max_size=14),
    indexes=st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 12)), min_size=1, max_size=5),
    death=st.one_of(st.none(), st.integers(0, 24)),
    times=st.integers(1, 3),
    horizon=st.integers(1, 24),
)
def test_many_rows_at_once_are_what_each_is_by_hand(
    readings: list[tuple[str, int, str, tuple[float, str]]],
    indexes: list[tuple[str, int]],
    death: int | None,
    times: int,
    horizon: int,
) -> None:
    """Any readings in any units, any number of days asked for: the labels are those of a plain walk through the record."""
    origin = START + HOUR
    events = [
        lab(code, value, origin + step * STEP, unit=unit, patient=patient)
        for patient, step, code, (value, unit) in readings
    ]
    events += [
        stay(f"{patient}{number}", origin + begin * STEP, patient=patient)
        for number, (patient, begin) in enumerate(indexes)
    ]
    if death is not None:
        events += [
            died(origin + death * STEP + HOUR) | {"patient": patient, "resource": f"Patient/{patient}"}
            for patient in "pq"
        ]
    guidance = asked([HBA1C | {"times": times}, GLUCOSE | {"times": times}], horizon_hours=horizon * 9)
    timeline = timeline_of(events)
    moments = [origin + begin * STEP for _, begin in indexes]
    rows = index_rows(
        timeline, [patient for patient, _ in indexes], moments, [f"{p}{n}" for n, (p, _) in enumerate(indexes)]
    )
    found = label_outcome(guidance, VALUE_SETS, timeline, rows, origin + 100 * STEP)
    for place, (patient, _) in enumerate(indexes):
        at, until = moments[place], moments[place] + horizon * STEP
        gone = None if death is None else origin + death * STEP + HOUR
        when = min(
            (moment for code in ("4548-4", "1558-6")
             if (moment := reached([(origin + s * STEP, v, u) for p, s, c, (v, u) in readings if (p, c) == (patient, code)],
                                   code, at, times)) is not None),
            default=None,
        )  # fmt: skip
        if gone is not None and gone <= at:
            expected = "competing-death"
        elif when is not None and when <= until and (gone is None or when <= gone):
            expected = "positive"
        elif gone is not None and gone <= until:
            expected = "competing-death"
        else:
            expected = "negative"
        assert found.state[place] == expected
        assert found.y[place] == STATES[expected]
        if expected == "positive":
            assert found.at[place] == when


def reached(readings: list[tuple[int, float, str]], code: str, at: int, times: int) -> int | None:
    """When the readings of one test after a moment have stood high on so many days, reading after reading."""
    days: set[int] = set()
    for moment, value, unit in sorted(readings):
        if moment > at and is_high(code, value, unit):
            days.add(moment // DAY)
            if len(days) == times:
                return moment
    return None


def is_high(code: str, value: float, unit: str) -> bool:
    """In exact arithmetic, by the factors of the clinical content."""
    exact = Fraction(str(value))
    if code == "4548-4":
        per_cent = {"%": exact, "mmol/mol": exact * Fraction("0.0915") + Fraction("2.15"), "1": exact * 100}.get(unit)
        return per_cent is not None and Fraction("6.5") <= per_cent <= 20
    milligrams = {"mg/dL": exact, "mmol/L": exact * Fraction("18.016")}.get(unit)
    return milligrams is not None and milligrams >= 126
