"""Claims about `guidance.features`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

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
from services.timeline.instants import ALWAYS, DAY, HOUR, NAT
from services.timeline.timeline import IndexRows, Timeline, index_rows
from tests.guidance.feature_cases import (
    GENDER,
    ICD,
    LOINC,
    RXNORM,
    VALUE_SETS,
    at,
    guidance_with,
    lab,
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
