"""What every order has in common: whether somebody really ordered it, and since when it is over."""

from __future__ import annotations

from typing import Final

from services.timeline.events import EventBatch
from services.timeline.instants import NAT

_NOT_ORDERED: Final = frozenset({"proposal", "plan", "option"})


def is_ordered(intent: str | None, *, forbidden: bool | None, batch: EventBatch, kind: str) -> bool:
    """Whether somebody ordered that it be done; if not, the order is counted as skipped."""
    if intent in _NOT_ORDERED:
        batch.skipped[f"{kind}: intent {intent}"] += 1
        return False
    if forbidden:
        batch.skipped[f"{kind}: do not perform"] += 1
        return False
    return True


def over_since(updated: int, batch: EventBatch, kind: str) -> int:
    """The end of an order that is over but gives no end: when that was stored, the latest it can be."""
    if updated == NAT:
        batch.losses[f"{kind}: over, but no date says when"] += 1
    return updated
