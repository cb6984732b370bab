"""A suggestion's resource, bound to one call: its patient, encounter, user and day in place of the examples.

Templates say `Patient/example`, `Encounter/example`, `Practitioner/example` and count days from 1 January 2026: that day
becomes the day of the index and every other date keeps its distance. What the call does not name is left out, never made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from services.timeline.errors import BadInput

PATIENT: Final = "Patient/example"
ENCOUNTER: Final = "Encounter/example"
PRACTITIONER: Final = "Practitioner/example"
FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?")

_USERS = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"})  # CDS Hooks: what a user may be
_ID = re.compile(r"[^\s/?#|\x00-\x1f]{1,256}")  # Epic's ids have about 194 characters where FHIR allows 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    if not _ID.fullmatch(patient_id):
        raise BadInput("the patient's id cannot stand in a reference", place="context.patientId")
    links = {PATIENT: f"Patient/{patient_id}", ENCOUNTER: None, PRACTITIONER: None}
    if encounter_id and _ID.fullmatch(encounter_id):
        links[ENCOUNTER] = f"Encounter/{encounter_id}"
    if user and (parts := user.partition("/"))[0] in _USERS and _ID.fullmatch(parts[2]):
        links[PRACTITIONER] = user
    bound = _bound(dict(template), links, _local(index, zone))
    if not isinstance(bound, dict):
        raise BadInput("the resource holds nothing but references that this call does not name", place="resource")
    return bound


def _local(index: int, zone: tzinfo) -> datetime:
    try:
        return (_EPOCH + timedelta(microseconds=index)).astimezone(zone)
    except OverflowError as fault:
        raise BadInput("the index is no date of our calendar", place="index") from fault


def _bound(value: Any, links: Mapping[str, str | None], now: datetime) -> Any:
    """The value with its references and dates replaced; None where nothing is left of it."""
    if isinstance(value, dict):
        if "reference" in value and value["reference"] in links and links[value["reference"]] is None:
            return None
        kept = {key: new for key, old in value.items() if (new := _bound(old, links, now)) is not None}
        return kept or None
    if isinstance(value, list):
        return [new for old in value if (new := _bound(old, links, now)) is not None] or None
    if isinstance(value, str):
        if value in links:
            return links[value]
        return _shifted(value, now) if DATE.fullmatch(value) else value
    return value


def _shifted(text: str, now: datetime) -> str:
    """The date or time, moved with the first of January 2026 to now; a date stays a date."""
    try:
        then = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if then.tzinfo is None:
            return (now.date() + (then.date() - FIRST_DAY.date())).isoformat()
        return (now + (then - FIRST_DAY)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, ValueError) as fault:
        raise BadInput(f"`{text}` is not a date that can be moved", place="resource") from fault
