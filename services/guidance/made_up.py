"""Whether every resource of a hook request is tagged as test data, so that nobody pastes a patient into a preview.

A resource is test data if `meta.security` or `meta.tag` holds HTEST (http://terminology.hl7.org/CodeSystem/v3-ActReason,
"test health data"), as https://hl7.org/fhir/R4/security-labels.html has it. It says what the sender claims; it cannot tell
that the claim is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.timeline.errors import BadInput

SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
CODE: Final = "HTEST"
_WRAPPERS: Final = frozenset({"Bundle", "OperationOutcome", "Parameters"})  # they say nothing of a patient themselves
_DEEPEST: Final = 64


def refuse_untagged(request: Any) -> None:
    """BadInput, naming the first places, if a resource in prefetch or context is not tagged as test data."""
    if not isinstance(request, Mapping):
        raise BadInput("not a hook request", place="$", remedy="Send the JSON object that an EHR would send")
    places = [
        place
        for part in ("prefetch", "context", "extension")
        for place, resource in _resources(request.get(part), f"$.{part}", 0)
        if not _is_tagged(resource)
    ]
    if places:
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        raise BadInput(
            f"made-up data only: {', '.join(places[:3])}{more} not tagged as test data",
            place="prefetch",
            remedy=f"Never send a patient. Give each made-up resource the security label {CODE} of {SYSTEM} in `meta.security`",
        )


def _resources(found: Any, place: str, depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every resource with its place, but not what is contained in one. A place holds no key that a sender made up."""
    if depth > _DEEPEST:
        raise BadInput("nested too deeply", place=place)
    if isinstance(found, Mapping):
        kind = found.get("resourceType")
        if kind is not None and not (isinstance(kind, str) and kind in _WRAPPERS):
            yield place, found
            return
        for key, part in found.items():
            name = key if key.isascii() and key.isidentifier() and len(key) <= 40 else "…"
            yield from _resources(part, f"{place}.{name}", depth + 1)
    elif isinstance(found, list):
        for number, part in enumerate(found):
            yield from _resources(part, f"{place}[{number}]", depth + 1)


def _is_tagged(resource: Mapping[str, Any]) -> bool:
    meta = resource.get("meta")
    if not isinstance(meta, Mapping):
        return False
    codings = [one for part in ("security", "tag") if isinstance(listed := meta.get(part), list) for one in listed]
    return any(isinstance(one, Mapping) and one.get("system") == SYSTEM and one.get("code") == CODE for one in codings)
