"""Codes by time are those of RFC 6238, good for a minute and a half around now, and each once."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.plumbing.one_time_codes import SECONDS, address, code_at, new_secret, step_of

RFC = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)  # fmt: skip
def test_the_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    """Appendix B, the last six of its eight digits."""
    moment = datetime.fromtimestamp(seconds, UTC)
    assert code_at(RFC, moment) == code
    assert step_of(RFC, code, at=moment) == seconds // SECONDS


@given(st.integers(min_value=-300, max_value=300))
def test_a_code_is_taken_one_step_early_or_late_and_no_more(off: int) -> None:
    """A telephone's clock may differ by half a minute."""
    there = NOW + timedelta(seconds=off)
    steps = int(there.timestamp()) // SECONDS - int(NOW.timestamp()) // SECONDS
    found = step_of(RFC, code_at(RFC, there), at=NOW)
    assert (found is not None) == (abs(steps) <= 1)


def test_a_code_is_good_once() -> None:
    """Neither it nor an earlier one is taken after it."""
    step = step_of(RFC, code_at(RFC, NOW), at=NOW)
    assert step is not None
    assert step_of(RFC, code_at(RFC, NOW), at=NOW, after=step) is None
    assert step_of(RFC, code_at(RFC, NOW - timedelta(seconds=SECONDS)), at=NOW, after=step) is None
    later = NOW + timedelta(seconds=SECONDS)
    assert step_of(RFC, code_at(RFC, later), at=later, after=step) == step + 1


@given(st.text(max_size=12))
def test_what_is_no_code_is_none(text: str) -> None:
    """Whatever was typed; digits of other scripts too."""
    taken = {code_at(RFC, NOW + timedelta(seconds=off)) for off in (-SECONDS, 0, SECONDS)}
    assert text in taken or step_of(RFC, text, at=NOW) is None


def test_a_secret_is_random_and_its_address_is_what_apps_open() -> None:
    """160 bits; names are escaped."""
    assert len({new_secret() for _ in range(10)}) == 10
    assert len(base64.b32decode(new_secret())) == 20
    shown = address(RFC, account="A. Roy & more", issuer="Knowdo registry")
    assert shown.startswith("otpauth://totp/Knowdo%20registry:A.%20Roy%20%26%20more?")
    assert f"secret={RFC}" in shown
