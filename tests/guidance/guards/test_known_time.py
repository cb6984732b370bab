"""services/guidance/guards/known_time.py."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from services.guidance.errors import Refused
from services.guidance.features import compile_features, read_features
from services.guidance.guards.known_time import KnownTimeProof, values_of_the_future
from services.timeline.instants import DAY, HOUR
from services.timeline.timeline import index_rows
from tests.guidance.feature_cases import LOINC, VALUE_SETS, at, guidance_with, lab, timeline_of

NOW = at("2024-03-10T12:00:00Z")
HB = {"kind": "last", "from": "Observation.code", "codes": {"tokens": [LOINC + "718-7"]}, "unit": "g/dL"}
PLAN = compile_features(guidance_with({"hb": HB, "first": HB | {"kind": "first"}}), VALUE_SETS, {})


def test_values_are_traced_to_events_that_were_known() -> None:
    """What `read_features` gives at a moment never comes from later; asked for an earlier moment, the trace tells."""
    timeline = timeline_of(
        [lab("718-7", 9, NOW - 2 * DAY, unit="g/dL"), lab("718-7", 8, NOW - DAY, known=NOW, unit="g/dL")]
    )
    matrix = read_features(PLAN, timeline, index_rows(timeline, ["p"], [NOW], [""]))
    assert values_of_the_future(matrix.names, matrix.sources, timeline, np.array([NOW])) == Counter()
    earlier = np.array([NOW - 1])
    assert values_of_the_future(matrix.names, matrix.sources, timeline, earlier) == Counter(hb=1)
    before_all = np.array([NOW - 3 * DAY])
    assert values_of_the_future(matrix.names, matrix.sources, timeline, before_all) == Counter(hb=1, first=1)


def test_no_value_at_all_is_no_value_of_the_future() -> None:
    """Rows without values, and no rows."""
    timeline = timeline_of([lab("718-7", 9, NOW + HOUR, unit="g/dL")])
    matrix = read_features(PLAN, timeline, index_rows(timeline, ["p", "q"], [NOW, NOW], ["", ""]))
    assert values_of_the_future(matrix.names, matrix.sources, timeline, np.array([NOW, NOW])) == Counter()
    none = np.empty((0, 2), dtype=np.int64)
    assert values_of_the_future(matrix.names, none, timeline, np.empty(0, dtype=np.int64)) == Counter()


def test_proofs_of_buckets_add_up() -> None:
    """And an empty one changes nothing."""
    one = KnownTimeProof(future=Counter(hb=1), rows=10, seen=Counter(a=2), awake=Counter(a=9))
    two = KnownTimeProof(future=Counter(hb=2), rows=5, awake=Counter(a=5, b=1))
    both = KnownTimeProof(future=Counter(hb=3), rows=15, seen=Counter(a=2), awake=Counter(a=14, b=1))
    assert one + two == both
    assert sum((one, two), KnownTimeProof()) == both


@pytest.mark.parametrize(
    ("proof", "says"),
    [
        (KnownTimeProof(future=Counter(hb=3)), "3 values of `hb` came from events that were not known"),
        (KnownTimeProof(rows=9, seen=Counter(mean_hb=4), awake=Counter(mean_hb=9)), "In 4 of 9 rows `mean_hb` read"),
        (KnownTimeProof(rows=9), "no canary was read even once it was known: nothing is proved"),
    ],
)
def test_a_failed_proof_refuses_the_training_by_name(proof: KnownTimeProof, says: str) -> None:
    """Refused, not reported: what is learned from the future is worth nothing. The feature is named."""
    with pytest.raises(Refused, match="the training is refused") as refusal:
        proof.must_hold()
    assert says in str(refusal.value)


def test_a_proof_that_holds_says_nothing() -> None:
    """Canaries that were seen once known and not before; or nobody to plant them for."""
    assert KnownTimeProof(rows=9, awake=Counter(hb=9)).faults() == ()
    KnownTimeProof().must_hold()
