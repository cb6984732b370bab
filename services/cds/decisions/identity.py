"""A decision's id: a UUID of version 7, so that one key is identity, time, day and the order of reading (RFC 9562, 5.7).

It is its card's uuid too. The first 48 bits say the millisecond, 74 are random: nobody guesses another's. New ids go to
the end of the key, so that keeping one costs the same after a thousand and after a million; a span of time is a range.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from services.plumbing.random_bytes import sixteen_bytes

MICROSECONDS_PER_DAY: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_LOW_62: Final = (1 << 62) - 1
_LOW_12: Final = (1 << 12) - 1


def new_id(at: int) -> str:
    """A new id for what was decided at `at` (microseconds since 1970 UTC)."""
    random = int.from_bytes(sixteen_bytes()[:10], "big")
    number = at // 1000 << 80 | _VERSION_7 | (random >> 62 & _LOW_12) << 64 | _VARIANT | random & _LOW_62
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def first_id(at: int) -> str:
    """What sorts before every id of this millisecond and after every earlier one."""
    digits = f"{max(at, 0) // 1000:012x}"
    return f"{digits[:8]}-{digits[8:]}"


def day_of(at: int) -> int:
    """The day (UTC), counted from 1970-01-01."""
    return at // MICROSECONDS_PER_DAY


def first_of_day(day: int) -> str:
    """What sorts before every id of this day."""
    return first_id(day * MICROSECONDS_PER_DAY)


def microseconds(moment: datetime) -> int:
    """A moment as the log counts time."""
    return round((moment.astimezone(UTC) - _EPOCH).total_seconds() * 1_000_000)
