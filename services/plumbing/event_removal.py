"""What leaves the store: resources that a server deleted, and patients who are erased.

A deletion is a tombstone: a server says `DELETE Observation/7` and not whose it was, so it lies in the shared bucket, and
each patient who has that resource gets it when a bucket is read. In whatever order they came, what was known before the
deletion stays known for that time. An erasure removes a patient's rows for good, and keeps later ones out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from services.plumbing.event_table import SCHEMA, WORDS
from services.timeline.events import RETRACTED


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """Who was erased, as keyed hashes: enough to keep them out, and no list of names."""

    salt: str
    patients: tuple[str, ...] = ()

    @classmethod
    def nobody(cls) -> Erased:
        """A fresh salt."""
        return cls(salt=secrets.token_hex(16))

    def name_of(self, patient: str) -> str:
        """What a patient is called here."""
        return hashlib.blake2b(patient.encode(), key=bytes.fromhex(self.salt), digest_size=16).hexdigest()

    def __contains__(self, patient: str) -> bool:
        return self.name_of(patient) in self.patients

    def plus(self, patients: Iterable[str]) -> Erased:
        """With these, too."""
        return Erased(salt=self.salt, patients=tuple(sorted({*self.patients, *map(self.name_of, patients)})))


def without(table: pa.Table, erased: Erased) -> pa.Table:
    """The rows of those who were not erased."""
    gone = set(erased.patients)
    chunks = table.column("patient").unify_dictionaries().chunks
    words = chunks[0].dictionary.to_pylist() if chunks else []
    if not (found := [word for word in words if word and erased.name_of(word) in gone]):
        return table
    patients = table.column("patient").cast(pa.string())
    return table.filter(pc.invert(pc.is_in(patients, pa.array(found, pa.string()))))


def deletions_in(shared: pa.Table, table: pa.Table) -> pa.Table:
    """The tombstones of resources that a bucket's rows are of, each as a retraction by the patient who has the resource."""
    tombstones = shared.filter(pc.equal(shared.column("field").cast(pa.string()), RETRACTED))
    if not len(tombstones) or not len(table):
        return SCHEMA.empty_table()
    names = tombstones.column("resource").cast(pa.string())
    has = table.column("resource").cast(pa.string())
    touched = table.filter(pc.is_in(has, names.combine_chunks())).select(["patient", "resource"])
    if not len(touched):
        return SCHEMA.empty_table()
    pairs = {
        (patient, resource)
        for patient, resource in zip(
            touched.column("patient").to_pylist(), touched.column("resource").to_pylist(), strict=True
        )
    }
    owners: dict[str, list[str]] = {}
    for patient, resource in sorted(pairs):
        owners.setdefault(resource, []).append(patient)
    rows, patients = [], []
    for row, resource in enumerate(names.to_pylist()):
        for patient in owners.get(resource, ()):
            rows.append(row)
            patients.append(patient)
    taken = tombstones.take(pa.array(rows, pa.int64()))
    place = SCHEMA.get_field_index("patient")
    return taken.set_column(place, SCHEMA.field(place), pa.array(patients, pa.string()).cast(WORDS))
