"""A suggestion's resource, bound to one call: its patient, encounter, user and day in place of the examples.

Templates say `Patient/example`, `Encounter/example`, `Practitioner/example` and count days from 1 January 2026: that day
becomes the day of the index and every other date keeps its distance. What the call does not name is left out, never made up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

import msgspec

from services.timeline.errors import BadInput

PATIENT: Final = "Patient/example"
ENCOUNTER: Final = "Encounter/example"
PRACTITIONER: Final = "Practitioner/example"
FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?")

_USERS = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"})  # CDS Hooks: what a user may be
_ID = re.compile(r"[^\s/?#|\x00-\x1f]{1,256}")  # Epic's ids have about 194 characters where FHIR allows 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLES = frozenset({PATIENT, ENCOUNTER, PRACTITIONER})


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What a call names, checked: references in place of the examples (None = not named), and its own day and hour."""

    references: Mapping[str, str | None]
    now: datetime
    today: date


def binding_of(
    *, patient_id: str, index: int, encounter_id: str | None = None, user: str | None = None, zone: tzinfo = UTC
) -> Binding:
    """The binding of one call; `index` in microseconds since 1970 UTC, `zone` decides its calendar day.

    BadInput if the patient's id cannot stand in a reference; an encounter or user that cannot is left out.
    """
    if not _ID.fullmatch(patient_id):
        raise BadInput("the patient's id cannot stand in a reference", place="context.patientId")
    references: dict[str, str | None] = {PATIENT: f"Patient/{patient_id}", ENCOUNTER: None, PRACTITIONER: None}
    if encounter_id and _ID.fullmatch(encounter_id):
        references[ENCOUNTER] = f"Encounter/{encounter_id}"
    if user and (parts := user.partition("/"))[0] in _USERS and _ID.fullmatch(parts[2]):
        references[PRACTITIONER] = user
    now = _local(index, zone)
    return Binding(references=references, now=now, today=now.date())


class BoundTemplate:
    """A template, read once: a call copies only what differs between calls and shares the rest, which nobody changes."""

    __slots__ = ("_bind", "_same")

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._same, self._bind = _compiled(dict(template))

    def bind(self, binding: Binding) -> dict[str, Any]:
        """The resource of one call; BadInput if nothing is left of it."""
        bound = self._same if self._bind is None else self._bind(binding)
        if not isinstance(bound, dict):
            raise BadInput("the resource holds nothing but references that this call does not name", place="resource")
        return bound


def bind_resource(
    template: Mapping[str, Any],
    *,
    patient_id: str,
    index: int,
    encounter_id: str | None = None,
    user: str | None = None,
    zone: tzinfo = UTC,
) -> dict[str, Any]:
    """The resource that the suggestion creates; `index` in microseconds since 1970 UTC, `zone` decides its calendar day."""
    binding = binding_of(patient_id=patient_id, index=index, encounter_id=encounter_id, user=user, zone=zone)
    return BoundTemplate(template).bind(binding)


def _local(index: int, zone: tzinfo) -> datetime:
    try:
        return (_EPOCH + timedelta(microseconds=index)).astimezone(zone)
    except OverflowError as fault:
        raise BadInput("the index is no date of our calendar", place="index") from fault


_Bind = Callable[[Binding], Any]


def _compiled(value: Any) -> tuple[Any, _Bind | None]:
    """The value if it is the same for every call (None = nothing is left of it), else how it is bound."""
    if isinstance(value, dict):
        return _compiled_object(value)
    if isinstance(value, list):
        parts = [_compiled(old) for old in value]
        if all(bind is None for _, bind in parts):
            return [same for same, _ in parts if same is not None] or None, None
        return None, lambda binding: [
            new for same, bind in parts if (new := same if bind is None else bind(binding)) is not None
        ] or None  # fmt: skip
    if isinstance(value, str):
        if value in _EXAMPLES:
            return None, lambda binding: binding.references[value]
        if DATE.fullmatch(value):
            return None, _moved(value)
    return value, None


def _compiled_object(value: Mapping[str, Any]) -> tuple[Any, _Bind | None]:
    parts = [(key, *_compiled(old)) for key, old in value.items()]
    if all(bind is None for _, _, bind in parts):
        return {key: same for key, same, _ in parts if same is not None} or None, None

    def bound(binding: Binding) -> Any:
        return {
            key: new for key, same, bind in parts if (new := same if bind is None else bind(binding)) is not None
        } or None

    target = value.get("reference")
    if target not in _EXAMPLES:
        return None, bound
    # What the call does not name takes its whole Reference with it: a display alone would point at nobody.
    return None, lambda binding: None if binding.references[target] is None else bound(binding)


def _moved(text: str) -> _Bind:
    """The date or time, moved with the first of January 2026 to now; a date stays a date."""
    try:
        then = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as fault:
        raise _not_moved(text) from fault
    days, span = then.date() - FIRST_DAY.date(), None if then.tzinfo is None else then - FIRST_DAY

    def moved(binding: Binding) -> str:
        try:
            if span is None:
                return (binding.today + days).isoformat()
            return (binding.now + span).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        except OverflowError as fault:
            raise _not_moved(text) from fault

    return moved


def _not_moved(text: str) -> BadInput:
    return BadInput(f"`{text}` is not a date that can be moved", place="resource")
