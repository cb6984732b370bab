"""Feedback as clients send it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.decisions.feedback import MOST, read_feedback
from services.cds.decisions.records import Feedback
from services.timeline.errors import BadInput
from tests.cds.records import NOON

SPEC = {
    "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "outcome": "overridden",
    "overrideReason": {
        "reason": {"code": "d7ecf885", "system": "https://example.com/cds-hooks/override-reason-system"},
        "userComment": "clinician entered comment",
    },
    "outcomeTimestamp": "2020-12-11T00:00:00Z",
}


def read(*entries: Any) -> list[Feedback]:
    """The entries that were kept."""
    return read_feedback(json.dumps({"feedback": list(entries)}).encode(), service="tea-time", now=NOON)[0]


def test_the_specifications_example_is_read() -> None:
    """Reason, comment, time."""
    said = read(SPEC)[0]
    assert said.card_uuid == SPEC["card"]
    assert said.override_reason == SPEC["overrideReason"]
    assert (said.comment, said.at) == ("clinician entered comment", 1_607_644_800_000_000)
    assert json.loads(said.raw) == SPEC


def test_epics_dialect_is_read() -> None:
    """`overrideReasons` as one object, an id that is no UUID, no time."""
    said = read({"card": "card-17", "outcome": "overridden", "overrideReasons": {"reason": {"code": "1"}}})[0]
    assert (said.override_reason, said.at) == ({"reason": {"code": "1"}}, NOON)
    odd = read({"card": "card-17", "outcome": "overridden", "overrideReasons": ["1"]})[0]
    assert odd.override_reason is None
    assert "overrideReasons" in odd.raw


def test_a_repeat_is_known_as_one_however_it_is_spelt() -> None:
    """Idempotent: key order and spaces do not make it new, another service does."""
    one = read(SPEC)[0]
    again = read(dict(reversed(SPEC.items())))[0]
    other = read_feedback(json.dumps({"feedback": [SPEC]}).encode(), service="coffee", now=NOON)[0][0]
    assert one.feedback == again.feedback != other.feedback


def test_accepted_suggestions_are_kept() -> None:
    """Which buttons were pressed."""
    said = read({"card": "c", "outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}, {"id": "s2"}]})[0]
    assert said.accepted_suggestions == ["s1", "s2"]


def test_one_bad_entry_does_not_cost_the_others() -> None:
    """The good are kept, the bad are named by their place."""
    body = json.dumps({"feedback": [SPEC, {"card": "x"}, {"card": "y", "outcome": "ignored"}, 7]}).encode()
    kept, faults = read_feedback(body, service="tea-time", now=NOON)
    assert len(kept) == 1
    assert [fault.split(":")[0] for fault in faults] == ["feedback[1]", "feedback[2]", "feedback[3]"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"feedback":{}}', b'{"feedback":null}', b"\xff"])
def test_a_body_that_is_no_feedback_is_bad_input(body: bytes) -> None:
    """The object with its array is required."""
    with pytest.raises(BadInput):
        read_feedback(body, service="tea-time", now=NOON)


def test_a_batch_is_bounded() -> None:
    """Nobody fills the database with one call."""
    with pytest.raises(BadInput, match="more than"):
        read(*[SPEC] * (MOST + 1))


anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["card", "outcome", "acceptedSuggestions", "overrideReason", "outcomeTimestamp", "x"]),
            anything | st.sampled_from(["accepted", "overridden", "2020-01-01"]),
        ),
        max_size=4,
    )
)
def test_whatever_is_sent_each_entry_is_kept_or_named(entries: list[dict[str, Any]]) -> None:
    """No entry vanishes, none breaks the call."""
    kept, faults = read_feedback(json.dumps({"feedback": entries}).encode(), service="tea-time", now=NOON)
    assert len(kept) + len(faults) == len(entries)
