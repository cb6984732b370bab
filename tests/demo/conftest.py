"""A small hospital, lived once for all tests of the room."""

from __future__ import annotations

from datetime import date

import pytest

from services.demo.facts import PatientRecord
from services.demo.hospital import Hospital

UNTIL = date(2026, 6, 1)


@pytest.fixture(scope="session")
def hospital() -> Hospital:
    """Twelve hundred patients whose record ends on 1 June 2026."""
    return Hospital.ending(UNTIL, seed=7, patients=1200)


@pytest.fixture(scope="session")
def records(hospital: Hospital) -> list[PatientRecord]:
    """Every patient of the hospital."""
    return list(hospital.records())
