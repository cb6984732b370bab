"""Claims about `guidance.features`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.definition import Feature
from services.guidance.errors import BadGuidance
from services.guidance.features import (
    ABSENT,
    UNKNOWN,
    VALUE,
    FeatureMatrix,
    FeaturePlan,
    compile_features,
    read_features,
)
from services.timeline.coverage import Coverage
from services.timeline.errors import BadInput
from services.timeline.instants import ALWAYS, DAY, FOREVER, HOUR, NAT
from services.timeline.timeline import IndexRows, Timeline, index_rows
from tests.guidance.feature_cases import (
    GENDER,
    ICD,
    LOINC,
    RXNORM,
    VALUE_SETS,
    at,
    by_hand,
    guidance_with,
    lab,
    row,
    stay,
    timeline_of,
)

NOW = at("2024-03-10T12:00:00Z")
START = at("2024-03-05T22:00:00Z")
HB = {"kind": "last", "from": "Observation.code", "codes": {"tokens": [LOINC + "718-7"]}, "unit": "g/dL"}
CONDITION = {"from": "Condition.code", "codes": {"value_set": "diabetes"}}


def plan_of(queries: dict[str, tuple[str, ...]] | None = None, **features: Any) -> FeaturePlan:
    """A plan of some features."""
    return compile_features(guidance_with(features), VALUE_SETS, queries or {})


def rows_of(timeline: Timeline, *, when: int = NOW, encounter: str = "") -> IndexRows:
    """One row, of the patient `p`."""
    return index_rows(timeline, ["p"], [when], [encounter])


def read(events: list[dict[str, Any]], *, when: int = NOW, encounter: str = "", **features: Any) -> FeatureMatrix:
    """The features of one row over some events."""
    timeline = timeline_of(events)
    return read_features(plan_of(**features), timeline, rows_of(timeline, when=when, encounter=encounter))


def one(matrix: FeatureMatrix, name: str = "x") -> tuple[float | None, int]:
    """A feature of the first row: its value or None, and its state."""
    values, states = matrix.column(name)
    return (None if np.isnan(values[0]) else float(values[0])), int(states[0])


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


@settings(max_examples=150, deadline=None)
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


@settings(max_examples=100, deadline=None)
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


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=60, deadline=None)
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
            zip(random.lognormal(0, 6, 3_000), random.integers(0, 4 * 86_400, 3_000), strict=True)
        )
    ]
    timeline = timeline_of(events)
    plan = plan_of(
        sum=HB | {"kind": "sum"}, mean=HB | {"kind": "mean", "window": {"days": 2}}, slope=HB | {"kind": "slope"}
    )
    asked = [(f"p{place % 7}", NOW - int(place) * HOUR // 20, "") for place in range(1_000)]
    rows = rows_for(timeline, asked * 100)
    many = read_features(plan, timeline, rows)
    assert len(many) == 100_000
    for place in range(0, 1_000, 13):
        alone = read_features(plan, timeline, row(timeline, rows, place))
        assert alone.values.tobytes() == many.values[place].tobytes()


def test_the_last_of_several_at_one_time_is_the_last_in_the_order_of_the_timeline() -> None:
    """Ties in time do not depend on the order of the input."""
    tie = [lab("718-7", value, START, unit="g/dL", resource=f"Observation/{value}") for value in (9.0, 11.0, 10.0)]
    assert one(read(tie, x=HB)) == one(read(tie[::-1], x=HB)) == (11.0, VALUE)


def test_nothing_found_is_absent_and_a_count_of_nothing_is_zero() -> None:
    """Asked and not there: a laboratory value is absent, a count, a sum and an existence are 0."""
    kinds = ("last", "first", "min", "max", "mean", "slope", "days_since")
    matrix = read(
        [], **{kind: HB | {"kind": kind} for kind in kinds}, n=HB | {"kind": "count"}, e=CONDITION | {"kind": "exists"}
    )
    assert [one(matrix, kind) for kind in kinds] == [(None, ABSENT)] * len(kinds)
    assert one(matrix, "n") == one(matrix, "e") == (0.0, VALUE)


def test_a_value_in_another_unit_is_converted_and_one_that_cannot_be_is_reported() -> None:
    """g/L becomes g/dL; a unit of another kind does not count, and is said."""
    matrix = read([lab("718-7", 119.0, START, unit="g/L"), lab("718-7", 7.0, START + 1, unit="s")], x=HB)
    assert one(matrix) == (11.9, VALUE)
    assert matrix.problems == {"x: unit not convertible": 1}


def test_out_of_range_is_missing_and_reported_never_clipped() -> None:
    """The value before it counts; a result out of range is absent."""
    events = [lab("718-7", 10.0, START, unit="g/dL"), lab("718-7", 99.0, START + 1, unit="g/dL")]
    matrix = read(events, x=HB | {"range": [2, 25]}, n=HB | {"kind": "count", "range": [0, 1]})
    assert one(matrix, "x") == (10.0, VALUE)
    assert one(matrix, "n") == (None, ABSENT)
    assert matrix.problems == {"x: out of range": 1, "n: out of range": 1}


def test_a_sum_that_lacks_a_part_is_no_sum() -> None:
    """One unusable reading leaves the total absent instead of too small."""
    events = [lab("9192-6", 400.0, START, unit="mL"), lab("9192-6", 90_000.0, START + 1, unit="mL")]
    urine = {
        "kind": "sum",
        "from": "Observation.code",
        "codes": {"tokens": [LOINC + "9192-6"]},
        "unit": "mL",
        "range": [0, 20_000],
    }
    assert one(read(events, x=urine)) == (None, ABSENT)
    assert one(read(events[:1], x=urine)) == (400.0, VALUE)


def test_sex_is_read_through_levels_and_another_gender_is_missing_and_counted() -> None:
    """`levels` names the answers it knows; an answer that is not listed leaves the feature without a value."""
    sex = {"kind": "last", "from": "Patient.gender", "levels": {GENDER + "female": 1, GENDER + "male": 0}}
    said = {"field": "Patient.gender", "time": ALWAYS}
    assert one(read([said | {"answer": GENDER + "female"}], x=sex)) == (1.0, VALUE)
    matrix = read([said | {"answer": GENDER + "other"}], x=sex)
    assert (one(matrix), matrix.problems) == ((None, ABSENT), {"x: answer not listed": 1})


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [
        ("1960-03-10", "2024-03-10T00:00:00Z", 64),
        ("1960-03-11", "2024-03-10T23:59:59Z", 63),
        ("2000-02-29", "2023-02-28T12:00:00Z", 22),
        ("2000-02-29", "2023-03-01T00:00:00Z", 23),
        ("1899-12-31", "2000-01-01T00:00:00Z", 100),
        ("1960", "2024-01-01T00:00:00Z", 64),
    ],
)
def test_age_is_whole_years_by_the_calendar(born: str, today: str, years: int) -> None:
    """The birthday counts, not 365.25 days."""
    events = [{"field": "Patient.birthDate", "time": at(born), "known": ALWAYS}]
    assert one(read(events, when=at(today), x={"kind": "age"})) == (years, VALUE)


def test_duration_counts_calendar_days_from_the_start_of_this_stay() -> None:
    """In at 22:00 on the 5th: the same day is 0, an hour after midnight is 1; without a stay it is unknown."""
    events = [stay("a", START, NAT)]
    los = {"kind": "duration"}
    assert one(read(events, when=START + HOUR, encounter="a", x=los)) == (0.0, VALUE)
    assert one(read(events, when=START + 3 * HOUR, encounter="a", x=los)) == (1.0, VALUE)
    assert one(read(events, x=los)) == (None, UNKNOWN)


def test_before_admission_leaves_this_stay_out_and_the_emergency_visit_that_led_to_it() -> None:
    """Prior admissions start before this one; an emergency visit that ended in it is part of it."""
    events = [
        stay("now", START, NOW),
        stay("before", START - 100 * DAY, START - 95 * DAY),
        stay("long-ago", START - 366 * DAY, START - 360 * DAY),
        stay("led-here", START - 30 * HOUR, START - HOUR, of="EMER"),
        stay("still-open", START - 20 * HOUR, of="EMER"),
        stay("earlier", START - 50 * HOUR, START - 26 * HOUR, of="EMER"),
        stay("on-the-edge", START - 183 * DAY, START - 183 * DAY, of="EMER"),
    ]
    matrix = read(
        events,
        encounter="now",
        stays={"kind": "count", "from": "Encounter.class", "codes": {"value_set": "inpatient"}, "window": {"days": 365, "before": "admission"}},
        visits={
            "kind": "count", "from": "Encounter.class", "codes": {"value_set": "emergency"},
            "window": {"days": 183, "before": "admission", "exclude_leading_hours": 24},
        },
    )  # fmt: skip
    assert one(matrix, "stays") == (1.0, VALUE)
    assert one(matrix, "visits") == (2.0, VALUE)  # "earlier" and "on-the-edge"


def test_current_is_decided_by_dates_and_an_end_counts_only_once_it_has_come() -> None:
    """A condition that ends tomorrow is active today; with `distinct`, the active ones are counted."""
    events = [
        {"field": "Condition.code", "codes": ICD + "E11.9", "time": START, "end": NOW + DAY, "known": START},
        {"field": "MedicationRequest.medication", "codes": RXNORM + "1", "time": START},
        {"field": "MedicationRequest.medication", "codes": RXNORM + "1", "time": START + 1},
        {"field": "MedicationRequest.medication", "codes": RXNORM + "2", "time": START, "end": NOW},
    ]
    medicines = {"kind": "current", "from": "MedicationRequest.medication", "distinct": "code"}
    assert one(read(events, x=CONDITION | {"kind": "current"})) == (1.0, VALUE)
    assert one(read(events, when=NOW + DAY, x=CONDITION | {"kind": "current"})) == (0.0, VALUE)
    assert one(read(events, x=medicines)) == (1.0, VALUE)
    assert one(read(events, when=NOW - 1, x=medicines)) == (2.0, VALUE)


def test_an_older_version_counts_until_the_next_is_known() -> None:
    """A corrected result is the old one before the correction, the new one after it."""
    events = [
        lab("718-7", 7.0, START, unit="g/dL", resource="Observation/1", updated=START),
        lab("718-7", 11.0, START, unit="g/dL", resource="Observation/1", updated=START + 2 * HOUR, known=START),
    ]
    assert one(read(events, when=START + HOUR, x=HB)) == (7.0, VALUE)
    assert one(read(events, when=START + 2 * HOUR, x=HB)) == (11.0, VALUE)


def test_incomplete_data_asserts_a_presence_but_never_an_absence() -> None:
    """Covered for two days only: what was found there stands, what was not found anywhere is unknown."""
    events = [
        lab("718-7", 10.0, NOW - DAY, unit="g/dL"),
        {"field": "Condition.code", "codes": ICD + "E11", "time": NOW - 9 * DAY},
    ]
    coverage = Coverage(since={"q": NOW - 2 * DAY})
    timeline = timeline_of(events, coverage=coverage)
    specs = {
        "last": HB, "recent": HB | {"window": {"days": 1}}, "mean": HB | {"kind": "mean"},
        "mean_day": HB | {"kind": "mean", "window": {"days": 1}}, "count": HB | {"kind": "count"},
        "na": HB | {"codes": {"tokens": [LOINC + "2951-2"]}}, "found": CONDITION | {"kind": "exists"},
        "not_found": {"kind": "exists", "from": "Condition.code", "codes": {"tokens": [ICD + "I50"]}},
    }  # fmt: skip
    plan = plan_of(dict.fromkeys(specs, ("q",)), **specs)
    matrix = read_features(plan, timeline, rows_of(timeline))
    assert {name: one(matrix, name) for name in specs} == {
        "last": (10.0, VALUE), "recent": (10.0, VALUE), "mean": (None, UNKNOWN), "mean_day": (10.0, VALUE),
        "count": (None, UNKNOWN), "na": (None, UNKNOWN), "found": (1.0, VALUE), "not_found": (None, UNKNOWN),
    }  # fmt: skip


def test_a_formula_is_unknown_before_it_is_absent_and_may_feed_another() -> None:
    """Unknown inputs make it unknown, absent ones absent; LACE's percentage is computed from LACE, computed from others."""
    features = {
        "risk": {"kind": "formula", "formula": "lace-expected-percent", "inputs": {"lace": "lace"}},
        "lace": {
            "kind": "formula", "formula": "lace",
            "inputs": {"los_days": "los", "emergent": "urgent", "charlson": "comorbidity", "ed_visits_6m": "visits"},
        },
        "los": {"kind": "duration"},
        "urgent": {"kind": "exists", "from": "Encounter.priority", "this_encounter": True},
        "comorbidity": {"kind": "count", "from": "Condition.code", "distinct": "code"},
        "visits": {"kind": "count", "from": "Encounter.class", "codes": {"value_set": "emergency"}},
        "egfr": {"kind": "formula", "formula": "ckd-epi-2021", "inputs": {"creatinine": "creatinine", "age": "age", "sex": "sex"}},
        "creatinine": HB | {"codes": {"tokens": [LOINC + "2160-0"]}, "unit": "mg/dL"},
        "age": {"kind": "age"},
        "sex": {"kind": "last", "from": "Patient.gender", "levels": {GENDER + "female": 1}},
    }  # fmt: skip
    matrix = read([stay("a", START)], encounter="a", **features)
    assert one(matrix, "lace") == (4.0, VALUE)
    assert one(matrix, "risk") == (4.3, VALUE)
    assert one(matrix, "egfr") == (None, ABSENT)
    without = read([stay("a", START)], **features)
    assert one(without, "lace") == one(without, "risk") == (None, UNKNOWN)
    assert (matrix.sources[0, [matrix.names.index("lace"), matrix.names.index("egfr")]] == -1).all()


