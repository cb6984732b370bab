"""Properties of `guidance.features` that hold for any events, rows and coverage."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.features import ABSENT, UNKNOWN, VALUE, read_features
from services.timeline.coverage import Coverage
from services.timeline.instants import ALWAYS, FOREVER, HOUR, NAT
from services.timeline.timeline import IndexRows, index_rows
from tests.guidance.feature_by_hand import by_hand, computed_by_hand
from tests.guidance.feature_cases import (
    ASKED,
    EVERY,
    EVERY_PLAN,
    FEATURES,
    HB,
    MANY_EVENTS,
    MEDICINES,
    NOW,
    QUERIES,
    SINCE,
    START,
    lab,
    plan_of,
    row,
    rows_for,
    stay,
    timeline_of,
)

LINKS_ASKED = st.sampled_from([ALWAYS, FOREVER])
"""Whether the resources that others point to were asked for: in history yes, at the bedside never."""


@settings(max_examples=100, deadline=None)
@given(MANY_EVENTS, ASKED, SINCE, SINCE, LINKS_ASKED)
def test_every_kind_is_what_it_is_by_hand(
    drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], slow: int, fast: int, links: int
) -> None:
    """Value, state and source of every kind are those of the definition, worked out event by event."""
    _compare_with_by_hand(drawn, asked, slow, fast, links)


def test_it_is_what_it_is_by_hand_in_records_as_full_as_real_ones() -> None:
    """The same for patients of whom much is known, and of whom all, some or nothing was asked."""
    chance = random.Random(3)
    for number in range(16):
        patient = f"p{number}"
        since = [chance.choice([ALWAYS, START - 100 * HOUR, START - 20 * HOUR, FOREVER]) for _ in range(2)]
        slow, fast = (ALWAYS, ALWAYS) if number % 2 else since
        asked = [
            (patient, START + chance.randrange(-200, 110) * HOUR, chance.choice(["", f"{patient}-a"])) for _ in range(6)
        ]
        _compare_with_by_hand(_made(chance, patient), asked, slow, fast, chance.choice([ALWAYS, FOREVER]))


def _compare_with_by_hand(
    events: list[dict[str, Any]], asked: list[tuple[str, int, str]], slow: int, fast: int, links: int
) -> None:
    timeline = timeline_of(events, coverage=Coverage(since={"slow": slow, "fast": fast}, otherwise=links))
    rows = rows_for(timeline, asked)
    matrix = read_features(EVERY_PLAN, timeline, rows)
    for place in range(len(rows)):
        known = {
            name: (float(values[place]), int(states[place])) for name, (values, states) in matrix.columns().items()
        }
        for name, feature in FEATURES.items():
            if feature.is_computed:
                (value, state), sources = computed_by_hand(feature, known), {-1}
            else:
                since = max(slow, fast) if "slow" in QUERIES[name] else fast
                value, state, sources = by_hand(feature, timeline, rows, place, since)
            where = (name, place)
            assert (known[name][1], where) == (state, where)
            np.testing.assert_allclose(known[name][0], value, rtol=1e-9, atol=1e-9, err_msg=str(where))
            assert (int(matrix.sources[place, matrix.names.index(name)]) in (sources or {-1}), where) == (True, where)


@settings(max_examples=50, deadline=None)
@given(MANY_EVENTS, ASKED, st.sampled_from([1, 37, 1_000, 10_000]), LINKS_ASKED)
def test_one_row_alone_has_the_bits_that_it_has_among_many(
    drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], budget: int, links: int
) -> None:
    """The bedside (N = 1) and history (here some hundreds) agree bit for bit, however history is cut into chunks."""
    timeline = timeline_of(drawn, coverage=Coverage(otherwise=links))
    times = 1 + 300 // len(asked) if budget > 1_000 else 1
    rows = rows_for(timeline, asked * times)
    many = read_features(EVERY_PLAN, timeline, rows)
    chunked = read_features(EVERY_PLAN, timeline, rows, budget=budget)
    assert chunked.values.tobytes() == many.values.tobytes()
    assert (chunked.states == many.states).all()
    assert (chunked.sources == many.sources).all()
    assert chunked.problems == many.problems
    alone = [read_features(EVERY_PLAN, timeline, row(timeline, rows, place)) for place in range(len(asked))]
    assert b"".join(single.values.tobytes() for single in alone) * times == many.values.tobytes()
    assert (np.concatenate([single.states for single in alone] * times) == many.states).all()
    assert (np.concatenate([single.sources for single in alone] * times) == many.sources).all()
    found = sum((single.problems for single in alone), start=Counter[str]())
    assert {what: count * times for what, count in found.items()} == many.problems


@settings(max_examples=40, deadline=None)
@given(MANY_EVENTS, ASKED, st.randoms(use_true_random=False))
def test_the_order_of_events_and_rows_does_not_show(
    drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], shuffle: random.Random
) -> None:
    """Whatever the order in which events arrive and rows are asked for, each row is the same, bit for bit."""
    order = list(range(len(asked)))
    shuffle.shuffle(order)
    mixed = shuffle.sample(drawn, len(drawn))
    one, other = timeline_of(drawn), timeline_of(mixed)
    straight = read_features(EVERY_PLAN, one, rows_for(one, asked))
    shuffled = read_features(EVERY_PLAN, other, rows_for(other, [asked[place] for place in order]))
    assert shuffled.values.tobytes() == straight.values[order].tobytes()
    assert (shuffled.states == straight.states[order]).all()
    assert (shuffled.sources == straight.sources[order]).all()
    assert shuffled.problems == straight.problems


def _as_stored(event: dict[str, Any], place: int, until: int) -> dict[str, Any]:
    """A later version of an encounter, stored after all that is drawn; else a resource of its own."""
    if event["field"] == "Encounter.class":
        later = until + 500 * HOUR
        return {"known": later, "updated": later}
    return {"updated": NAT, "resource": f"Later/{place}"}


@settings(max_examples=40, deadline=None)
@given(MANY_EVENTS, MANY_EVENTS, ASKED)
def test_what_becomes_known_later_changes_nothing(
    drawn: list[dict[str, Any]], later: list[dict[str, Any]], asked: list[tuple[str, int, str]]
) -> None:
    """Facts that were not known at the index, or had not happened, never change a feature of it."""
    until = max(when for _, when, _ in asked)
    unseen = [
        event | {"known": max(event["known"], until + 1)} | _as_stored(event, place, until)
        for place, event in enumerate(later)
    ]
    before, after = timeline_of(drawn), timeline_of([*drawn, *unseen])
    one_way = read_features(EVERY_PLAN, before, rows_for(before, asked))
    other_way = read_features(EVERY_PLAN, after, rows_for(after, asked))
    assert one_way.values.tobytes() == other_way.values.tobytes()
    assert (one_way.states == other_way.states).all()


@settings(max_examples=80, deadline=None)
@given(MANY_EVENTS, ASKED, SINCE, SINCE, LINKS_ASKED, LINKS_ASKED)
def test_less_coverage_only_turns_answers_into_unknown(
    drawn: list[dict[str, Any]], asked: list[tuple[str, int, str]], one: int, other: int, link: int, other_link: int
) -> None:
    """Asking for less never changes a value into another one, and never asserts an absence; nor does a formula of it."""
    wide, narrow = (
        timeline_of(drawn, coverage=Coverage(since={"slow": since, "fast": since}, otherwise=pointed))
        for since, pointed in ((min(one, other), min(link, other_link)), (max(one, other), max(link, other_link)))
    )
    before = read_features(EVERY_PLAN, wide, rows_for(wide, asked))
    after = read_features(EVERY_PLAN, narrow, rows_for(narrow, asked))
    same = (after.states == before.states) & ((after.values == before.values) | (after.states != VALUE))
    assert (same | (after.states == UNKNOWN)).all()


def _made(chance: random.Random, patient: str) -> list[dict[str, Any]]:
    """A patient with labs, stays, medicines, a birthday: enough for every kind to have something to do."""
    events: list[dict[str, Any]] = [
        {"field": "Patient.birthDate", "time": START - chance.randrange(20_000, 700_000) * HOUR, "known": ALWAYS},
        *(stay(f"{patient}-{name}", START - ago * HOUR, START + chance.randrange(5, 200) * HOUR - ago * HOUR, of=of)
          for name, ago, of in (("a", 0, "IMP"), ("b", 300, "EMER"), ("c", 30, "AMB"), ("d", 90, "IMP"))),
    ]  # fmt: skip
    encounters = ["", *(f"Encounter/{patient}-{name}" for name in "abcd"), f"Encounter/{patient}-unseen"]
    for place in range(chance.randrange(4, 40)):
        time = START + chance.randrange(-400, 110) * HOUR
        common = {"encounter": chance.choice(encounters), "resource": f"Resource/{patient}-{place}"}
        events.append(
            lab("718-7", chance.lognormvariate(2.3, 0.6), time, unit=chance.choice(["g/dL", "g/dL", "g/L"]), **common)
            if place % 3
            else {
                "field": "MedicationRequest.medication", "codes": chance.choice(MEDICINES), "time": time,
                "answer": chance.choice(["", "", "Medication/1"]), **common,
            }
        )  # fmt: skip
    return [event | {"patient": patient} for event in events]


def test_each_of_a_hundred_thousand_rows_is_as_at_a_bedside_of_its_own() -> None:
    """Patients tiled to 100,000 rows: every copy has the bits of the first, and those of a timeline of that patient alone."""
    chance = random.Random(11)
    people, copies, moments = 50, 20, 100
    made = [_made(chance, f"p{person:02}") for person in range(people)]

    def copied(event: dict[str, Any], copy: int) -> dict[str, Any]:
        names = {
            key: event[key] and f"{event[key]}-{copy:02}"
            for key in ("patient", "encounter", "resource")
            if key in event
        }
        return event | names

    timeline = timeline_of([copied(event, copy) for copy in range(copies) for person in made for event in person])
    asked = [
        (f"p{person:02}-{copy:02}", NOW - moment * 5 * HOUR, f"p{person:02}-a-{copy:02}" if moment % 3 else "")
        for copy in range(copies) for person in range(people) for moment in range(moments)
    ]  # fmt: skip
    many = read_features(EVERY_PLAN, timeline, rows_for(timeline, asked))
    assert many.values.shape == (100_000, len(EVERY))
    each = people * moments
    for copy in range(1, copies):
        part = slice(copy * each, (copy + 1) * each)
        assert many.values[part].tobytes() == many.values[:each].tobytes()
        assert (many.states[part] == many.states[:each]).all()
    for place in range(7, len(asked), 997):
        patient, when, encounter = asked[place]
        person, copy = int(patient[1:3]), int(patient[4:])
        bedside = timeline_of([copied(event, copy) for event in made[person]])
        alone = read_features(EVERY_PLAN, bedside, index_rows(bedside, [patient], [when], [encounter]))
        assert alone.values.tobytes() == many.values[place].tobytes()
        assert (alone.states[0] == many.states[place]).all()


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
