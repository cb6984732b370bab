"""The resources of a JSON document: a Bundle of any type, one resource, or NDJSON under the wrong name.

Inside a Bundle, `urn:uuid:` references mean the entries by their full URL; they become `Type/id` before flattening.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from services.timeline.resources import Skip

_URN: Final = re.compile(rb'"reference"\s*:\s*"(urn:[^"\\]+)"')


class _Named(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    id: str = ""


class _Request(msgspec.Struct):
    method: str = ""


class _Entry(msgspec.Struct, rename="camel"):
    full_url: str = ""
    resource: msgspec.Raw = msgspec.Raw(b"null")  # a union with None would not take an object
    request: _Request | None = None


class _Bundle(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    entry: list[_Entry] = []


_bundle = msgspec.json.Decoder(_Bundle)
_named = msgspec.json.Decoder(_Named)


def resources_of(data: bytes | msgspec.Raw) -> Iterator[tuple[str, bytes | msgspec.Raw, str]]:
    """Place, JSON and, where the resource does not give it itself, id of each resource; raises Skip if none can be read.

    A place is `entry 3`, or "" where the document is one resource.
    """
    try:
        named = _named.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Skip("broken JSON") from None
    if named.resource_type != "Bundle":
        yield "", data, ""
        return
    try:
        entries = _bundle.decode(data).entry
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Skip("Bundle: entries that cannot be read") from None
    known: dict[bytes, bytes] = {}
    names: list[str] = []
    for entry in entries:
        name = _name_of(entry)
        names.append(name)
        if name and entry.full_url.startswith("urn:"):
            known[entry.full_url.encode()] = name.encode()
    for number, (entry, name) in enumerate(zip(entries, names, strict=True), start=1):
        if bytes(entry.resource) == b"null" or (
            entry.request is not None and entry.request.method in {"DELETE", "PATCH"}
        ):
            continue
        content: bytes | msgspec.Raw = entry.resource
        if known:
            content = _URN.sub(lambda m: b'"reference":"' + known.get(m[1], m[1]) + b'"', bytes(content))
        yield f"entry {number}", content, name.partition("/")[2]


def _name_of(entry: _Entry) -> str:
    """`Type/id` of an entry; a resource that is still to get its id is known by its full URL."""
    try:
        named = _named.decode(entry.resource)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    own = named.id or entry.full_url.rpartition(":")[2].rpartition("/")[2]
    return f"{named.resource_type}/{own}" if named.resource_type and own else ""
