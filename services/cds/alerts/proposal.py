"""Which threshold would have kept to the alert budget: a proposal to the committee, with what it would have missed. Pure.

Only bands that read the first risk are raised; what rules say without it is not for a threshold to silence. The
highest risks are kept, always: if even they are more than the budget, there is no proposal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.cds.alerts.counted import DueCards
from services.cds.governed.site_policy import SitePolicy
from services.guidance.definition import PRIMARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What the threshold would not have said."""

    cards: int
    accepted: int
    """Of them, cards that a clinician accepted: the plainest sign that they were of use."""
    highest_risk: float
    outcomes: str = "not known here: the learner tells what became of these patients"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A threshold on the first risk, and the bands of a policy overlay that apply it."""

    threshold: float
    cards: int
    missed: Missed
    bands: tuple[dict[str, Any], ...]


def propose(due: Sequence[DueCards], here: SitePolicy, *, calls: int) -> Proposed | str:
    """The lowest threshold that would have kept the cards of these calls within the budget; or why there is none."""
    budget = here.policy.alert_budget
    allowed = math.floor(budget * calls)
    total = sum(one.cards for one in due)
    if total <= allowed:
        return "the budget is kept"
    governed = governed_bands(here)
    ruled = [one for one in due if one.band in governed and one.risk is not None]
    others = total - sum(one.cards for one in ruled)
    if others > allowed:
        return f"{others} cards rest on rules without the risk, more than the {allowed} of the budget"
    levels = _levels(ruled)
    kept, lowest = 0, None
    for risk, cards in levels:
        if kept + cards > allowed - others:
            break
        kept, lowest = kept + cards, risk
    if lowest is None:
        return "even the highest risk alone is more than the budget; no threshold may silence it"
    dropped = [one for one in ruled if one.risk is not None and one.risk < lowest]
    highest = max(one.risk for one in dropped if one.risk is not None)
    threshold = _shortest_between(highest, lowest)
    return Proposed(
        threshold=threshold,
        cards=kept + others,
        missed=Missed(
            cards=sum(one.cards for one in dropped),
            accepted=sum(one.accepted for one in dropped),
            highest_risk=highest,
        ),
        bands=tuple(_raised(here, governed, threshold)),
    )


def governed_bands(here: SitePolicy) -> frozenset[str]:
    """The bands with a card whose condition reads the first risk."""
    return frozenset(
        band.name for band, condition in here.bands if band.card is not None and PRIMARY in condition.names
    )


def _levels(due: Iterable[DueCards]) -> list[tuple[float, int]]:
    """Cards by risk, the highest first."""
    counts: dict[float, int] = {}
    for one in due:
        if one.risk is not None:
            counts[one.risk] = counts.get(one.risk, 0) + one.cards
    return sorted(counts.items(), reverse=True)


def _shortest_between(below: float, upper: float) -> float:
    """The number with the fewest decimals that is above `below` and not above `upper`: what people can vote on."""
    for decimals in range(2, 17):
        rounded: float = math.floor(upper * 10.0**decimals) / 10.0**decimals
        if below < rounded <= upper:
            return rounded
    return upper


def _raised(here: SitePolicy, governed: frozenset[str], threshold: float) -> Iterable[dict[str, Any]]:
    for band in here.policy.bands:
        shown = band.model_dump(exclude_none=True)
        yield shown | {"when": f"({band.when}) and {PRIMARY} >= {threshold!r}"} if band.name in governed else shown
