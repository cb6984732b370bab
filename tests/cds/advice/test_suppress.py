"""Cool-down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.cds.advice.suppress import settle
from tests.cds.records import HOUR, NOON, decision


def test_a_card_shown_within_the_hours_silences_the_next() -> None:
    """Once in 24 hours, for one patient and one guidance."""
    earlier = {("tea-time", "p1"): [(NOON - 23 * HOUR, "other")]}
    settled = settle([decision()], [24 * HOUR], earlier)[0]
    assert (settled.status, settled.reason) == ("suppressed", "cool-down")


def test_what_was_shown_before_the_hours_does_not_silence() -> None:
    """The limit is exclusive: after 24 hours the card comes again."""
    earlier = {("tea-time", "p1"): [(NOON - 24 * HOUR, "other")]}
    assert settle([decision()], [24 * HOUR], earlier)[0].status == "shown"


def test_the_retry_of_a_lost_answer_is_answered_again() -> None:
    """The same hookInstance is the same call: nobody saw its first card."""
    again = decision()
    earlier = {("tea-time", "p1"): [(NOON - HOUR, again.hook_instance)]}
    assert settle([again], [24 * HOUR], earlier)[0].status == "shown"


def test_two_calls_in_one_batch_show_one_card() -> None:
    """The cool-down holds among calls that are committed together."""
    settled = settle([decision(), decision(), decision(patient="p2")], [24 * HOUR] * 3, {})
    assert [one.status for one in settled] == ["shown", "suppressed", "shown"]


def test_what_is_not_shown_neither_cools_nor_is_cooled() -> None:
    """A silent or abstained decision keeps its own reason, and starts no cool-down."""
    settled = settle([decision(status="silent"), decision()], [24 * HOUR] * 2, {})
    assert [one.status for one in settled] == ["silent", "shown"]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 3)), max_size=40), st.integers(1, 48))
def test_no_two_cards_of_one_patient_are_closer_than_the_cool_down(calls: list[tuple[int, int]], hours: int) -> None:
    """Whatever comes in order of time, shown cards of one patient keep their distance."""
    calls.sort()
    decisions = [decision(index_at=NOON + hour * HOUR, patient=f"p{patient}") for hour, patient in calls]
    settled = settle(decisions, [hours * HOUR] * len(decisions), {})
    last: dict[str, int] = {}
    for one in settled:
        if one.status == "shown":
            assert one.index_at - last.get(one.patient, NOON - 1000 * HOUR) >= hours * HOUR
            last[one.patient] = one.index_at
