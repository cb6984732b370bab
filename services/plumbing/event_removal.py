"""What leaves the store: resources that a server deleted, and patients who are erased.

A deletion is a tombstone: a server says `DELETE Observation/7` and not whose it was, so it lies in the shared bucket, and
each patient who has that resource gets it when a bucket is read. In whatever order they came, what was known before the
deletion stays known for that time. A deleted Patient takes along whatever is theirs, unless the Patient is there again
later. An erasure removes a patient's rows for good, and keeps later ones out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from services.plumbing.event_table import SCHEMA, WORDS
from services.timeline.events import RETRACTED

_PATIENT: Final = "Patient/"


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
    names = tombstones.column("resource").cast(pa.string()).combine_chunks()
    touched = table.filter(pc.is_in(table.column("resource").cast(pa.string()), names))
    owners: dict[str, list[str]] = {}
    for patient, resource in sorted(_pairs(touched)):
        owners.setdefault(resource, []).append(patient)
    theirs = _of_the_deleted(tombstones, table)
    rows, patients, resources = [], [], []
    for row, resource in enumerate(names.to_pylist()):
        for patient in owners.get(resource, ()):
            rows.append(row)
            patients.append(patient)
            resources.append(resource)
        for gone in theirs.get(row, ()):
            rows.append(row)
            patients.append(resource.removeprefix(_PATIENT))
            resources.append(gone)
    taken = tombstones.take(pa.array(rows, pa.int64()))
    for name, words in (("patient", patients), ("resource", resources)):
        place = SCHEMA.get_field_index(name)
        taken = taken.set_column(place, SCHEMA.field(place), pa.array(words, pa.string()).cast(WORDS))
    return taken


def _of_the_deleted(tombstones: pa.Table, table: pa.Table) -> dict[int, list[str]]:
    """For each tombstone of a Patient who is not there again later: the other resources that are theirs, in order."""
    deleted = {
        row: name for row, name in enumerate(tombstones.column("resource").to_pylist()) if name.startswith(_PATIENT)
    }
    if not deleted:
        return {}
    people = pa.array(sorted({name.removeprefix(_PATIENT) for name in deleted.values()}), pa.string())
    rows = table.filter(pc.is_in(table.column("patient").cast(pa.string()), people))
    theirs: dict[str, set[str]] = {}
    for patient, resource in _pairs(rows):
        theirs.setdefault(f"{_PATIENT}{patient}", set()).add(resource)
    last: dict[str, int] = {}
    for resource, updated in zip(rows.column("resource").to_pylist(), rows.column("updated").to_pylist(), strict=True):
        if resource.startswith(_PATIENT):
            last[resource] = max(last.get(resource, updated), updated)
    at = tombstones.column("updated").to_pylist()
    return {
        row: sorted(theirs.get(name, set()) - {name, ""})
        for row, name in deleted.items()
        if last.get(name, at[row]) <= at[row]
    }


def _pairs(rows: pa.Table) -> set[tuple[str, str]]:
    """Patient and resource, each pair once."""
    return set(zip(rows.column("patient").to_pylist(), rows.column("resource").to_pylist(), strict=True))
