"""What an operation is given, as a FHIR Parameters resource: read strictly, by name and type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from services.plumbing.web import decode
from services.timeline.errors import BadInput

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_OBJECTS: Final = frozenset({"resource", "valueReference", "valueRelatedArtifact"})
"""Types whose value is an object; every other that is asked for here is a text, or true or false."""
_FLAG: Final = "valueBoolean"


def resource_in(raw: bytes) -> dict[str, Any]:
    """The resource that a body holds; BadInput if it holds none."""
    found = decode(_OBJECT, raw)
    if not isinstance(found.get("resourceType"), str):
        raise BadInput("no FHIR resource", place="body", remedy="Send a resource with its `resourceType`")
    return found


def parameters_in(raw: bytes, known: Mapping[str, tuple[str, ...]]) -> dict[str, list[Any]]:
    """Name → values, each of a type in `known` (`valueCode`, `resource`, …); an empty body holds nothing."""
    if not raw.strip():
        return {}
    return read_parameters(resource_in(raw), known)


def read_parameters(resource: Mapping[str, Any], known: Mapping[str, tuple[str, ...]]) -> dict[str, list[Any]]:
    """The same of a resource that is read already; a name or a type that is not known is refused."""
    given = resource.get("parameter", [])
    if resource["resourceType"] != "Parameters" or not isinstance(given, list):
        raise BadInput("not a Parameters resource", place="body", remedy="Send `Parameters` with a list `parameter`")
    found: dict[str, list[Any]] = {}
    for number, one in enumerate(given):
        place = f"Parameters.parameter[{number}]"
        name = str(one.get("name", "")) if isinstance(one, dict) else ""
        if name not in known:
            raise BadInput("not known here", place=place, remedy=f"Known: {', '.join(known)}")
        held = [one[kind] for kind in known[name] if kind in one]
        if len(held) != 1 or not isinstance(held[0], _type_of(known[name][0])):
            raise BadInput(f"`{name}` is given as {' or '.join(known[name])}", place=place)
        found.setdefault(name, []).append(held[0])
    return found


def one_text(given: Mapping[str, list[Any]], name: str, default: str = "") -> str:
    """The one text of that name; BadInput if there are two."""
    values = given.get(name, [])
    if len(values) > 1:
        raise BadInput(f"`{name}` is given more than once", place="Parameters", remedy="Give it once")
    return str(values[0]) if values else default


def one_flag(given: Mapping[str, list[Any]], name: str) -> bool:
    """The one `true` or `false` of that name; false if it is not there, BadInput if it is there twice."""
    values = given.get(name, [])
    if len(values) > 1:
        raise BadInput(f"`{name}` is given more than once", place="Parameters", remedy="Give it once")
    return bool(values and values[0])


def query_parameters(pairs: Iterable[tuple[str, str]], known: Mapping[str, tuple[str, ...]]) -> dict[str, list[Any]]:
    """The parameters of an operation that was called by GET; only what is simple can stand in an address."""
    found: dict[str, list[Any]] = {}
    for name, text in pairs:
        if name == "_format":
            continue
        if name not in known or _type_of(known[name][0]) is dict:
            raise BadInput(
                f"{name[:40]} is not known in an address", place="query", remedy=f"Known: {', '.join(known)}"
            )
        if known[name][0] == _FLAG and text not in ("true", "false"):
            raise BadInput(f"`{name}` is true or false", place="query")
        found.setdefault(name, []).append(text == "true" if known[name][0] == _FLAG else text)
    return found


def _type_of(kind: str) -> type:
    if kind in _OBJECTS:
        return dict
    return bool if kind == _FLAG else str
