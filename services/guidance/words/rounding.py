"""Numbers as a person reads them: half up, whole per 100, per 1,000 below 1 in 100, never "1 in X"."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import cache

HUNDRED = 100
THOUSAND = 1000


def half_up(value: float, decimals: int = 0, *, times: int = 1) -> Decimal:
    """The number (times a whole one) rounded as taught at school: 0.5 up, on its decimal digits, not its binary ones."""
    exact = Decimal(repr(float(value)))
    rounded = (exact if times == 1 else exact * times).quantize(_steps(decimals), rounding=ROUND_HALF_UP)
    return abs(rounded) if rounded == 0 else rounded  # no "-0"


@cache
def _steps(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)


def number(value: float, decimals: int = 0) -> str:
    """`9.8`, `12,000`; thousands are parted from 10,000 on, as a laboratory sheet does."""
    rounded = half_up(value, decimals)
    return f"{rounded:,}" if abs(rounded) >= 10_000 else f"{rounded}"


def percent(share: float) -> str:
    """A share as whole per cent: `28%`; what is possible but rounds to nothing is `<1%`, and to everything `>99%`."""
    whole = half_up(share, times=HUNDRED)
    if whole == 0 and share > 0:
        return "<1%"
    if whole == HUNDRED and share < 1:
        return ">99%"
    return f"{whole}%"


def denominator(*shares: float) -> int:
    """100, or 1,000 when one of the shares (or its complement) is under 1 in 100: never both in one paragraph."""
    return THOUSAND if any(0 < share < 0.01 or 0.99 < share < 1 for share in shares) else HUNDRED


def count_of(share: float, of: int) -> int:
    """How many of `of` people that share is."""
    return int(half_up(share, times=of))


def out_of(share: float, of: int) -> str:
    """`11 of 100`; `fewer than 1 of 1,000`; `all but fewer than 1 of 1,000`."""
    count = count_of(share, of)
    if count == 0 and share > 0:
        return f"fewer than 1 of {of:,}"
    if count == of and share < 1:
        return f"all but fewer than 1 of {of:,}"
    return f"{count:,} of {of:,}"


def with_interval(share: float, interval: tuple[float, float] | None, of: int) -> str:
    """`28 (25 to 31)`: a count of `of` with its interval, or the bare count where none is given."""
    count = f"{count_of(share, of):,}"
    if interval is None:
        return count
    low, high = (count_of(bound, of) for bound in interval)
    return f"{count} ({low:,} to {high:,})"
