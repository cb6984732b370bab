"""What was said is not said again; what is worse, lost or never said always is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.advice.suppress import (
    MICROSECONDS_PER_HOUR,
    SUPPRESSED_BY,
    Key,
    Quiet,
    Said,
    Snoozed,
    key_of,
    quiet_of,
    settle,
)
from services.cds.decisions.decision import Decision
from services.guidance.definition import Policy
from tests.cds.records import BANDS, HOUR, NOON, decision, quiet


def said(**changes: Any) -> Said:
    """A card of the band `high`, an hour ago, by another call of the same clinician in the same encounter."""
    fields: dict[str, Any] = {
        "at": NOON - HOUR, "instance": "other", "user": "Practitioner/u1", "encounter": "e1", "band": "high",
    }  # fmt: skip
    return Said(**(fields | changes))


def one(now: Decision, rules: Quiet | None, *earlier: Said, cards: int = 0) -> Decision:
    """What becomes of one decision after what was said before."""
    return settle([now], [rules], {key_of(now): earlier}, {(now.guidance, now.at // HOUR): cards})[0]


def test_a_card_shown_within_the_hours_silences_the_next() -> None:
    """Once in 24 hours, for one patient and one guidance; the reason says so, and its first word is a code."""
    settled = one(decision(reason="exclusion not known: dialysis"), quiet(), said(at=NOON - 23 * HOUR))
    assert settled.reason == "cool-down: said within the last 24 h; exclusion not known: dialysis"
    assert (settled.status, settled.suppressed_because) == ("suppressed", "cool-down")
    assert settled.card is not None  # computed, kept, not shown


def test_what_was_shown_before_the_hours_does_not_silence() -> None:
    """The limit is exclusive: after 24 hours the card comes again."""
    assert one(decision(), quiet(), said(at=NOON - 24 * HOUR)).status == "shown"


def test_another_workers_clock_may_run_a_little_ahead() -> None:
    """A card that was said a minute "later" was said; one of next week (a clock set back) silences nothing."""
    assert one(decision(), quiet(), said(at=NOON + HOUR // 60)).status == "suppressed"
    assert one(decision(), quiet(), said(at=NOON + 168 * HOUR)).status == "shown"


def test_a_cool_down_per_clinician_lets_the_next_one_know() -> None:
    """Who was told is not told again; a colleague is, and so is someone whose name the call does not give."""
    rules = quiet(per_clinician=True)
    assert one(decision(), rules, said()).status == "suppressed"
    assert one(decision(), rules, said(user="Practitioner/u2")).status == "shown"
    assert one(decision(user=""), rules, said(user="")).status == "shown"


def test_once_per_encounter_holds_on_every_hook_and_without_end() -> None:
    """Said on admission, not said at discharge; another encounter, or none named, is another matter."""
    rules = quiet(cool_down=0, once_per_encounter=True)
    settled = one(decision(hook="encounter-discharge"), rules, said(at=NOON - 400 * HOUR))
    assert (settled.status, settled.suppressed_because) == ("suppressed", "duplicate")
    assert one(decision(encounter="e2"), rules, said(at=NOON - 400 * HOUR)).status == "shown"
    assert one(decision(encounter=""), rules, said(encounter="")).status == "shown"


@pytest.mark.parametrize(("per_clinician", "colleague"), [(True, "shown"), (False, "suppressed")])
def test_an_override_snoozes_by_its_reason(per_clinician: bool, colleague: str) -> None:
    """For its hours, for who declined or for all, by its own reason and by no other."""
    rules = quiet(cool_down=0, snooze={"patient-refuses": Snoozed(90 * 24 * HOUR, per_clinician)})
    before = said(at=NOON - 89 * 24 * HOUR, declined="patient-refuses")
    settled = one(decision(), rules, before)
    assert settled.reason.startswith("snoozed: patient-refuses")
    assert settled.suppressed_because == "snoozed"
    assert one(decision(user="Practitioner/u2"), rules, before).status == colleague
    assert one(decision(), rules, said(at=NOON - 90 * 24 * HOUR, declined="patient-refuses")).status == "shown"
    assert one(decision(), rules, said(declined="limited-time")).status == "shown"
    assert one(decision(), rules, said()).status == "shown"


EVERYTHING = quiet(once_per_encounter=True, snooze={"limited-time": Snoozed(24 * HOUR, False)})


def test_a_higher_band_breaks_through_everything_that_was_said() -> None:
    """The patient is worse: cool-down, encounter and snooze were about something less."""
    told = said(declined="limited-time")
    assert one(decision(band="emergency"), EVERYTHING, told).status == "shown"
    assert one(decision(band="high"), EVERYTHING, told).status == "suppressed"
    assert one(decision(band="medium"), EVERYTHING, told).status == "suppressed"


def test_a_band_that_the_policy_no_longer_has_silences_nothing() -> None:
    """After a change of policy nobody can say that the old name was as bad."""
    assert one(decision(), EVERYTHING, said(band="of-last-year")).status == "shown"
    assert one(decision(band="new"), EVERYTHING, said(band="new")).status == "shown"


def test_the_retry_of_a_lost_answer_is_answered_again() -> None:
    """The same hookInstance is the same call: nobody saw its first card, whatever was said since, cap or not."""
    again = decision()
    told = [said(instance=again.hook_instance), said(band="emergency", declined="limited-time")]
    rules = msgspec.structs.replace(EVERYTHING, cards_per_hour=1)
    assert one(again, rules, *told, cards=1).status == "shown"


def test_two_calls_in_one_batch_show_one_card() -> None:
    """The cool-down holds among calls that are committed together."""
    settled = settle([decision(), decision(), decision(patient="p2")], [quiet()] * 3, {}, {})
    assert [one.status for one in settled] == ["shown", "suppressed", "shown"]


def test_two_hospitals_may_share_an_id() -> None:
    """What was said of another issuer's or tenant's patient of the same id says nothing of this one."""
    batch = [decision(issuer="a"), decision(issuer="b"), decision(issuer="a", tenant="t")]
    assert [one.status for one in settle(batch, [quiet()] * 3, {}, {})] == ["shown"] * 3


def test_what_is_not_shown_neither_cools_nor_is_cooled() -> None:
    """A silent, masked or abstained decision keeps its own reason, and starts no cool-down."""
    batch = [decision(status="silent"), decision(status="masked"), decision()]
    settled = settle(batch, [quiet()] * 3, {}, {})
    assert [one.status for one in settled] == ["silent", "masked", "shown"]


def test_over_the_cap_a_card_is_marked_so() -> None:
    """The first so many of an hour are shown; the next is not, and the next hour begins anew."""
    rules = quiet(cool_down=0, cards_per_hour=2)
    batch = [decision(patient=f"p{n}") for n in range(4)] + [decision(at=NOON + HOUR)]
    settled = settle(batch, [rules] * 5, {}, {("tea-time", NOON // HOUR): 1})
    assert [one.status for one in settled] == ["shown", "suppressed", "suppressed", "suppressed", "shown"]
    assert {one.suppressed_because for one in settled[1:4]} == {"cap"}


def test_the_rules_of_a_policy_are_made_once() -> None:
    """Hours become microseconds, a bare number silences who declined; a policy that asks for nothing has no rules."""
    policy = Policy.model_validate(
        {
            "bands": [{"name": "high", "when": "risk > 0.2", "card": "c"}, {"name": "usual", "when": "risk >= 0"}],
            "cooldown_hours": 1.5,
            "cooldown_per": "clinician",
            "snooze": {"limited-time": 2, "patient-refuses": {"hours": 2160, "per": "patient"}},
            "circuit_breaker": {"cards_per_hour": 30},
        }
    )
    assert quiet_of(policy) == Quiet(
        bands=("high", "usual"),
        cool_down=MICROSECONDS_PER_HOUR * 3 // 2,
        per_clinician=True,
        snooze={
            "limited-time": Snoozed(2 * MICROSECONDS_PER_HOUR, True),
            "patient-refuses": Snoozed(2160 * MICROSECONDS_PER_HOUR, False),
        },
        cards_per_hour=30,
    )
    bare = Policy.model_validate({"bands": [{"name": "usual", "when": "risk >= 0"}], "cooldown_hours": 0})
    assert quiet_of(bare) is None


RULES = st.builds(
    Quiet,
    bands=st.just(BANDS),
    cool_down=st.integers(0, 48).map(lambda hours: hours * HOUR),
    per_clinician=st.booleans(),
    once_per_encounter=st.booleans(),
    snooze=st.dictionaries(
        st.sampled_from(["limited-time", "patient-refuses"]),
        st.builds(Snoozed, st.integers(1, 200).map(lambda hours: hours * HOUR), st.booleans()),
    ),
)
CALLS = st.lists(
    st.builds(
        dict,
        index_at=st.integers(0, 100).map(lambda hour: NOON + hour * HOUR),
        patient=st.sampled_from(["p1", "p2"]),
        user=st.sampled_from(["", "Practitioner/u1", "Practitioner/u2"]),
        encounter=st.sampled_from(["", "e1", "e2"]),
        band=st.sampled_from(BANDS),
        hook_instance=st.sampled_from([f"call-{n}" for n in range(30)]),
    ),
    max_size=30,
).map(lambda calls: sorted(calls, key=lambda call: call["index_at"]))


def decided(calls: Sequence[Mapping[str, Any]]) -> list[Decision]:
    """A decision that is due for each call."""
    return [decision(**call) for call in calls]


@given(CALLS, RULES)
def test_a_first_card_and_a_higher_band_are_never_hidden(calls: list[dict[str, Any]], rules: Quiet) -> None:
    """Whatever the rules: what is worse than all that was said of this patient is shown; so is the same call again."""
    settled = settle(decided(calls), [rules] * len(calls), {}, {})
    for place, now in enumerate(settled):
        before = [one for one in settled[:place] if one.patient == now.patient and one.status == "shown"]
        worst = min((BANDS.index(one.band) for one in before), default=len(BANDS))
        if BANDS.index(now.band) < worst or any(one.hook_instance == now.hook_instance for one in before):
            assert now.status == "shown"


@given(CALLS, RULES, st.integers(0, 30))
def test_where_the_batches_are_cut_changes_nothing(calls: list[dict[str, Any]], rules: Quiet, cut: int) -> None:
    """Calls in one order become the same, committed together or in two transactions with a look-up between."""
    batch = decided(calls)
    together = settle(batch, [rules] * len(batch), {}, {})
    first = settle(batch[:cut], [rules] * len(batch[:cut]), {}, {})
    known: dict[Key, list[Said]] = {}
    for shown in first:
        if shown.status == "shown":
            known.setdefault(key_of(shown), []).append(
                said(
                    at=shown.index_at, instance=shown.hook_instance, user=shown.user, encounter=shown.encounter,
                    band=shown.band,
                )
            )  # fmt: skip
    second = settle(batch[cut:], [rules] * len(batch[cut:]), known, {})
    assert [one.status for one in first + second] == [one.status for one in together]


@given(CALLS, st.integers(1, 48))
def test_no_two_cards_of_one_patient_and_band_are_closer_than_the_cool_down(
    calls: list[dict[str, Any]], hours: int
) -> None:
    """Whatever comes in order of time, cards of one band keep their distance, but for the same call again."""
    batch = decided([call | {"hook_instance": f"call-{n}"} for n, call in enumerate(calls)])
    settled = settle(batch, [quiet(cool_down=hours * HOUR)] * len(batch), {}, {})
    last: dict[tuple[str, str], int] = {}
    for now in settled:
        if now.status == "shown":
            key = now.patient, now.band
            assert now.index_at - last.get(key, NOON - 1000 * HOUR) >= hours * HOUR
            last[key] = now.index_at


@given(CALLS, RULES, st.integers(0, 5))
def test_every_suppression_says_why(calls: list[dict[str, Any]], rules: Quiet, cap: int) -> None:
    """What is not shown has one of the bounded reasons, and keeps its card."""
    rules = msgspec.structs.replace(rules, cards_per_hour=cap)
    for now in settle(decided(calls), [rules] * len(calls), {}, {}):
        if now.status != "shown":
            assert now.reason.partition(":")[0] in SUPPRESSED_BY
            assert now.suppressed_because in SUPPRESSED_BY
            assert now.card is not None
