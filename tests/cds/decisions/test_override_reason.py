"""A reason for an override is read in every shape seen, and is never more than a bounded word in a count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.decisions.override_reason import bounded_code, code_of, decoded
from services.guidance.words.override_reasons import OVERRIDE_REASONS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner),
)


@pytest.mark.parametrize(
    ("given_reason", "code", "bounded"),
    [
        ({"reason": {"code": "limited-time", "system": "s"}, "userComment": "busy"}, "limited-time", "limited-time"),
        ({"code": "patient-refuses", "system": "s"}, "patient-refuses", "patient-refuses"),
        ({"reason": "patient-refuses"}, "patient-refuses", "patient-refuses"),
        ({"reason": {"code": "ACK-7"}}, "ACK-7", "other"),
        ({"userComment": "no"}, "", "none"),
        ({"reason": {"code": 7}}, "", "none"),
        (None, "", "none"),
    ],
)
def test_the_code_is_found(given_reason: Any, code: str, bounded: str) -> None:
    """As the specification has it, bare, or not at all."""
    assert (code_of(given_reason), bounded_code(given_reason)) == (code, bounded)


@given(JSON)
def test_whatever_is_sent_a_count_knows_its_word(given_reason: Any) -> None:
    """No client can make a new label."""
    assert bounded_code(given_reason) in {*OVERRIDE_REASONS, "other", "none"}


@pytest.mark.parametrize("text", [None, "", "{", "7"])
def test_a_text_that_is_no_reason_is_none(text: str | None) -> None:
    """What the log holds is read without a fault."""
    assert bounded_code(decoded(text)) == "none"
