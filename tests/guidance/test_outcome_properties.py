"""A property of `guidance.outcome`: many rows at once are what each is by hand."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.outcome import STATES, label_outcome
from services.timeline.instants import DAY, FOREVER, HOUR, NAT
from services.timeline.timeline import index_rows
from tests.guidance.feature_cases import VALUE_SETS, stay, timeline_of
from tests.guidance.test_outcome import READMISSION, START, diagnosed, died

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
