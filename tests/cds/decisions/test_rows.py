"""A decision as a row: whatever the service can decide comes back bit for bit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.cds.decisions.decision import LATENCY_PARTS, Decision
from services.cds.decisions.rows import COLUMNS, decision_of, key_of, names_of, row_of
from tests.cds.records import decision

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(max_size=30)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """Any decision: some features, each with a state; some have a source, some contribute."""
    names = draw(st.lists(TEXTS, unique=True, max_size=8))
    some = st.lists(st.sampled_from(names), unique=True).map(sorted) if names else st.just([])
    states = {name: draw(st.sampled_from(["value", "absent", "unknown"])) for name in names}
    return decision(
        features={name: draw(NUMBERS) if states[name] == "value" else None for name in names},
        states=states,
        sources={name: draw(TEXTS) for name in draw(some)},
        contributions={name: draw(NUMBERS) for name in draw(some)},
        risks=draw(st.dictionaries(TEXTS, st.none() | NUMBERS, max_size=3)),
        risk=draw(st.none() | NUMBERS),
        reason=draw(TEXTS),
        system_actions=draw(
            st.none() | st.lists(st.fixed_dictionaries({"description": TEXTS}), min_size=1, max_size=2)
        ),
        latency=draw(st.dictionaries(st.sampled_from(LATENCY_PARTS), st.integers(0, 10**9))),
    )


@given(decisions())
def test_what_is_kept_comes_back(kept: Decision) -> None:
    """Row and back is the same decision, every number to the last bit."""
    names = names_of(kept)
    row = dict(zip(COLUMNS, row_of(kept, names, key_of(names)), strict=True))
    assert decision_of(row, names) == kept


def test_a_feature_set_is_known_by_names_and_order() -> None:
    """Other names or another order have another key."""
    assert len({key_of(()), key_of(("a", "b")), key_of(("b", "a")), key_of(("ab",))}) == 4


def test_a_contribution_of_no_feature_is_not_lost() -> None:
    """A model's input that the release does not list is kept all the same."""
    odd = decision(contributions={"age": 0.5, "elsewhere": 0.1})
    names = names_of(odd)
    row = dict(zip(COLUMNS, row_of(odd, names, key_of(names)), strict=True))
    assert decision_of(row, names).contributions == odd.contributions
