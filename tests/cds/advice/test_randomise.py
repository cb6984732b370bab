"""Arms are drawn with known probabilities, the same everywhere and for ever, and each trial on its own."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.advice.randomise import NO_TRIAL, NO_UNIT, Assigned, arm_at, assign, place_of
from services.guidance.trial import Arm, Trial, Unit

UNITS = 100_000
SEED = "5f" * 32


def trial(*weights: int, name: str = "tea-1", seed: str = SEED, unit: Unit = "patient") -> Trial:
    """A trial whose arms have these weights; the last one is shown."""
    arms = tuple(
        Arm(name=f"arm-{place}", weight=weight, shows=place == len(weights) - 1) for place, weight in enumerate(weights)
    )
    return Trial(id=name, unit=unit, seed=seed, arms=arms)


def chi_square(observed: Sequence[int], expected: Sequence[float]) -> float:
    """Pearson's statistic."""
    return sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))


@pytest.mark.parametrize("weights", [(1, 1), (1, 9), (1, 2, 4), (3, 97)])
def test_the_probabilities_hold(weights: tuple[int, ...]) -> None:
    """Of 100,000 units each arm gets its share: chi-square below the limit of 1 in 10,000 false alarms."""
    drawn = Counter(arm_at(plan, place_of(plan, f"p{n}")).arm for plan in [trial(*weights)] for n in range(UNITS))
    observed = [drawn[f"arm-{place}"] for place in range(len(weights))]
    expected = [UNITS * weight / sum(weights) for weight in weights]
    limit = {1: 15.14, 2: 18.42}[len(weights) - 1]  # chi-square, upper 0.0001
    assert chi_square(observed, expected) < limit


@pytest.mark.parametrize("other", [trial(1, 1, name="tea-2"), trial(1, 1, seed="60" * 32)])
def test_two_trials_are_independent(other: Trial) -> None:
    """Another id, or another key, and the arms of one say nothing of those of the other (chi-square of the table)."""
    one = trial(1, 1)
    pairs = Counter(
        (arm_at(one, place_of(one, f"p{n}")).arm, arm_at(other, place_of(other, f"p{n}")).arm) for n in range(UNITS)
    )
    assert len(pairs) == 4
    assert chi_square(list(pairs.values()), [UNITS / 4] * 4) < 21.11  # 3 degrees of freedom, upper 0.0001


def test_neighbours_are_independent() -> None:
    """Ids that count up do not alternate, as odd and even record numbers would."""
    plan = trial(1, 1)
    arms = [arm_at(plan, place_of(plan, str(n))).shows for n in range(UNITS)]
    same = sum(one == other for one, other in pairwise(arms))
    assert abs(same - UNITS / 2) < 4 * math.sqrt(UNITS) / 2


def test_the_assignment_never_changes() -> None:
    """As published: HMAC-SHA256 of the length-prefixed trial, unit and id. Whoever has the key can draw it again."""
    message = b"5:tea-17:patient2:p1"
    by_hand = int.from_bytes(hmac.new(bytes.fromhex(SEED), message, hashlib.sha256).digest()[:8], "big")
    assert place_of(trial(1, 1), "p1") == by_hand == 9408571546445629668
    assert {assign(trial(1, 1), patient="p1", encounter=e, clinician=c).arm for e in "xy" for c in "uv"} == {"arm-1"}


@given(st.text(min_size=1, max_size=64), st.lists(st.integers(1, 1000), min_size=1, max_size=8))
def test_every_unit_has_one_arm_and_its_known_probability(unit: str, weights: list[int]) -> None:
    """Any id, any weights: the same arm twice, with weight over sum as its probability."""
    plan = trial(*weights)
    first = assign(plan, patient=unit, encounter="e1", clinician="c1")
    assert first == assign(plan, patient=unit, encounter="", clinician="")
    assert first.probability == weights[int(first.arm.removeprefix("arm-"))] / sum(weights)


@given(st.lists(st.integers(1, 1_000_000), min_size=2, max_size=8))
def test_the_edges_are_exact(weights: list[int]) -> None:
    """An arm begins at the first whole number at or after its share of 2^64, and the last one ends with the last."""
    plan, whole, reached = trial(*weights), sum(weights), 0
    assert arm_at(plan, 0).arm == "arm-0"
    assert arm_at(plan, 2**64 - 1).arm == f"arm-{len(weights) - 1}"
    for place, weight in enumerate(weights[:-1]):
        reached += weight
        edge = -(-(reached << 64) // whole)  # rounded up
        assert (arm_at(plan, edge - 1).arm, arm_at(plan, edge).arm) == (f"arm-{place}", f"arm-{place + 1}")


@pytest.mark.parametrize("unit", ["patient", "encounter", "clinician"])
def test_only_the_unit_decides(unit: Unit) -> None:
    """A trial of clinicians gives all patients of one the same arm; one that is not named is shown, outside the trial."""
    plan = trial(1, 1, unit=unit)
    ids = {"patient": "p1", "encounter": "e1", "clinician": "Practitioner/u1"}
    first = assign(plan, **ids)
    others = {name: f"other-{name}" for name in ids if name != unit}
    assert assign(plan, **(ids | others)) == first
    assert assign(plan, **(ids | {unit: ""})) == NO_UNIT
    assert NO_UNIT.shows


def test_without_a_trial_everyone_is_shown() -> None:
    """With probability 1."""
    assert assign(None, patient="p1", encounter="", clinician="") == NO_TRIAL
    assert Assigned(arm="show", probability=1.0, shows=True) == NO_TRIAL


def test_fields_cannot_run_into_each_other() -> None:
    """A trial `a` of unit `1p` is not a trial `a1` of unit `p`: each field is hashed with its length."""
    assert place_of(trial(1, 1, name="a"), "1p") != place_of(trial(1, 1, name="a1"), "p")
