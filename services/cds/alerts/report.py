"""The alert report of one guidance at one site: shares against the budget, overrides, what was silenced. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from services.cds.alerts.counted import Counted
from services.cds.alerts.proposal import Proposed, propose
from services.cds.governed.site_policy import SitePolicy
from services.guidance.manifest import EVERYWHERE

CALLS: Final = ("shown", "below-band", "silent", "masked", "suppressed", "abstained")
"""Calls that the guidance was for: not those about others, at other moments, stopped or failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReport:
    """What people are told; a share is None where there is nothing to divide by."""

    guidance: str
    site: str
    calls: int
    shown: int
    share: float | None
    """Of the calls, those with a card."""
    budget: float | None
    """None: the policy is not known here."""
    statuses: Mapping[str, int]
    suppressed: Mapping[str, int]
    accepted: int
    overridden: int
    override_rate: float | None
    """Of the cards that were answered, those that were declined."""
    override_reasons: Mapping[str, int]
    cards_per_clinician_day: Mapping[str, int]
    """Median, 90th percentile and highest of those who saw any."""
    proposal: Proposed | str
    """Or why there is none."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`; the proposal with the overlay that a committee would approve."""
        return asdict(self) | {"overlay": self.overlay}

    @property
    def overlay(self) -> dict[str, Any] | None:
        """The part of a policy overlay that applies the proposal."""
        if isinstance(self.proposal, str):
            return None
        return {self.site or EVERYWHERE: {"bands": list(self.proposal.bands)}}


def report(counted: Counted, here: SitePolicy | None, *, site: str) -> AlertReport:
    """The report. Without a policy (`here`) there is no budget to hold it against, and no proposal."""
    calls = sum(counted.statuses.get(status, 0) for status in CALLS)
    shown = counted.statuses.get("shown", 0)
    answered = counted.accepted + counted.overridden
    return AlertReport(
        guidance=counted.guidance,
        site=site,
        calls=calls,
        shown=shown,
        share=shown / calls if calls else None,
        budget=here.policy.alert_budget if here is not None else None,
        statuses=counted.statuses,
        suppressed=counted.suppressed,
        accepted=counted.accepted,
        overridden=counted.overridden,
        override_rate=counted.overridden / answered if answered else None,
        override_reasons=counted.reasons,
        cards_per_clinician_day=_spread(counted.clinician_days),
        proposal=propose(counted.due, here, calls=calls) if here is not None else "no policy is known",
    )


def _spread(days: Mapping[int, int]) -> dict[str, int]:
    """The nearest-rank quantiles of cards a day; empty if nobody saw one."""
    if not days:
        return {}
    return {"median": _quantile(days, 50), "90th percentile": _quantile(days, 90), "highest": max(days)}


def _quantile(days: Mapping[int, int], percent: int) -> int:
    rank = -(-percent * sum(days.values()) // 100)
    reached = 0
    for cards in sorted(days):
        reached += days[cards]
        if reached >= rank:
            return cards
    return max(days)
