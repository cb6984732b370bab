"""A patient's record as it stood at a time: the same shapes as history, rendered at that moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.demo.facts import PatientRecord
from services.demo.resources import Shapes

Resource = dict[str, Any]
"""A FHIR resource as decoded JSON."""


def as_of(record: PatientRecord, at: int) -> list[Resource]:
    """Every resource of the patient in the version that the EHR held at `at` (microseconds since 1970 UTC).

    A stay is in progress up to and including its end, with the planned disposition once it was announced; orders that
    run have no end; results not yet issued are preliminary; what was recorded or corrected later is not there.
    """
    return [msgspec.json.decode(text) for _, text in Shapes(record).everything(at, versions=False)]


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC of a datetime (without a zone: UTC)."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
