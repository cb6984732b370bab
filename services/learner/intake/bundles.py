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

_DELETED: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,39}/[A-Za-z0-9.-]{1,64})$")


class _Named(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    id: str = ""


class _Request(msgspec.Struct):
    method: str = ""
    url: str = ""


class _Response(msgspec.Struct, rename="camel"):
    last_modified: str = ""


class _Entry(msgspec.Struct, rename="camel"):
    full_url: str = ""
    resource: msgspec.Raw = msgspec.Raw(b"null")  # a union with None would not take an object
    request: _Request | None = None
    response: _Response | None = None


class _Meta(msgspec.Struct, rename="camel"):
    last_updated: str = ""


class _Bundle(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    entry: list[_Entry] = []
    timestamp: str = ""
    meta: _Meta | None = None


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


def deletions_of(data: bytes | msgspec.Raw) -> Iterator[tuple[str, str, str]]:
    """Place, `Type/id` and time of each resource that a Bundle says was deleted; the time is "" if it says none.

    So a bulk export tells of deletions, and so does a history. The name is "" where the request names no one resource.
    """
    try:
        bundle = _bundle.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    at = bundle.timestamp or (bundle.meta.last_updated if bundle.meta is not None else "")
    for number, entry in enumerate(bundle.entry, start=1):
        if entry.request is not None and entry.request.method == "DELETE":
            found = _DELETED.search(entry.request.url)
            when = entry.response.last_modified if entry.response is not None else ""
            yield f"entry {number}", found[1] if found else "", when or at


def _name_of(entry: _Entry) -> str:
    """`Type/id` of an entry; a resource that is still to get its id is known by its full URL."""
    try:
        named = _named.decode(entry.resource)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    own = named.id or entry.full_url.rpartition(":")[2].rpartition("/")[2]
    return f"{named.resource_type}/{own}" if named.resource_type and own else ""
