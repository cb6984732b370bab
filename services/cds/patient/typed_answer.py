"""The quick way to read prefetch values: one pass from bytes to resources, where everything is as FHIR has it.

Nearly every answer is. Whatever is not (a type that is not read, an outcome among the entries, an odd element, a wrapper)
is left to `prefetch_shapes`, which takes it part by part: the result is the same. A call that is as it should be is read
whole in that pass (`schemas`); one odd value in it, and each value is read by itself.
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


NOTHING_THERE: Final = TypedAnswer(resources=(), searched=True)
"""The answer that `null` is: asked, and nothing found."""
Value = Resource | _Bundle
"""A prefetch value as FHIR has it: the resource of a read, or the Bundle of a search."""

_VALUE: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Value)


def read_typed(raw: msgspec.Raw) -> TypedAnswer | None:
    """The answer if all of it fits as it is, else None."""
    try:
        return typed_answer(_VALUE.decode(raw))
    except UNREADABLE:
        return None


def typed_answer(value: Value) -> TypedAnswer | None:
    """The answer that a value is; None if an outcome stands among its resources, for what it says must be read."""
    if not isinstance(value, _Bundle):
        return TypedAnswer(resources=(value,), searched=False)
    resources = []
    for entry in value.entry:
        if (search := entry.search) is not None and search.mode == "outcome":
            return None
        resources.append(entry.resource)
    more = bool(value.link) and any(link.relation == "next" for link in value.link)
    return TypedAnswer(resources=resources, searched=True, total=value.total, more=more)