def test_what_is_said_about_a_guidance_that_cannot_be_computed() -> None:
    """A formula in a circle, one without its input, one that does not exist: each is named before anything runs."""
    circle = {"kind": "formula", "formula": "lace-expected-percent", "inputs": {"lace": "b"}}
    with pytest.raises(BadGuidance) as caught:
        plan_of(
            a=circle,
            b=circle | {"inputs": {"lace": "a"}},
            c={"kind": "formula", "formula": "nonsense"},
            d={"kind": "formula", "formula": "lace"},
            e={"kind": "last"},
        )
    assert {fault.path.split(".")[1] for fault in caught.value.faults} == {"a", "b", "c", "d", "e"}


def test_model_inputs_stand_in_the_order_of_the_model() -> None:
    """A model names its own columns; a name that is not computed is a clear error."""
    matrix = read(
        [stay("a", START), lab("718-7", 9.0, START, unit="g/dL")], encounter="a", hb=HB, los={"kind": "duration"}
    )
    inputs = matrix.model_inputs(["los", "hb"])
    assert inputs.tolist() == [[5.0, 9.0]]
    assert inputs.flags.c_contiguous
    with pytest.raises(BadInput, match="potassium"):
        matrix.model_inputs(["potassium"])


def test_there_may_be_nothing_at_all() -> None:
    """No rows, no events, a patient of whom nothing is known: no exception, and no invented value."""
    empty = timeline_of([])
    nothing = IndexRows(
        patient=np.zeros(0, np.int32), at=np.zeros(0, np.int64), encounter=np.zeros(0, np.int32), start=np.zeros(0, np.int64)
    )  # fmt: skip
    assert read_features(EVERY_PLAN, empty, nothing).values.shape == (0, len(EVERY))
    timeline = timeline_of([stay("a", START, of="AMB", patient="someone")])
    matrix = read_features(EVERY_PLAN, timeline, index_rows(timeline, ["nobody"], [NOW], [""]))
    assert one(matrix, "hb") == (None, ABSENT)
    assert one(matrix, "tests") == (0.0, VALUE)
