"""One row in plain Python is one row of many in numpy: values, states, sources and problems, to the last bit."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.features import UNKNOWN, FeatureMatrix, FeaturePlan, events_of, read_features
from services.guidance.reading.kernels import age_in_years
from services.guidance.reading.one_row import FEW
from services.guidance.reading.one_row_kernels import ONE
from services.guidance.reading.plan import REDUCTIONS
from services.timeline.coverage import Coverage
from services.timeline.instants import ALWAYS, FOREVER, HOUR
from services.timeline.timeline import IndexRows, Timeline
from tests.guidance.feature_cases import (
    ASKED,
    BASIC,
    EVERY,
    EVERY_PLAN,
    MANY_EVENTS,
    QUERIES,
    SINCE,
    START,
    WARD,
    at,
    lab,
    plan_of,
    row,
    rows_for,
    stay,
    timeline_of,
)

LINKS_ASKED = st.sampled_from([ALWAYS, FOREVER])


def repeated(rows: IndexRows, times: int) -> IndexRows:
    """The same rows, over and over: what has two rows is never read as one."""
    return IndexRows(
        patient=np.tile(rows.patient, times),
        at=np.tile(rows.at, times),
        encounter=np.tile(rows.encounter, times),
        start=np.tile(rows.start, times),
    )


def bits(matrix: FeatureMatrix, place: int) -> list[tuple[str, bytes | None, int, int]]:
    """Name, bits of the value, state and source of every feature of one row. NaN is NaN, whatever its bits."""
    values, states, sources = matrix.values[place], matrix.states[place], matrix.sources[place]
    return [
        (name, None if np.isnan(value) else value.tobytes(), int(state), int(source))
        for name, value, state, source in zip(matrix.names, values, states, sources, strict=True)
    ]


def agree(plan: FeaturePlan, timeline: Timeline, rows: IndexRows) -> None:
    """Each row alone against the same rows together, and their problems together against those of each."""
    many = read_features(plan, timeline, repeated(rows, 2))
    problems: Counter[str] = Counter()
    for place in range(len(rows)):
        assert events_of(timeline, int(rows.patient[place])) <= FEW
        one = read_features(plan, timeline, row(timeline, rows, place))
        assert bits(one, 0) == bits(many, place)
        problems.update(one.problems)
    assert many.problems == Counter({reason: 2 * times for reason, times in problems.items()})


@settings(max_examples=150, deadline=None)
@given(MANY_EVENTS, ASKED, SINCE, SINCE, LINKS_ASKED, st.booleans())
def test_every_kind_and_window_is_the_same_alone_and_among_many(
    drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], slow: int, fast: int, links: int, bedside: bool
) -> None:
    """Whatever was recorded, asked for and known, in history and at the bedside."""
    coverage = Coverage(since={"slow": slow, "fast": fast}, otherwise=links)
    timeline = timeline_of(drawn, coverage=coverage, all_known=bedside)
    agree(EVERY_PLAN, timeline, rows_for(timeline, asked))


@pytest.mark.parametrize("name", BASIC)
@settings(max_examples=8, deadline=None)
@given(drawn=MANY_EVENTS, asked=ASKED, slow=SINCE)
def test_each_feature_is_the_same_in_a_guidance_of_its_own(
    name: str, drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], slow: int
) -> None:
    """What other features ask for must not show: a plan of one feature has arrays that are missing or empty."""
    plan = plan_of({name: QUERIES[name]}, **{name: EVERY[name]})
    timeline = timeline_of(drawn, coverage=Coverage(since={"slow": slow, "fast": ALWAYS}, otherwise=FOREVER))
    agree(plan, timeline, rows_for(timeline, asked))


NUMBERS = st.one_of(
    st.floats(min_value=-1e300, max_value=1e300, allow_subnormal=False),
    st.sampled_from([0.1, 0.2, 0.3, 1e16, 1.0, -1e16]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NUMBERS, st.integers(0, 400)), min_size=1, max_size=40))
def test_numbers_of_every_size_add_up_alike(readings: list[tuple[float, int]]) -> None:
    """Sums that lose digits lose the same ones: both ways add in the order of the timeline."""
    plan = plan_of(
        {},
        **{
            kind: {"kind": kind, "from": "Observation.code"}
            for kind in ("last", "first", "min", "max", "mean", "median", "rise", "slope", "sum")
        },
    )
    drawn = [lab("1", value + 0.0, START - hours * HOUR) for value, hours in readings]
    timeline = timeline_of(drawn)
    agree(plan, timeline, rows_for(timeline, [("p", START, "")]))


@given(st.integers(at("1600-03-01"), at("2400-01-01")), st.integers(at("1600-03-01"), at("2400-01-01")))
def test_an_age_in_years_is_the_same_for_one_person(born: int, moment: int) -> None:
    """On every day of the calendar, birthdays and leap days included."""
    plan = plan_of({}, age={"kind": "age"})
    birth: dict[str, Any] = {"field": "Patient.birthDate", "time": min(born, moment), "known": ALWAYS}
    timeline = timeline_of([birth])
    rows = rows_for(timeline, [("p", max(born, moment), "")])
    assert read_features(plan, timeline, repeated(rows, 2)).values[0, 0] == age_in_years(birth["time"], rows.at[0])
    agree(plan, timeline, rows)


def test_a_stay_that_is_known_too_late_still_says_which_answers_are_not_listed() -> None:
    """Unknown for want of the stay, and yet what could not be used is counted, in both ways."""
    ward = {
        "field": "Encounter.location", "codes": WARD + "HU", "time": START, "encounter": "Encounter/a",
        "resource": "Encounter/a",
    }  # fmt: skip
    timeline = timeline_of([stay("a", START, known=START + 2 * HOUR), ward])
    plan = plan_of(
        {}, ward={"kind": "last", "from": "Encounter.location", "levels": {WARD + "ICU": 2}, "this_encounter": True}
    )
    rows = rows_for(timeline, [("p", START + HOUR, "a")])
    one = read_features(plan, timeline, rows)
    assert one.states.tolist() == [[UNKNOWN]]
    assert one.problems == {"ward: answer not listed": 1}
    agree(plan, timeline, rows)


def test_every_reduction_has_both_ways() -> None:
    """A kind that is added must be added to both."""
    assert set(ONE) == set(REDUCTIONS)


def test_a_patient_of_many_events_is_read_by_the_kernels_with_the_same_result() -> None:
    """The choice between the two ways never shows."""
    hours = [lab("718-7", 8.0 + n % 5, START - n * HOUR, unit="g/dL") for n in range(FEW + 1)]
    own = [stay("a", START), *hours]
    below, above = timeline_of(own[:FEW]), timeline_of(own)
    assert events_of(below, 0) == FEW < events_of(above, 0)
    plan = plan_of({}, **BASIC)
    for timeline in (below, above):
        rows = rows_for(timeline, [("p", START + HOUR, "a")])
        one, many = read_features(plan, timeline, rows), read_features(plan, timeline, repeated(rows, 2))
        assert bits(one, 0) == bits(many, 0)
