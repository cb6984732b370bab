"""FHIR dates and times as int64 microseconds since 1970 UTC. What cannot be a time is NAT, never an error.

Partial dates mean the start of their period; a time without a zone is UTC. A FHIR `date` is compared by that
start, so an event of "2024-05-01" happened at midnight.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from services.timeline.remembered import Remembered

NAT: Final = -(2**63)
"""No time: missing, open, or impossible. The smallest int64, as in numpy's NaT."""
ALWAYS: Final = NAT + 1
"""Before every time: what was always known."""
FOREVER: Final = 2**63 - 1
"""After every time: what is not known yet, or never ends."""

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
LONGEST_TIME: Final = 40
"""What is longer is no time."""
_SECONDS_A_DAY: Final = 86_400

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_BARE = _EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)


def parse_instant(text: str) -> int:
    """Microseconds since 1970 UTC of a FHIR date, dateTime or instant; NAT if it is none."""
    return INSTANTS[text]


def _parse(text: str) -> int:
    if len(text) > LONGEST_TIME:
        return NAT
    try:
        since = _since_epoch(text)
    except ValueError:
        return _parse_odd(text)
    return (since.days * _SECONDS_A_DAY + since.seconds) * SECOND + since.microseconds


def _parse_odd(text: str) -> int:
    """What Python's calendar does not read as it stands: partial dates, blanks around a time, leap seconds."""
    text = text.strip()
    if len(text) == 4 and text.isdecimal():
        text += "-01-01"
    elif len(text) == 7 and text[4] == "-":
        text += "-01"
    leap = 0
    if text[16:19] == ":60":  # FHIR allows leap seconds, Python does not
        text, leap = f"{text[:16]}:59{text[19:]}", SECOND
    try:
        return _since_epoch(text) // _MICROSECOND + leap
    except ValueError:
        return NAT


def _since_epoch(text: str) -> timedelta:
    moment = datetime.fromisoformat(text)
    # What has no zone is taken as UTC by a bare difference: to give it one takes twice as long as all else here.
    return moment - (_EPOCH if moment.tzinfo is not None else _EPOCH_BARE)


# The times of one patient repeat: effective = issued = the encounter's. A larger memory than these few is slower.
INSTANTS: Final = Remembered(_parse, most=1 << 11, longest=LONGEST_TIME)
"""`parse_instant` for the hot loops, without the call."""


def instant_text(instant: int) -> str:
    """The FHIR instant of a time, in UTC; "" for NAT, ALWAYS, FOREVER and what no calendar holds."""
    try:
        moment = _EPOCH + timedelta(microseconds=instant)
    except OverflowError:
        return ""
    return moment.isoformat().replace("+00:00", "Z")
