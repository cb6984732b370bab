"""Reading a token: whatever comes, it is read or refused, and nothing else happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cds.callers.bearer_token import bearer_of, read_token
from services.cds.callers.refusal import TokenRefused
from tests.cds.callers.tokens import claims, part, token

# NaN and lone surrogates among them: Python's json writes both.
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
HEADER = {"alg": "ES384", "kid": "ec", "typ": "JWT"}


def made(header: Any, payload: Any) -> str:
    """A token with a signature of nothing."""
    return f"{part(json.dumps(header))}.{part(json.dumps(payload))}.AAAA"


def is_read(compact: str) -> bool:
    """Whether it was read; if not, the refusal says nothing of what was in it but names."""
    refused = None
    try:
        read_token(compact)
    except TokenRefused as fault:
        refused = fault
    assert refused is None or (refused.reason == "malformed" and len(refused.message) < 200)
    return refused is None


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text is another kind of fault."""
    assert not is_read(text)


@given(st.tuples(*[st.binary(max_size=30)] * 3))
def test_any_bytes_in_three_parts_are_read_or_refused(parts: tuple[bytes, ...]) -> None:
    """Whatever they decode to."""
    assert not is_read(".".join(map(part, parts)))


@given(st.sampled_from(["iss", "aud", "exp", "iat", "jti", "nbf", "tenant", "sub"]), values)
def test_any_value_of_any_claim_is_read_or_refused(name: str, value: Any) -> None:
    """What is read is of its type, printable, and a number that is one."""
    if not is_read(made(HEADER, claims() | {name: value})):
        return
    read = read_token(made(HEADER, claims() | {name: value})).claims
    assert all(0 <= number <= 1e11 for number in (read.exp, read.iat, read.nbf or 0))
    for text in (read.iss, read.jti, read.tenant or "x"):
        assert text.isprintable()
        assert text.isascii()
        assert text == text.strip()


@given(st.sampled_from(["alg", "kid", "typ", "cty", "jku", "crit", "b64", "jwk", "x5c"]), values)
def test_any_value_of_any_header_member_is_read_or_refused(name: str, value: Any) -> None:
    """An extension that must be understood is refused whatever it is."""
    read = is_read(made(HEADER | {name: value}, claims()))
    assert not read or name not in {"crit", "b64"}


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "jti"])
def test_the_required_claims_are_required(name: str) -> None:
    """Item 50 of the checklist."""
    assert is_read(made(HEADER, claims()))
    assert not is_read(made(HEADER, claims(**{name: None})))


def test_a_token_does_not_show_its_signature() -> None:
    """In a log or a traceback."""
    read = read_token(token())
    assert repr(read.signature) not in repr(read)
    assert "signature" not in repr(read)


@given(st.lists(st.text(max_size=20), max_size=3))
def test_any_headers_give_a_token_or_are_refused(shown: list[str]) -> None:
    """One header, one scheme, one token."""
    reason, compact = "", ""
    try:
        compact = bearer_of(shown)
    except TokenRefused as refused:
        reason = refused.reason
    assert reason == "no-token" or shown[0].lower() == f"bearer {compact.lower()}"
