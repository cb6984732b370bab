"""What every resource has: an identity, a version, times. And the two ways in which it states no fact."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan

from services.timeline.concepts import STAYS
from services.timeline.elements import Meta, Period, Reference
from services.timeline.events import RETRACTED, EventBatch
from services.timeline.instants import ALWAYS, FOREVER, INSTANTS, NAT


def instant(text: str | None, batch: EventBatch, kind: str) -> int:
    """The time a text says; an impossible one is a missing one, and counted."""
    if not text:
        return NAT
    moment = INSTANTS[text]
    if moment == NAT:
        batch.losses[f"{kind}: impossible date"] += 1
    return moment


def span(period: Period | None, batch: EventBatch, kind: str) -> tuple[int, int]:
    """Start and end of a period."""
    return (instant(period.start, batch, kind), instant(period.end, batch, kind)) if period is not None else (NAT, NAT)


def happened(
    moments: Iterable[str | None], periods: Iterable[Period | None], batch: EventBatch, kind: str
) -> tuple[int, int]:
    """When something was done: a moment, else from and to; of several names for it the first that says something."""
    for text in moments:
        if text:
            return instant(text, batch, kind), NAT
    for period in periods:
        if period is not None:
            start, end = span(period, batch, kind)
            return (start if start != NAT else end), end
    return NAT, NAT


def updated_of(meta: Meta | None, batch: EventBatch, kind: str) -> int:
    """When this version was stored; NAT if not said."""
    return instant(meta.last_updated, batch, kind) if meta is not None and meta.last_updated else NAT


def first_of(first: int, second: int, third: int = NAT) -> int:
    """The first time that is one; NAT if none is."""
    return first if first != NAT else second if second != NAT else third


def known_at(said: int, updated: int, own: int) -> tuple[int, bool]:
    """When a fact was known, and whether that is assumed: as said, else when stored, else when it happened.

    A fact without any time is known at the bedside, where all that was fetched is; in history it never was.
    """
    if said != NAT:
        return said, False
    if updated != NAT:
        return updated, False
    return (own, True) if own != NAT else (FOREVER, True)


def known_when_done(said: int, meta: Meta | None, updated: int, own: int) -> tuple[int, bool]:
    """When something done was known: as said, else when its first version was stored, else when it was over.

    A later version's lastUpdated says nothing of the first: the act's own time is nearer to the truth.
    """
    if said == NAT and meta is not None and meta.version_id == "1":
        said = updated
    return known_at(said, updated if own == NAT else NAT, own)


def retract(batch: EventBatch, *, patient: str, resource: str, updated: int) -> None:
    """Say that older versions of this resource are no facts any more, from this version on."""
    if resource:
        known = updated if updated != NAT else ALWAYS
        batch.cells.extend((patient, RETRACTED, "", "", "", resource, "", NAT, NAT, known, updated, False, nan))


def stay_of(reference: Reference | None) -> str:
    """The `Encounter/id` that a resource belongs to; "" if none."""
    return STAYS[reference.reference] if reference is not None and reference.reference else ""


def skip_status(batch: EventBatch, kind: str, status: str | None, statuses: frozenset[str]) -> None:
    """Count a status that states no fact. What is no FHIR status is counted as "other": it could be any text."""
    named = status if status in statuses else "missing" if status is None else "other"
    batch.skipped[f"{kind}: status {named}"] += 1
