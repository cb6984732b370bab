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
from services.timeline.instants import ALWAYS, DAY, FOREVER, HOUR, NAT
from services.timeline.timeline import IndexRows, Timeline, index_rows
from tests.guidance.feature_cases import (
    GENDER,
    ICD,
    INGREDIENT,
    LOINC,
    RXNORM,
    VALUE_SETS,
    WARD,
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
    """Asked and not there: a laboratory value is absent, a count and an existence are 0.

    Nothing measured is no sum: without a reading of urine nobody knows of an anuria.
    """
    kinds = ("last", "first", "min", "max", "mean", "median", "sum", "rise", "slope", "days_since")
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


def test_the_near_end_of_a_window_leaves_out_what_is_recent() -> None:
    """A baseline is what was measured 8 to 365 days before, both ends included; before admission it counts from there."""
    days = (7.99, 8, 100, 365, 365.01)
    events = [stay("a", START), *(lab("718-7", day, NOW - round(day * DAY), unit="g/dL") for day in days)]
    window = {"days": 365, "until_days": 8}
    matrix = read(
        events, encounter="a", count=HB | {"kind": "count", "unit": None, "window": window},
        median=HB | {"kind": "median", "window": window}, last=HB | {"window": window},
        before=HB | {"kind": "max", "window": window | {"before": "admission"}},
        all_before=HB | {"kind": "count", "unit": None, "window": {"until_hours": 24 * 100}},
        early=HB | {"window": {"this_stay": True, "until_hours": 12}},
    )  # fmt: skip
    assert one(matrix, "count") == (3.0, VALUE)
    assert one(matrix, "median") == (100.0, VALUE)
    assert one(matrix, "last") == (8.0, VALUE)
    assert one(matrix, "before") == (365.01, VALUE)  # 360.4 days before the admission
    assert one(matrix, "all_before") == (3.0, VALUE)
    assert one(matrix, "early") == (None, ABSENT)


def test_a_median_is_the_middle_or_the_mean_of_two_and_a_rise_is_from_the_lowest() -> None:
    """Of 4, 1, 3: the median is 3, with 10 it is 3.5; the last is 10, the lowest 1; a fall is no rise."""
    values = [lab("718-7", value, START + place, unit="g/dL") for place, value in enumerate((4.0, 1.0, 3.0, 10.0, 0.5))]
    kinds = {"median": HB | {"kind": "median"}, "rise": HB | {"kind": "rise"}}
    assert [one(read(values[:3], **kinds), name)[0] for name in kinds] == [3.0, 2.0]
    assert [one(read(values[:4], **kinds), name)[0] for name in kinds] == [3.5, 9.0]
    assert [one(read(values, **kinds), name)[0] for name in kinds] == [3.0, 0.0]


def test_only_the_latest_days_with_readings_count_and_then_nothing_older_is_needed() -> None:
    """The mean of the last two days with a blood pressure; two pages of them are enough, however many were cut off."""
    noon = at("2024-03-10T12:00:00Z")
    readings = ((0, 120.0), (0, 130.0), (4, 140.0), (9, 200.0))
    events = [
        lab("8480-6", value, noon - ago * DAY - place, unit="mm[Hg]") for place, (ago, value) in enumerate(readings)
    ]
    pressure = HB | {"codes": {"tokens": [LOINC + "8480-6"]}, "unit": "mm[Hg]", "kind": "mean"}
    features = {"two": pressure | {"latest_days": 2}, "all": pressure, "five": pressure | {"latest_days": 5}}
    assert [one(read(events, **features), name)[0] for name in features] == [130.0, 147.5, 147.5]
    plan = plan_of(dict.fromkeys(features, ("q",)), **features)
    for since, two in ((at("2024-03-06T00:00:00Z"), (130.0, VALUE)), (at("2024-03-06T00:00:01Z"), (None, UNKNOWN))):
        timeline = timeline_of(events, coverage=Coverage(since={"q": since}))
        matrix = read_features(plan, timeline, rows_of(timeline))
        assert [one(matrix, name) for name in features] == [two, (None, UNKNOWN), (None, UNKNOWN)]


def test_what_was_measured_in_hospital_is_left_out_as_the_class_was_known_then() -> None:
    """An emergency visit that becomes a stay counts as one from then on; an encounter never seen may be either."""
    visit = stay("a", START, of="EMER", updated=START)
    admitted = stay("a", START, of="IMP", updated=START + 2 * HOUR, known=START + 2 * HOUR)
    events = [
        visit, admitted,
        lab("8480-6", 180.0, START + HOUR, unit="mm[Hg]", encounter="Encounter/a"),
        lab("8480-6", 120.0, START - DAY, unit="mm[Hg]"),
    ]  # fmt: skip
    pressure = HB | {
        "codes": {"tokens": [LOINC + "8480-6"]},
        "unit": "mm[Hg]",
        "not_during": {"value_set": "inpatient"},
    }
    assert one(read(events, when=START + HOUR, x=pressure)) == (180.0, VALUE)
    assert one(read(events, when=START + 2 * HOUR, x=pressure)) == (120.0, VALUE)
    unseen = events[2:]
    assert one(read(unseen, x=pressure)) == (180.0, VALUE)  # the whole record says nothing of a stay
    timeline = timeline_of(unseen, coverage=Coverage(since={"q": START - 9 * DAY}))
    recent = {"window": {"days": 8}}
    plan = plan_of(
        {"x": ("q",), "any": ("q",), "older": ("q",)}, x=pressure | recent,
        any=pressure | recent | {"kind": "exists", "range": [0, 300]},
        older=pressure | {"window": {"days": 9, "until_days": 5}},
    )  # fmt: skip
    matrix = read_features(plan, timeline, rows_of(timeline))
    assert [one(matrix, name) for name in ("x", "any", "older")] == [(None, UNKNOWN), (1.0, VALUE), (120.0, VALUE)]


def test_what_points_to_a_resource_that_was_never_asked_for_is_unknown_and_never_absent() -> None:
    """A Location and a Medication by reference cannot be prefetched: who is where, or takes what, is then not known."""
    ward = {"field": "Encounter.location", "answer": "Location/1", "time": START}
    drug = {"field": "MedicationRequest.medication", "codes": "|as shown", "answer": "Medication/1", "time": START}
    coded = {"field": "MedicationRequest.medication", "codes": RXNORM + "1", "time": START}
    features = {
        "icu": {"kind": "exists", "from": "Encounter.location", "codes": {"tokens": [WARD + "ICU"]}},
        "takes": {"kind": "exists", "from": "MedicationRequest.medication", "codes": {"tokens": [RXNORM + "1"]}},
        "medicines": {"kind": "count", "from": "MedicationRequest.medication", "distinct": "ingredient"},
        "orders": {"kind": "count", "from": "MedicationRequest.medication"},
    }  # fmt: skip
    plan = plan_of(dict.fromkeys(features, ("q",)), **features)

    def states(events: list[dict[str, Any]], otherwise: int) -> list[float | None]:
        timeline = timeline_of(events, coverage=Coverage(since={"q": ALWAYS}, otherwise=otherwise))
        matrix = read_features(plan, timeline, rows_of(timeline))
        return [one(matrix, name)[0] for name in features]

    assert states([ward, drug], FOREVER) == [None, None, None, 1.0]
    assert states([ward | {"codes": WARD + "ICU"}, drug, coded], FOREVER) == [1.0, 1.0, None, 2.0]
    assert states([coded], FOREVER) == [0.0, 1.0, 1.0, 1.0]
    assert states([ward, drug], ALWAYS) == [0.0, 0.0, 1.0, 1.0]  # the store holds all that there is


def test_a_medicine_counts_by_its_ingredients_and_a_combination_as_each_of_them() -> None:
    """Two products of one ingredient are one medicine; what no table knows counts as itself."""
    products = (
        f"{RXNORM}11\n{RXNORM}7\n{INGREDIENT}7", f"{RXNORM}12\n{RXNORM}7\n{INGREDIENT}7",
        f"{RXNORM}13\n{RXNORM}7\n{RXNORM}8\n{INGREDIENT}7\n{INGREDIENT}8", RXNORM + "99", "",
    )  # fmt: skip
    events = [{"field": "MedicationRequest.medication", "codes": codes, "time": START} for codes in products]
    medicines = {"kind": "current", "from": "MedicationRequest.medication", "distinct": "ingredient"}
    assert one(read(events, x=medicines)) == (3.0, VALUE)
    assert one(read(events, x=medicines | {"codes": {"tokens": [RXNORM + "7"]}})) == (1.0, VALUE)


def test_money_is_added_up_in_its_own_currency_only() -> None:
    """Another currency is no part that can be added: there is then no sum, and it is said."""
    costs = [{"field": "Claim.total", "value": value, "unit": "USD", "time": START} for value in (10.25, 0.5)]
    spent = {"kind": "sum", "from": "Claim.total", "unit": "USD"}
    assert one(read(costs, x=spent)) == (10.75, VALUE)
    matrix = read([*costs, {"field": "Claim.total", "value": 1.0, "unit": "EUR", "time": START}], x=spent)
    assert (one(matrix), matrix.problems) == ((None, ABSENT), {"x: unit not convertible": 1})


def test_an_absence_is_a_number_of_its_own_and_nests_with_formulas() -> None:
    """1 where nothing usable was found, 0 where there is a value, unknown where nobody asked; of a score as of a result."""
    features = {
        "hb": HB, "no_hb": {"kind": "absent", "of": "hb"}, "no_pressure": {"kind": "absent", "of": "pressure"},
        "pressure": {"kind": "formula", "formula": "map", "inputs": {"systolic": "hb", "diastolic": "no_hb"}},
        "of_it": {"kind": "formula", "formula": "map", "inputs": {"mean": "no_pressure"}},
    }  # fmt: skip
    found = [lab("718-7", 9.0, START, unit="g/dL")]
    names = ("no_hb", "pressure", "no_pressure", "of_it")
    assert [one(read(found, **features), name)[0] for name in names] == [0.0, 3.0, 0.0, 0.0]
    assert [one(read([], **features), name) for name in names] == [
        (1.0, VALUE),
        (None, ABSENT),
        (1.0, VALUE),
        (1.0, VALUE),
    ]
    timeline = timeline_of([], coverage=Coverage())
    matrix = read_features(plan_of({"hb": ("q",)}, **features), timeline, rows_of(timeline))
    assert [one(matrix, name) for name in names] == [(None, UNKNOWN)] * 4


def test_an_optional_input_that_nobody_asked_for_never_changes_what_a_formula_says() -> None:
    """The measured mean pressure settles it; computed from two others it is unknown as long as one might be measured."""
    noon = {
        "mean": HB | {"codes": {"tokens": [LOINC + "8478-0"]}}, "systolic": HB, "diastolic": HB,
        "map": {
            "kind": "formula", "formula": "map",
            "inputs": {"mean": "mean", "systolic": "systolic", "diastolic": "diastolic"},
        },
    }  # fmt: skip
    events = [lab("718-7", 90.0, START, unit="g/dL"), lab("8478-0", 70.0, START, unit="g/dL")]

    def pressure(found: list[dict[str, Any]], **since: int) -> tuple[float | None, int]:
        plan = plan_of({"mean": ("m",), "systolic": ("s",), "diastolic": ("s",)}, **noon)
        timeline = timeline_of(found, coverage=Coverage(since=since))
        return one(read_features(plan, timeline, rows_of(timeline)), "map")

    assert pressure(events, m=ALWAYS, s=ALWAYS) == pressure(events[1:], m=ALWAYS, s=FOREVER) == (70.0, VALUE)
    assert pressure(events[:1], m=ALWAYS, s=ALWAYS) == (90.0, VALUE)
    assert pressure(events[:1], m=FOREVER, s=ALWAYS) == (None, UNKNOWN)


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
