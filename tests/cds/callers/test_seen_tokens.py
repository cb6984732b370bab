"""The replay memory of a process: complete while a token lives, and no longer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.cds.callers.seen_tokens import SeenTokens
from services.cds.decisions.decision_log import Token

uses = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 120), st.integers(0, 300)), max_size=40)


def token(jti: str, expires_at: int, iss: str = "ehr") -> Token:
    """A token that ends then."""
    return Token(iss=iss, jti=jti, expires_at=expires_at)


@given(uses)
def test_a_token_is_new_once_while_it_lives(calls: list[tuple[int, int, int]]) -> None:
    """Against a memory that forgets nothing: a living token is never new twice, one that was never used always is."""
    seen, now, ends = SeenTokens(), 1_000_000, dict[int, int]()
    for name, later, life in calls:
        now += later
        new = seen.first_use(token(str(name), now + life), now=now)
        if name not in ends:
            assert new
        elif ends[name] >= now:
            assert not new
        if new:
            ends[name] = now + life


def test_what_has_ended_is_forgotten() -> None:
    """An hour at a hundred tokens a second leaves an hour's tokens, not a day's."""
    seen = SeenTokens()
    for second in range(0, 86_400, 60):
        for one in range(10):
            assert seen.first_use(token(f"{second}-{one}", second + 300), now=second)
    assert len(seen) <= 7 * 10


def test_the_tokens_of_an_earlier_process_are_taken_over() -> None:
    """And another issuer's of the same name are not meant."""
    seen = SeenTokens()
    seen.take_over([token("1", 100), token("2", 100), token("1", 100)])
    assert not seen.first_use(token("1", 100), now=50)
    assert seen.first_use(token("1", 100, iss="other"), now=50)
    assert len(seen) == 3
