"""Claims about outcomes of kind `event`: the first of the named events after the index, and what ends the wait for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.definition import Guidance
from services.guidance.outcome import STATES, label_outcome
from services.timeline.instants import DAY, HOUR, NAT
from services.timeline.timeline import index_rows
from tests.guidance.feature_cases import DISPOSITION, ICD, VALUE_SETS, guidance_with, stay, timeline_of
from tests.guidance.test_outcome import DATA_END, END, FEATURES, INDEX, START, about, died, label

DIABETES = [{"from": "Condition.code", "codes": {"value_set": "diabetes"}}]
INTENSIVE = [{"from": "Encounter.location", "codes": {"tokens": ["x|icu"]}}]
AFTER = START + 6 * HOUR


def asked(events: list[dict[str, Any]], **outcome: Any) -> Guidance:
    """A guidance that predicts events."""
    said: dict[str, Any] = {
        "kind": "event", "name": "diabetes", "happens": "get it", "died": {"value_set": "died"}, "events": events,
    }  # fmt: skip
    return guidance_with(
        FEATURES, index={"stay": {"value_set": "inpatient"}, "at": "admission"}, outcome=said | outcome
    )


YEAR = asked(DIABETES, horizon_days=365)
DAY_OF_STAY = asked(INTENSIVE, horizon_hours=24, within_stay=True, death="counts")
REST_OF_STAY = asked(INTENSIVE, within_stay=True, death="competes")


def diabetes(moment: int, code: str = "E11.9", **more: Any) -> dict[str, Any]:
    """A diagnosis."""
    return {"field": "Condition.code", "codes": ICD + code, "time": moment, **more}


def intensive(moment: int) -> dict[str, Any]:
    """A move to intensive care within the stay."""
    return about("index", "location", "x|icu", time=moment)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], (0, "negative", AFTER + 365 * DAY)),
        ([diabetes(AFTER + DAY)], (1, "positive", AFTER + DAY)),
        ([diabetes(AFTER + 9 * DAY), diabetes(AFTER + 3 * DAY)], (1, "positive", AFTER + 3 * DAY)),
        ([diabetes(AFTER + 365 * DAY)], (1, "positive", AFTER + 365 * DAY)),
        ([diabetes(AFTER + 365 * DAY + 1)], (0, "negative", AFTER + 365 * DAY)),
        ([diabetes(AFTER)], (0, "negative", AFTER + 365 * DAY)),
        ([diabetes(AFTER - DAY)], (0, "negative", AFTER + 365 * DAY)),
        ([diabetes(AFTER + DAY, "E10.9")], (0, "negative", AFTER + 365 * DAY)),
        ([diabetes(AFTER + DAY, patient="q")], (0, "negative", AFTER + 365 * DAY)),
        ([diabetes(NAT, known=AFTER)], (-1, "event-undated", NAT)),
        ([diabetes(NAT, known=AFTER), diabetes(AFTER + DAY)], (1, "positive", AFTER + DAY)),
    ],
)
def test_the_first_event_after_the_index_and_within_the_horizon_is_the_outcome(
    events: list[dict[str, Any]], expected: tuple[int, str, int]
) -> None:
    """One at or before the index is not, one of another patient or code is not; one without a date settles nothing."""
    assert label([INDEX, *events], guidance=YEAR, when=AFTER) == expected


def test_a_horizon_that_has_not_passed_leaves_it_open_unless_it_has_happened() -> None:
    """The end of the data is not the end of the wait."""
    soon = AFTER + 365 * DAY - 1
    assert label([INDEX], guidance=YEAR, when=AFTER, data_end=soon) == (-1, "pending", NAT)
    assert label([INDEX, diabetes(AFTER + DAY)], guidance=YEAR, when=AFTER, data_end=soon)[:2] == (1, "positive")
    assert label([INDEX, diabetes(soon + 1)], guidance=YEAR, when=AFTER, data_end=soon)[:2] == (-1, "pending")


def test_a_death_competes_or_counts_whichever_is_asked() -> None:
    """Before the event it ends the wait; after it, it changes nothing."""
    counts = asked(DIABETES, horizon_days=365, death="counts")
    for guidance, expected in ((YEAR, (-1, "competing-death")), (counts, (1, "positive"))):
        assert label([INDEX, died(END + DAY)], guidance=guidance, when=AFTER)[:2] == expected
        assert label([INDEX, died(END + 2 * DAY), diabetes(END + DAY)], guidance=guidance, when=AFTER)[0] == 1
        assert label([INDEX, died(END + 365 * DAY)], guidance=guidance, when=AFTER)[0] == 0
        assert label([INDEX, died(NAT)], guidance=guidance, when=AFTER)[1] == "death-undated"
    both = [INDEX, died(END + DAY), diabetes(END + 2 * DAY)]
    assert label(both, guidance=YEAR, when=AFTER)[1] == "competing-death"
    assert label(both, guidance=counts, when=AFTER) == (1, "positive", END + DAY)


def test_a_death_dated_by_the_day_of_the_index_comes_after_it() -> None:
    """Who is looked at is alive; a date without a time says midnight. A death the day before is a fault of the record."""
    midnight = AFTER // DAY * DAY
    counts = asked([], horizon_days=30, death="counts")
    assert label([INDEX, died(midnight)], guidance=counts, when=AFTER)[:2] == (1, "positive")
    assert label([INDEX, died(midnight - DAY)], guidance=counts, when=AFTER)[:2] == (-1, "competing-death")


def test_answers_narrow_what_counts() -> None:
    """The same code with another answer is another thing."""
    smoker = asked(
        [{"from": "Observation.code", "codes": {"tokens": ["x|smoking"]}, "answers": {"tokens": ["x|yes"]}}],
        horizon_days=9,
    )
    said = {"field": "Observation.code", "codes": "x|smoking", "time": AFTER + HOUR}
    assert label([INDEX, said | {"answer": "x|no"}], guidance=smoker, when=AFTER)[0] == 0
    assert label([INDEX, said | {"answer": "x|yes"}], guidance=smoker, when=AFTER)[0] == 1


@pytest.mark.parametrize(
    ("events", "y", "state"),
    [
        ([INDEX], 0, "negative"),
        ([INDEX, intensive(AFTER + 24 * HOUR)], 1, "positive"),
        ([INDEX, intensive(AFTER + 24 * HOUR + 1)], 0, "negative"),
        ([stay("index", START, AFTER + 5 * HOUR), intensive(AFTER + 9 * HOUR)], 0, "negative"),
        ([stay("index", START, AFTER + 5 * HOUR), died(AFTER + 9 * HOUR)], 0, "negative"),
        ([stay("index", START), died(AFTER + 9 * HOUR)], 1, "positive"),
        ([stay("index", START, AFTER + 5 * HOUR), about("index", "dischargeDisposition", DISPOSITION + "exp", time=NAT)], 1, "positive"),
        ([stay("index", START, AFTER + 5 * HOUR), stay("next", AFTER + 6 * HOUR, END)], -1, "transferred"),
        ([INDEX, stay("next", END + HOUR, END + DAY)], 0, "negative"),
        ([stay("index", START)], 0, "negative"),
        ([], -1, "unknown-patient"),
        ([stay("other", START, END)], -1, "no-stay"),
    ],
)  # fmt: skip
def test_within_the_stay_leaving_it_alive_settles_it(events: list[dict[str, Any]], y: int, state: str) -> None:
    """What happens after it does not count, and a stay that goes on elsewhere before the horizon tells nothing."""
    assert label(events, guidance=DAY_OF_STAY, when=AFTER)[:2] == (y, state)


def test_until_the_stay_ends_an_open_stay_is_pending() -> None:
    """Without a horizon the stay alone decides; a death in it is the end of the wait."""
    assert label([stay("index", START)], guidance=REST_OF_STAY, when=AFTER)[1] == "pending"
    assert label([stay("index", START, DATA_END + 1)], guidance=REST_OF_STAY, when=AFTER)[1] == "pending"
    assert label([INDEX], guidance=REST_OF_STAY, when=AFTER) == (0, "negative", END)
    assert label([INDEX, died(END - HOUR)], guidance=REST_OF_STAY, when=AFTER)[1] == "competing-death"
    assert label([INDEX, intensive(END)], guidance=REST_OF_STAY, when=AFTER) == (1, "positive", END)


STEP = 12 * HOUR
MOMENT = st.integers(0, 16)


@settings(max_examples=300, deadline=None)
@given(
    stays=st.lists(st.tuples(st.sampled_from("pq"), MOMENT, st.one_of(st.none(), st.integers(1, 4))), min_size=1, max_size=5),
    events=st.lists(st.tuples(st.sampled_from("pq"), st.one_of(st.none(), MOMENT)), max_size=5),
    deaths=st.dictionaries(st.sampled_from("pq"), MOMENT, max_size=2),
    within=st.booleans(),
    counts=st.booleans(),
    horizon=st.one_of(st.none(), st.integers(1, 6)),
    data_end=st.integers(4, 20),
    later=st.integers(0, 2),
)  # fmt: skip
def test_many_rows_at_once_are_what_each_is_by_hand(
    stays: list[tuple[str, int, int | None]],
    events: list[tuple[str, int | None]],
    deaths: dict[str, int],
    within: bool,
    counts: bool,
    horizon: int | None,
    data_end: int,
    later: int,
) -> None:
    """Any stays, events and deaths, with or without horizon and stay: the labels are those of a plain walk."""
    horizon = horizon if within else horizon or 3
    origin = START + HOUR  # never midnight: a death has its time
    named = [
        (patient, str(number), origin + begin * STEP, NAT if length is None else origin + (begin + length) * STEP)
        for number, (patient, begin, length) in enumerate(stays)
    ]
    facts = [stay(name, begin, end, patient=patient) for patient, name, begin, end in named]
    facts += [
        diabetes(NAT if when is None else origin + when * STEP + HOUR, patient=patient, known=START)
        for patient, when in events
    ]
    dead = {patient: origin + when * STEP + 2 * HOUR for patient, when in deaths.items()}
    facts += [died(when) | {"patient": patient, "resource": f"Patient/{patient}"} for patient, when in dead.items()]
    guidance = asked(
        DIABETES,
        within_stay=within,
        death="counts" if counts else "competes",
        horizon_hours=None if horizon is None else horizon * 12,
        transfer_hours=6,
    )
    end_of_data = origin + data_end * STEP
    rows = [one for one in named if one[2] <= end_of_data]
    if not rows:
        return
    timeline = timeline_of(facts)
    moments = [begin + later * HOUR for _, _, begin, _ in rows]
    found = label_outcome(
        guidance,
        VALUE_SETS,
        timeline,
        index_rows(timeline, [one[0] for one in rows], moments, [one[1] for one in rows]),
        end_of_data,
    )
    for place, (patient, name, begin, end) in enumerate(rows):
        expected = walk(
            moment=moments[place],
            until=None if horizon is None else moments[place] + horizon * STEP,
            stay=(begin, end if end != NAT and end <= end_of_data else None) if within else None,
            others=[(b, e) for p, n, b, e in named if p == patient and n != name and b <= end_of_data],
            events=[None if when is None else origin + when * STEP + HOUR for who, when in events if who == patient],
            death=dead.get(patient),
            counts=counts,
            data_end=end_of_data,
        )
        assert (found.state[place], name) == (expected, name)
        assert found.y[place] == STATES[expected]


def walk(
    *,
    moment: int,
    until: int | None,
    stay: tuple[int, int | None] | None,
    others: list[tuple[int, int]],
    events: list[int | None],
    death: int | None,
    counts: bool,
    data_end: int,
) -> str:
    """One row's state, one question after the other."""
    end = stay[1] if stay else None
    ends = [limit for limit in (until, end) if limit is not None]
    last = min(ends) if ends else None
    seen_death = death if death is not None and death <= data_end else None
    if stay and seen_death is not None and (seen_death < stay[0] or (end is not None and seen_death > end)):
        seen_death = None
    first = min((when for when in events if when is not None and moment < when <= data_end), default=None)
    if seen_death is not None and seen_death <= moment:
        return "competing-death"
    if first is not None and (last is None or first <= last) and (seen_death is None or first <= seen_death):
        return "positive"
    if seen_death is not None and (last is None or seen_death <= last):
        return "positive" if counts else "competing-death"
    if None in events:
        return "event-undated"
    if stay and end is not None and (until is None or end < until) and goes_on(stay[0], end, others, data_end):
        return "transferred"
    return "pending" if last is None or last > data_end else "negative"


def goes_on(start: int, end: int, others: list[tuple[int, int]], data_end: int) -> bool:
    """Whether the episode that this stay belongs to lasts longer than the stay."""
    spans = sorted([(start, end), *((b, e if e != NAT and e <= data_end else NAT) for b, e in others)])
    spans = sorted(spans, key=lambda one: (one[0], one[1]))
    episode: list[tuple[int, int]] = []
    limit = NAT
    mine = False
    for place, (begin, over) in enumerate(spans):
        until = over if over != NAT else (2**62 if place == len(spans) - 1 else begin)
        if episode and begin - 6 * HOUR > limit:
            if mine:
                return limit > end
            episode = []
        limit = max(until, limit)
        episode.append((begin, over))
        mine = mine or (begin, over) == (start, end)
    return mine and limit > end
