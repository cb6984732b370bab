"""Properties of `guidance.features` that hold for any events, rows and coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.definition import Feature
from services.guidance.features import ABSENT, UNKNOWN, VALUE, FeaturePlan, compile_features, read_features
from services.timeline.coverage import Coverage
from services.timeline.instants import ALWAYS, DAY, FOREVER, HOUR, NAT
from services.timeline.timeline import IndexRows, Timeline, index_rows
from tests.guidance.feature_by_hand import by_hand
from tests.guidance.feature_cases import ICD, LOINC, VALUE_SETS, at, guidance_with, lab, row, stay, timeline_of

NOW = at("2024-03-10T12:00:00Z")
START = at("2024-03-05T22:00:00Z")
HB = {"kind": "last", "from": "Observation.code", "codes": {"tokens": [LOINC + "718-7"]}, "unit": "g/dL"}
CONDITION = {"from": "Condition.code", "codes": {"value_set": "diabetes"}}


def plan_of(queries: dict[str, tuple[str, ...]], **features: Any) -> FeaturePlan:
    """A plan of some features."""
    return compile_features(guidance_with(features), VALUE_SETS, queries)


# One feature of every kind and window, for the tests that compare whole matrices.
EVERY: dict[str, dict[str, Any]] = {
    "hb": HB,
    "hb_ranged": HB | {"range": [8, 14]},
    "hb_sure": HB | {"assume_known": False},
    "first": HB | {"kind": "first", "window": {"hours": 30}},
    "low": HB | {"kind": "min", "window": {"days": 2}},
    "high": HB | {"kind": "max", "window": {"this_stay": True}},
    "mean": HB | {"kind": "mean"},
    "sum": HB | {"kind": "sum", "range": [0, 60]},
    "slope": HB | {"kind": "slope", "window": {"days": 3}},
    "since": HB | {"kind": "days_since"},
    "tests": HB | {"kind": "count", "unit": None},
    "any_test": HB | {"kind": "exists", "range": [10, 12]},
    "level": {
        "kind": "last", "from": "Observation.code", "codes": {"tokens": [LOINC + "smoke"]},
        "levels": {"s|yes": 1, "s|no": 0},
    },
    "smokes": {
        "kind": "exists", "from": "Observation.code", "codes": {"tokens": [LOINC + "smoke"]},
        "answers": {"tokens": ["s|yes"]},
    },
    "age": {"kind": "age", "range": [0, 120]},
    "los": {"kind": "duration"},
    "diabetes": CONDITION | {"kind": "current"},
    "diagnosed": CONDITION | {"kind": "exists", "window": {"days": 4, "or_this_stay": True}},
    "own": CONDITION | {"kind": "exists", "this_encounter": True},
    "categories": {"kind": "count", "from": "Condition.code", "distinct": "icd10-3", "window": {"this_stay": True, "hours": 40}},
    "codes": {"kind": "count", "from": "Condition.code|Encounter.class", "distinct": "code", "range": [0, 3]},
    "active": {"kind": "current", "from": "Condition.code", "distinct": "code"},
    "stays": {
        "kind": "count", "from": "Encounter.class", "codes": {"value_set": "inpatient"},
        "window": {"days": 5, "before": "admission"},
    },
    "visits": {
        "kind": "count", "from": "Encounter.class",
        "window": {"before": "admission", "exclude_leading_hours": 10},
    },
    "both": HB | {"kind": "mean", "window": {"days": 1, "before": "admission", "or_this_stay": True}},
    "formula": {"kind": "formula", "formula": "map", "inputs": {"systolic": "hb", "diastolic": "low"}},
}  # fmt: skip
BASIC = {name: spec for name, spec in EVERY.items() if spec["kind"] != "formula"}
QUERIES = {name: ("slow", "fast") if place % 2 else ("fast",) for place, name in enumerate(BASIC)}
EVERY_PLAN = plan_of(QUERIES, **EVERY)
FEATURES = {name: Feature.model_validate({"label": name, **spec}) for name, spec in BASIC.items()}

HOURS = st.integers(0, 12).map(lambda step: START + (step * 9 - 60) * HOUR)
KNOWN = st.sampled_from([0, 1, 20, 60]).map(lambda hours: hours * HOUR)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """An event of any sort; many collide in time, code and resource."""
    time = draw(HOURS)
    common: dict[str, Any] = {
        "patient": draw(st.sampled_from(["p", "q", "r"])),
        "time": time,
        "known": time + draw(KNOWN),
        "assumed": draw(st.booleans()),
        "encounter": draw(st.sampled_from(["", "Encounter/a", "Encounter/b"])),
        "resource": draw(st.sampled_from(["", "Resource/1", "Resource/2", "Resource/3"])),
        "updated": draw(st.sampled_from([NAT, NAT, time + 10 * HOUR, time + 30 * HOUR])),
    }
    match draw(st.sampled_from(["lab", "lab", "lab", "smoke", "condition", "stay", "birth", "other"])):
        case "lab":
            value = draw(st.sampled_from([6.5, 8.0, 9.9, 10.1, 12.0, 13.7, 20.0, float("nan"), float("inf")]))
            unit = draw(st.sampled_from(["g/dL", "g/dL", "g/L", "mol"]))
            return common | {"field": "Observation.code", "codes": LOINC + "718-7", "value": value, "unit": unit}
        case "smoke":
            answer = draw(st.sampled_from(["s|yes", "s|no", "s|no\ns|yes", "s|maybe", ""]))
            return common | {"field": "Observation.code", "codes": LOINC + "smoke", "answer": answer}
        case "condition":
            codes = draw(
                st.sampled_from([ICD + "E11.9", ICD + "E11.2", ICD + "I50", "|text", f"{ICD}E11.9\nlocal|7", ""])
            )
            end = draw(st.sampled_from([NAT, time + 20 * HOUR]))
            common["time"] = draw(st.sampled_from([time, NAT]))
            return common | {"field": "Condition.code", "codes": codes, "end": end}
        case "stay":
            name = draw(st.sampled_from(["a", "b", "c"]))
            end = draw(st.sampled_from([NAT, time + 5 * HOUR, time + 80 * HOUR]))
            of = draw(st.sampled_from(["IMP", "EMER", "AMB"]))
            return common | stay(name, time, end, of=of, patient=common["patient"], known=time)
        case "birth":
            return common | {
                "field": "Patient.birthDate",
                "time": at("1950-02-28") + draw(st.integers(0, 3)) * DAY,
                "known": ALWAYS,
            }
    return common | {"field": "Procedure.code", "codes": "s|1"}


MANY_EVENTS = st.lists(events(), max_size=40)
ASKED = st.lists(
    st.tuples(st.sampled_from(["p", "q", "r", "nobody"]), HOURS, st.sampled_from(["", "a", "b"])),
    min_size=1,
    max_size=12,
)
SINCE = st.sampled_from([ALWAYS, ALWAYS, START - 30 * HOUR, START + 10 * HOUR, FOREVER])


def rows_for(timeline: Timeline, asked: list[tuple[str, int, str]]) -> IndexRows:
    """Index rows of several (patient, time, stay)."""
    patients, times, stays = zip(*asked, strict=True)
    return index_rows(timeline, patients, times, stays)


@settings(max_examples=80, deadline=None)
@given(MANY_EVENTS, ASKED, SINCE, SINCE)
def test_every_kind_is_what_it_is_by_hand(
    drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], slow: int, fast: int
) -> None:
    """Value, state and source of every kind are those of the definition, worked out event by event."""
    timeline = timeline_of(drawn, coverage=Coverage(since={"slow": slow, "fast": fast}))
    rows = rows_for(timeline, asked)
    matrix = read_features(EVERY_PLAN, timeline, rows)
    for name, feature in FEATURES.items():
        values, states = matrix.column(name)
        since = max(slow, fast) if "slow" in QUERIES[name] else fast
        for place in range(len(rows)):
            value, state, sources = by_hand(feature, timeline, rows, place, since)
            where = (name, place)
            assert (states[place], where) == (state, where)
            np.testing.assert_allclose(values[place], value, rtol=1e-9, atol=1e-9, err_msg=str(where))
            assert (int(matrix.sources[place, matrix.names.index(name)]) in (sources or {-1}), where) == (True, where)


@settings(max_examples=50, deadline=None)
@given(MANY_EVENTS, ASKED, st.sampled_from([1, 37, 100, 1_000]))
def test_one_row_alone_has_the_bits_that_it_has_among_many(
    drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], budget: int
) -> None:
    """The bedside (N = 1) and history agree bit for bit, however history is cut into chunks."""
    timeline = timeline_of(drawn)
    rows = rows_for(timeline, asked)
    many = read_features(EVERY_PLAN, timeline, rows)
    chunked = read_features(EVERY_PLAN, timeline, rows, budget=budget)
    assert chunked.values.tobytes() == many.values.tobytes()
    assert (chunked.states == many.states).all()
    assert (chunked.sources == many.sources).all()
    assert chunked.problems == many.problems
    alone = [read_features(EVERY_PLAN, timeline, row(timeline, rows, place)) for place in range(len(rows))]
    assert b"".join(single.values.tobytes() for single in alone) == many.values.tobytes()
    assert (np.concatenate([single.states for single in alone]) == many.states).all()
    assert (np.concatenate([single.sources for single in alone]) == many.sources).all()
    assert sum((single.problems for single in alone), start=many.problems.__class__()) == many.problems


@settings(max_examples=40, deadline=None)
@given(MANY_EVENTS, MANY_EVENTS, ASKED)
def test_what_becomes_known_later_changes_nothing(
    drawn: list[dict[str, Any]], later: list[dict[str, Any]], asked: list[tuple[str, int, str]]
) -> None:
    """Facts that were not known at the index, or had not happened, never change a feature of it."""
    until = max(when for _, when, _ in asked)
    unseen = [
        event | {"known": max(event["known"], until + 1), "resource": f"Later/{place}", "updated": NAT}
        for place, event in enumerate(later)
        if event["field"] != "Encounter.class"
    ]
    before, after = timeline_of(drawn), timeline_of([*drawn, *unseen])
    one_way = read_features(EVERY_PLAN, before, rows_for(before, asked))
    other_way = read_features(EVERY_PLAN, after, rows_for(after, asked))
    assert one_way.values.tobytes() == other_way.values.tobytes()
    assert (one_way.states == other_way.states).all()


@settings(max_examples=40, deadline=None)
@given(MANY_EVENTS, ASKED, SINCE, SINCE)
def test_less_coverage_only_turns_answers_into_unknown(
    drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], more: int, less: int
) -> None:
    """Asking for less never changes a value into another one, and never asserts an absence."""
    more, less = min(more, less), max(more, less)
    wide, narrow = (
        timeline_of(drawn, coverage=Coverage(since={"slow": since, "fast": since})) for since in (more, less)
    )
    before = read_features(EVERY_PLAN, wide, rows_for(wide, asked))
    after = read_features(EVERY_PLAN, narrow, rows_for(narrow, asked))
    same = (after.states == before.states) & ((after.values == before.values) | (after.states != VALUE))
    formula = before.names.index("formula")
    assert (same | (after.states == UNKNOWN))[:, :formula].all()


def test_a_sum_has_the_same_bits_alone_and_among_a_hundred_thousand() -> None:
    """Sums, means and slopes of long, ill-conditioned series do not depend on their neighbours."""
    random = np.random.default_rng(5)
    events = [
        lab("718-7", float(value), START + int(second) * 1_000_000, unit="g/dL", patient=f"p{place % 7}")
        for place, (value, second) in enumerate(
            zip(random.lognormal(0, 6, 900), random.integers(0, 4 * 86_400, 900), strict=True)
        )
    ]
    timeline = timeline_of(events)
    plan = plan_of(
        {}, sum=HB | {"kind": "sum"}, mean=HB | {"kind": "mean", "window": {"days": 2}}, slope=HB | {"kind": "slope"}
    )
    asked = [(f"p{place % 7}", NOW - int(place) * HOUR // 20, "") for place in range(1_000)]
    rows = rows_for(timeline, asked * 100)
    many = read_features(plan, timeline, rows)
    assert len(many) == 100_000
    for place in range(0, 1_000, 29):
        alone = read_features(plan, timeline, row(timeline, rows, place))
        assert alone.values.tobytes() == many.values[place].tobytes()


def test_there_may_be_nothing_at_all() -> None:
    """No rows, no events, a patient of whom nothing is known: no exception, and no invented value."""
    empty = timeline_of([])
    nothing = IndexRows(
        patient=np.zeros(0, np.int32), at=np.zeros(0, np.int64), encounter=np.zeros(0, np.int32), start=np.zeros(0, np.int64)
    )  # fmt: skip
    assert read_features(EVERY_PLAN, empty, nothing).values.shape == (0, len(EVERY))
    timeline = timeline_of([stay("a", START, of="AMB", patient="someone")])
    matrix = read_features(EVERY_PLAN, timeline, index_rows(timeline, ["nobody"], [NOW], [""]))
    assert matrix.column("hb")[1].tolist() == [ABSENT]
    assert matrix.column("tests")[0].tolist() == [0.0]
