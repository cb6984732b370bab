"""How a fact becomes a check of a gate: met or not met by a rule, or by where an interval lies."""

from __future__ import annotations

from services.guidance.evidence import Estimate
from services.guidance.lifecycle import Check, Role, Verdict
from services.guidance.release import EvidencePack


def within(estimate: Estimate, low: float, high: float) -> Verdict:
    """The whole interval inside the limits meets, wholly outside does not, across a limit cannot tell."""
    at_least, at_most = estimate.ci
    if low <= at_least and at_most <= high:
        return "meets"
    if at_most < low or high < at_least:
        return "does not meet"
    return "cannot tell"


def met(holds: bool) -> Verdict:
    """Yes or no, where there is nothing between."""
    return "meets" if holds else "does not meet"


def check(
    name: str,
    asked: str,
    found: str,
    verdict: Verdict,
    pack: EvidencePack,
    *,
    accepted_by: frozenset[Role] = frozenset(),
    **numbers: float,
) -> Check:
    """The check, with the pack that it rests on; `accepted_by` may accept that it cannot tell, with a reason."""
    return Check(
        name=name,
        asked=asked,
        found=found,
        verdict=verdict,
        evidence=pack.digest,
        numbers=numbers,
        accepted_by=accepted_by,
    )
