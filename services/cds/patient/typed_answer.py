"""The quick way to read a prefetch value: one pass from bytes to resources, where everything is as FHIR has it.

Nearly every answer is. Whatever is not (a type that is not read, an outcome among the entries, an odd element, a wrapper)
is left to `prefetch_shapes`, which takes it part by part: the result is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from services.cds.patient.prefetch_shapes import UNREADABLE
from services.timeline.resources import Resource


class _Search(msgspec.Struct, gc=False):
    mode: str | None = None


class _Entry(msgspec.Struct, gc=False):
    resource: Resource
    search: _Search | None = None


class _Link(msgspec.Struct, gc=False):
    relation: str | None = None


class _Bundle(msgspec.Struct, gc=False, tag_field="resourceType", tag="Bundle"):
    entry: list[_Entry] = []
    total: int | None = None
    link: list[_Link] = []


class TypedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The resources of one answer, read. The rest is as in `prefetch_shapes.Answered`."""

    resources: Sequence[Resource]
    searched: bool
    total: int | None = None
    more: bool = False


_VALUE: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Resource | _Bundle)


def read_typed(raw: msgspec.Raw) -> TypedAnswer | None:
    """The answer if all of it fits as it is, else None."""
    try:
        value = _VALUE.decode(raw)
    except UNREADABLE:
        return None
    if type(value) is not _Bundle:
        return TypedAnswer(resources=(value,), searched=False)
    entries = value.entry
    if any(entry.search is not None and entry.search.mode == "outcome" for entry in entries):
        return None
    return TypedAnswer(
        resources=[entry.resource for entry in entries],
        searched=True,
        total=value.total,
        more=any(link.relation == "next" for link in value.link),
    )
