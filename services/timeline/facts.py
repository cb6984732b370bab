"""What every resource has: an identity, a version, times. And the two ways in which it states no fact."""

from __future__ import annotations

from math import nan

from services.timeline.elements import Meta
from services.timeline.events import RETRACTED, EventBatch
from services.timeline.instants import ALWAYS, FOREVER, NAT, parse_instant


def instant(text: str | None, batch: EventBatch, kind: str) -> int:
    """The time a text says; an impossible one is a missing one, and counted."""
    if not text:
        return NAT
    moment = parse_instant(text)
    if moment == NAT:
        batch.skipped[f"{kind}: impossible date"] += 1
    return moment


def updated_of(meta: Meta | None, batch: EventBatch, kind: str) -> int:
    """When this version was stored; NAT if not said."""
    return instant(meta.last_updated, batch, kind) if meta is not None and meta.last_updated else NAT


def first_of(*moments: int) -> int:
    """The first time that is one; NAT if none is."""
    for moment in moments:
        if moment != NAT:
            return moment
    return NAT


def known_at(said: int, updated: int, own: int) -> tuple[int, bool]:
    """When a fact was known, and whether that is assumed: as said, else when stored, else when it happened.

    A fact without any time is known at the bedside, where all that was fetched is; in history it never was.
    """
    if said != NAT:
        return said, False
    if updated != NAT:
        return updated, False
    return (own, True) if own != NAT else (FOREVER, True)


def retract(batch: EventBatch, *, patient: str, resource: str, updated: int) -> None:
    """Say that older versions of this resource are no facts any more, from this version on."""
    if resource:
        known = updated if updated != NAT else ALWAYS
        batch.cells.extend((patient, RETRACTED, "", "", "", resource, "", NAT, NAT, known, updated, False, nan))


def skip_status(batch: EventBatch, kind: str, status: str | None, statuses: frozenset[str]) -> None:
    """Count a status that states no fact. What is no FHIR status is counted as "other": it could be any text."""
    named = status if status in statuses else "missing" if status is None else "other"
    batch.skipped[f"{kind}: status {named}"] += 1
