"""Versions of a resource: each is visible until the next is known. And what is coded elsewhere gets its codes.

The first version of a resource is known when its facts say so, a later one from when it was stored. A retraction
is a version without facts; one without a date cannot be placed in time, so it takes every version away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.timeline.instants import ALWAYS, FOREVER, NAT

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(slots=True, kw_only=True)
class Rows:
    """Events on their way into a timeline: words as ranks among sorted words, rank 0 is ""."""

    patient: NDArray[np.int32]
    field: NDArray[np.int32]
    codes: NDArray[np.int32]
    unit: NDArray[np.int32]
    answer: NDArray[np.int32]
    resource: NDArray[np.int32]
    encounter: NDArray[np.int32]
    time: Ints
    end: Ints
    known: Ints
    until: Ints
    assumed: Mask
    value: NDArray[np.float64]

    def take(self, chosen: Ints | Mask) -> Rows:
        """The chosen rows."""
        return Rows(**{name: getattr(self, name)[chosen] for name in self.__slots__})

    @classmethod
    def join(cls, parts: list[Rows]) -> Rows:
        """Several lots of rows as one."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__})


def settle(rows: Rows, updated: Ints, retracted: Mask, *, all_known: bool) -> Rows:
    """Give each row its `known` and `until` among the versions of its resource, and drop what is retracted."""
    known, until = rows.known.copy(), np.full(len(rows.time), FOREVER, dtype=np.int64)
    keep = ~retracted
    versioned = _with_versions(rows.resource, updated, retracted)
    if len(versioned):
        order = np.lexsort((updated[versioned], rows.resource[versioned], rows.patient[versioned]))
        versioned = versioned[order]
        when = updated[versioned]
        starts_resource = _changes(rows.patient[versioned]) | _changes(rows.resource[versioned])
        starts_version = starts_resource | _changes(when)
        version = np.cumsum(starts_version) - 1
        resource = np.cumsum(starts_resource) - 1
        first_of_resource = starts_resource[starts_version]
        following = np.append(when[starts_version][1:], FOREVER)
        following[np.append(first_of_resource[1:], True)] = FOREVER  # the last version of its resource
        until[versioned] = following[version]
        later = ~first_of_resource[version]
        known[versioned] = np.where(later, np.maximum(known[versioned], when), known[versioned])

        gone = retracted[versioned]
        without_facts = np.bincount(version, weights=gone) > 0
        taken_away = np.bincount(resource, weights=gone & (when == NAT)) > 0
        keep[versioned] &= ~(without_facts[version] | taken_away[resource])
    if all_known:
        known = np.full_like(known, ALWAYS)
        until = np.where(until == FOREVER, FOREVER, ALWAYS)  # a superseded version is never visible
    settled = replace(rows, known=known, until=until)
    return settled if keep.all() else settled.take(keep)


def _with_versions(resource: NDArray[np.int32], updated: Ints, retracted: Mask) -> Ints:
    """The rows of resources that have several versions or a retraction: few, so only they are sorted."""
    size = int(resource.max(initial=0)) + 1
    some_update = np.empty(size, dtype=np.int64)
    some_update[resource] = updated
    several = np.zeros(size, dtype=np.bool_)
    several[resource[(updated != some_update[resource]) | retracted]] = True
    several[0] = False  # without an id nothing is a version of anything
    return np.flatnonzero(several[resource])


def _changes(column: NDArray[np.int32] | Ints) -> Mask:
    """Where a sorted column begins a new value."""
    new = np.ones(len(column), dtype=np.bool_)
    np.not_equal(column[1:], column[:-1], out=new[1:])
    return new


def resolve(rows: Rows, pointing: Ints, wanted: NDArray[np.int32], coding: Ints, *, same_patient: bool) -> Rows:
    """Give the `pointing` rows the codes of the `coding` rows of the resource that each of them wants.

    A row is so coded while both are visible. Before its resource is known it keeps the codes that it came with;
    where the resource is not there at all, it keeps them for good.
    """
    order = coding[np.argsort(rows.resource[coding], kind="stable")]
    resource = rows.resource[order]
    first = np.searchsorted(resource, wanted, side="left")
    count = np.searchsorted(resource, wanted, side="right") - first
    place = np.repeat(np.arange(len(pointing)), count)
    offset = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
    by = order[first[place] + offset]
    if same_patient:
        same = rows.patient[pointing[place]] == rows.patient[by]
        place, by = place[same], by[same]
    if not len(place):
        return rows

    coded = rows.take(pointing[place])
    coded.codes = rows.codes[by]
    coded.known = np.maximum(coded.known, rows.known[by])
    coded.until = np.minimum(coded.until, rows.until[by])
    coded.assumed = coded.assumed | rows.assumed[by]

    first_known = np.full(len(pointing), FOREVER, dtype=np.int64)
    np.minimum.at(first_known, place, rows.known[by])
    found = np.zeros(len(pointing), dtype=np.bool_)
    found[place] = True
    before = rows.take(pointing[found])
    before.until = np.minimum(before.until, first_known[found])

    others = np.ones(len(rows.time), dtype=np.bool_)
    others[pointing[found]] = False
    return Rows.join(
        [rows.take(others), before.take(before.known < before.until), coded.take(coded.known < coded.until)]
    )
