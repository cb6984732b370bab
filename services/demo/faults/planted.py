"""Mislabelled units and planted bias: what a site sends that is not so, and what it does not measure. No draw depends on them.

Which results are touched follows from their ids (a checksum), so that the hospital with and without faults has the same lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32

from services.demo.facts import DAY, PatientRecord, Result

MONTH: Final = 30 * DAY


@dataclass(frozen=True, slots=True)
class Mislabelled:
    """A site sends this share of a test's results in another unit, labelled as the usual one, in some months of the record."""

    site: int
    test: str
    factor: float
    decimals: int
    from_month: int
    until_month: int
    share: float


MISLABELLED: Final = (
    Mislabelled(1, "creatinine", 88.4, 0, 24, 30, 0.5),  # Harbour: umol/L labelled mg/dL
    Mislabelled(2, "hb", 10.0, 0, 18, 22, 0.6),  # St Vera: g/L labelled g/dL
)
OVERREAD_GROUP: Final = "2054-5"  # OMB: Black or African American
OVERREAD_BY: Final = 2.5  # percentage points of saturation by pulse oximetry, up to 100
UNDERTESTED_SITE, UNDERTESTED_LANGUAGE, UNDERTESTED = 2, "es", "albumin"  # St Vera, Spanish
UNDERTESTED_SHARE: Final = 0.7  # of the albumin results there would be
FAULTY: Final = {"saturation"} | {fault.test for fault in MISLABELLED}
"""Tests whose values a fault may touch."""


class Faults:
    """What the planted faults do to the results of one patient."""

    __slots__ = ("_begins", "_language", "_race")

    def __init__(self, record: PatientRecord) -> None:
        self._begins = record.registered
        self._race, self._language = record.person.race[0], record.person.language[0]

    def never_measured(self, result: Result) -> bool:
        """Whether the site leaves this test out for this patient."""
        return (
            result.test == UNDERTESTED
            and result.site == UNDERTESTED_SITE
            and self._language == UNDERTESTED_LANGUAGE
            and _drawn(result.id) < UNDERTESTED_SHARE
        )

    def read(self, result: Result, value: float) -> float:
        """The value as the device reads it."""
        if result.test == "saturation" and self._race == OVERREAD_GROUP:
            return min(value + OVERREAD_BY, 100.0)
        return value

    def mislabelled(self, result: Result) -> Mislabelled | None:
        """How the number is not in the unit that its label says, or None if it is."""
        for fault in MISLABELLED:
            if (
                result.test == fault.test
                and result.site == fault.site
                and fault.from_month * MONTH <= result.taken - self._begins < fault.until_month * MONTH
                and _drawn(result.id) < fault.share
            ):
                return fault
        return None


def _drawn(identity: str) -> float:
    """An even number from 0 to 1 that follows from the id."""
    return crc32(identity.encode()) / 2**32
