"""One prefetch value, whatever its shape: not asked, asked and nothing there, failed, or resources.

Right by the specification: a resource for a read, a searchset Bundle for a search, `null`, an OperationOutcome. Met in
the wild and understood: Bundles of any type or none, `{response, resource}` around either, bare arrays, outcome entries
among the resources. What is none of these failed: an HTML page arrived as prefetch once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

Raw = msgspec.Raw
NULL: Final = Raw(b"null")
DEEPEST: Final = 3  # wrappers around wrappers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a client (or a server) answered to one query."""

    state: Literal["nothing", "failed", "answered"]
    resources: tuple[Raw, ...] = ()
    searched: bool = False
    """It was a Bundle or an array: what is not in it may be absent. A single resource says nothing of others."""
    total: int | None = None
    more: bool = False
    """There is a next page that was not read."""
    following: str = ""
    """Where the next page is, if that is said."""


NOTHING: Final = Answered(state="nothing", searched=True)
FAILED: Final = Answered(state="failed")


class _Search(msgspec.Struct, gc=False):
    mode: str | None = None


class _Entry(msgspec.Struct, gc=False):
    resource: Raw = NULL
    search: _Search | None = None


class _Link(msgspec.Struct, gc=False):
    relation: str | None = None
    url: Any = None


class _Bundle(msgspec.Struct, gc=False):
    resourceType: str | None = None  # noqa: N815 (as in FHIR)
    entry: list[_Entry | None] | None = None
    link: list[_Link | None] | None = None
    total: int | None = None
    resource: Raw = NULL
    response: Raw = NULL
    issue: Raw = NULL


class _Issue(msgspec.Struct, gc=False):
    severity: Any = None


_BUNDLE: Final = msgspec.json.Decoder(_Bundle)
_PARTS: Final = msgspec.json.Decoder(dict[str, Raw])
_LIST: Final = msgspec.json.Decoder(list[Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_TOTAL: Final = msgspec.json.Decoder(int)
_ISSUES: Final = msgspec.json.Decoder(list[_Issue])
_STATUS: Final = msgspec.json.Decoder(dict[str, Any])
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_answer(raw: Raw, *, depth: int = 0) -> Answered:
    """The shape of one prefetch value. Never raises."""
    first = bytes(memoryview(raw)[:1])
    if first == b"n":
        return NOTHING
    if first == b"[":
        return _listed(raw, depth)
    if first != b"{" or depth > DEEPEST:
        return FAILED
    try:
        bundle = _BUNDLE.decode(raw)
    except UNREADABLE:
        return _lenient(raw, depth)
    return _judged(raw, bundle, depth)


def _judged(raw: Raw, bundle: _Bundle, depth: int) -> Answered:
    if bundle.resourceType == "OperationOutcome":
        return FAILED
    if bundle.resourceType is None and bundle.resource != NULL:
        return FAILED if _refused(bundle.response) else read_answer(bundle.resource, depth=depth + 1)
    if bundle.resourceType == "Bundle" or (bundle.resourceType is None and bundle.entry is not None):
        return _searchset(bundle)
    return Answered(state="answered", resources=(raw,)) if bundle.resourceType else FAILED


def _searchset(bundle: _Bundle) -> Answered:
    following = [link.url for link in bundle.link or () if link is not None and link.relation == "next"]
    resources = []
    for entry in bundle.entry or ():
        if entry is None or (resource := entry.resource) == NULL:
            continue
        if (entry.search is not None and entry.search.mode == "outcome") or _is_outcome(resource):
            if _is_grave(resource):
                return FAILED
            continue  # Epic says "no results" in this way
        resources.append(resource)
    state: Literal["nothing", "answered"] = "answered" if resources else "nothing"
    return Answered(
        state=state,
        resources=tuple(resources),
        searched=True,
        total=bundle.total,
        more=bool(following),
        following=next((url for url in following if isinstance(url, str)), ""),
    )


def _listed(raw: Raw, depth: int) -> Answered:
    """A bare array: of resources, of entries, or of Bundles."""
    try:
        items = _LIST.decode(raw)
    except UNREADABLE:
        return FAILED
    found = [part for item in items if (part := read_answer(item, depth=depth + 1)).state != "nothing"]
    if any(part.state == "failed" for part in found):
        return FAILED
    resources = tuple(resource for part in found for resource in part.resources)
    more = any(part.more for part in found)
    following = found[0].following if len(found) == 1 else ""
    return Answered(
        state="answered" if resources else "nothing", resources=resources, searched=True, more=more, following=following
    )


def _lenient(raw: Raw, depth: int) -> Answered:
    """An object of which some part is not as FHIR has it: each part is read by itself."""
    try:
        parts = _PARTS.decode(raw)
    except UNREADABLE:
        return FAILED
    kind = _part(_TEXT, parts.get("resourceType"))
    if kind is None and ("resourceType" in parts or not parts.keys() & {"entry", "resource"}):
        return FAILED
    bundle = _Bundle(
        resourceType=kind,
        total=_part(_TOTAL, parts.get("total")),
        resource=parts.get("resource", NULL),
        response=parts.get("response", NULL),
    )
    if kind not in {None, "Bundle"}:
        return _judged(raw, bundle, depth)
    if kind is None and "entry" not in parts:
        return _judged(raw, bundle, depth)
    entries = _part(_LIST, parts.get("entry", Raw(b"[]")))
    if entries is None:
        return FAILED
    bundle.entry = [_entry(entry) for entry in entries]
    links = _part(_LIST, parts.get("link", Raw(b"[]")))
    # A link or an entry that cannot be read may hide something: then nothing may be called absent.
    bundle.link = [_Link(relation="next")] if links is None or None in bundle.entry else [_link(link) for link in links]
    return _judged(raw, bundle, depth)


def _entry(raw: Raw) -> _Entry | None:
    try:
        parts = _PARTS.decode(raw)
    except UNREADABLE:
        return None
    mode = _part(_STATUS, parts.get("search"))
    said = mode.get("mode") if mode else None
    return _Entry(resource=parts.get("resource", NULL), search=_Search(mode=said if isinstance(said, str) else None))


def _link(raw: Raw) -> _Link:
    parts = _part(_STATUS, raw)
    relation = parts.get("relation") if parts else "next"
    url = parts.get("url") if parts else None
    return _Link(relation=relation if isinstance(relation, str) else "next", url=url)


def _part(decoder: msgspec.json.Decoder[Any], raw: Raw | None) -> Any:
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except UNREADABLE:
        return None


def _is_outcome(resource: Raw) -> bool:
    # Looked for before it is parsed: nearly every entry is a clinical resource.
    return b"OperationOutcome" in bytes(memoryview(resource)[:200]) and _kind(resource) == "OperationOutcome"


def _kind(resource: Raw) -> str | None:
    parts = _part(_PARTS, resource)
    return _part(_TEXT, parts.get("resourceType")) if parts else None


def _is_grave(outcome: Raw) -> bool:
    """An outcome among the entries that says error or fatal: the search failed; else it is a remark."""
    parts = _part(_PARTS, outcome)
    issues = _part(_ISSUES, parts.get("issue")) if parts else None
    # A severity that is no text cannot be read, and so not be taken for a remark.
    return any(
        not isinstance(said := issue.severity, str | None) or said in {"error", "fatal"} for issue in issues or ()
    )


def _refused(response: Raw) -> bool:
    """The status of a `{response, resource}` wrapper, such as `200 OK`."""
    parts = _part(_STATUS, response)
    status = str(parts.get("status", "")) if parts else ""
    return status[:1] in {"3", "4", "5"}
