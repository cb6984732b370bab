"""One prefetch query, whom it serves, and how far back an answer to it reaches.

An answer that was cut off holds the newest rows only: what is older is unknown, never absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import msgspec

from services.timeline.instants import ALWAYS, DAY, FOREVER, NAT, parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One prefetch query, and whom it serves."""

    name: str
    template: str
    resource_type: str
    count: int | None = None
    """Rows asked for; None = a read."""
    sort: str | None = None
    codes: tuple[str, ...] = ()
    """Exact `system|code` tokens; none = every code."""
    required: bool = False
    """A required feature reads it: without it there is no answer."""
    features: tuple[str, ...] = ()


class Answer(Protocol):
    """One query's answer as it arrived."""

    @property
    def resources(self) -> Sequence[bytes | msgspec.Raw]:
        """The resources, in the order in which they came; none that is left out."""

    @property
    def searched(self) -> bool:
        """It was the result of a search, not a single resource."""

    @property
    def total(self) -> int | None:
        """How many there are in all, if it was said."""

    @property
    def more(self) -> bool:
        """There is a next page that was not read."""


def coverage_of(query: Query, answer: Answer) -> int:
    """From when on an answer holds everything: ALWAYS if it is complete, FOREVER if it says nothing of what it lacks."""
    if query.count is None:
        return ALWAYS  # a read: what was found, or nothing there
    if not answer.searched and answer.resources:
        return FOREVER  # one resource where a search was asked for
    if not is_cut(query, len(answer.resources), more=answer.more, total=answer.total):
        return ALWAYS
    return covered_since(query, [_happened(resource, query.resource_type) for resource in answer.resources])


def covered_since(query: Query, happened: Sequence[tuple[int, int]]) -> int:
    """From when on the answer is complete, of which only the newest rows came; (start, end) of each in their order.

    What was cut off is no later than the last that came, but may be of the very same moment.
    """
    dated = [(start, end) for start, end in happened if start != NAT or end != NAT]
    if query.sort is None or not dated:
        return FOREVER
    # Servers sort periods by their start or by their end. The end is the later of the two: safe either way.
    starts = [start if start != NAT else end for start, end in dated]
    ends = [end if end != NAT else FOREVER for _, end in dated]
    last = min(ends)
    if last == FOREVER:
        return FOREVER
    if _descending(starts) or _descending(ends):
        return last + 1
    # A date without a time may stand before or after the times of its day.
    if _descending([start // DAY for start in starts]) or _descending([end // DAY for end in ends]):
        return (last // DAY + 1) * DAY
    return FOREVER  # not sorted as asked


def is_cut(query: Query, came: int, *, more: bool, total: int | None) -> bool:
    """Whether rows were left out: a next page, a larger total, or, where none is said, a page filled to the last row."""
    if more:
        return True
    if total is not None:
        return total > came
    return came > 0 and query.count is not None and came % query.count == 0


def _descending(moments: Sequence[int]) -> bool:
    return all(newer >= older for newer, older in pairwise(moments))


class _Period(msgspec.Struct, gc=False):
    start: str | None = None
    end: str | None = None


class _Dated(msgspec.Struct, rename="camel", gc=False):
    """What a search by date looks at, in R4 and R5 (which spells `occurence` so)."""

    period: _Period | None = None
    actual_period: _Period | None = None
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: _Period | None = None
    performed_date_time: str | None = None
    performed_period: _Period | None = None
    occurrence_date_time: str | None = None
    occurrence_period: _Period | None = None
    occurence_date_time: str | None = None
    occurence_period: _Period | None = None
    authored_on: str | None = None


_DATED: Final = msgspec.json.Decoder(_Dated)
_SORTED_BY: Final = {
    "Encounter": ("period", "actual_period"),
    "Observation": ("effective_date_time", "effective_instant", "effective_period"),
    "DiagnosticReport": ("effective_date_time", "effective_period"),
    "MedicationAdministration": (
        "effective_date_time", "effective_period", "occurence_date_time", "occurence_period",
        "occurrence_date_time", "occurrence_period",
    ),
    "Procedure": ("performed_date_time", "performed_period", "occurrence_date_time", "occurrence_period"),
    "Immunization": ("occurrence_date_time",),
    "MedicationRequest": ("authored_on",),
    "ServiceRequest": ("authored_on",),
}  # fmt: skip
"""Resource type → the elements that its search is sorted by; the first that is there is meant."""


def _happened(resource: bytes | msgspec.Raw, resource_type: str) -> tuple[int, int]:
    """Start and end of what a resource is sorted by; NAT, NAT if it has no such date."""
    try:
        dated = _DATED.decode(resource)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NAT, NAT
    for element in _SORTED_BY.get(resource_type, ()):
        match getattr(dated, element):
            case str(text):
                moment = parse_instant(text)
                return moment, moment
            case _Period(start=start, end=end):
                return (parse_instant(start) if start else NAT), (parse_instant(end) if end else NAT)
    return NAT, NAT
