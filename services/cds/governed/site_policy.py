"""The policy that holds here: what the guidance starts with, and what the signed overlay says for every site or this one.

An overlay is `{"*": {part of a policy}, "<site>": {part of a policy}}`; a site's own words win over those for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from services.cds.advice.suppress import Quiet, quiet_of
from services.guidance.conditions import ConditionExpr, parse
from services.guidance.definition import Band, Guidance, Policy, Suppression
from services.guidance.errors import BadManifest
from services.guidance.manifest import EVERYWHERE
from services.timeline.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePolicy:
    """A policy with the conditions of its bands and suppressions compiled, and its alert rules as the log takes them."""

    policy: Policy
    bands: tuple[tuple[Band, ConditionExpr], ...]
    suppressions: tuple[tuple[Suppression, ConditionExpr], ...] = ()
    quiet: Quiet | None = None
    """What is asked of a card that is due; None if nothing."""


def site_policy(guidance: Guidance, overlay: Mapping[str, Any], site: str) -> SitePolicy:
    """The policy at this site; BadManifest if the overlay is no part of a policy, for it is signed as one."""
    merged: dict[str, Any] = guidance.policy.model_dump()
    for place in (EVERYWHERE, site):
        part = overlay.get(place, {}) if place else {}
        if not isinstance(part, Mapping):
            raise _bad(guidance, f"`{place}` holds no part of a policy")
        merged |= part
    try:
        policy = Policy.model_validate(merged)
        bands = tuple((band, parse(band.when)) for band in policy.bands)
        suppressions = tuple((one, parse(one.when)) for one in policy.suppressions)
    except ValidationError as fault:
        raise _bad(
            guidance, "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
        ) from fault
    except BadInput as fault:
        raise _bad(guidance, fault.message) from fault
    known = guidance.predicted_names.union(guidance.features)
    for band, condition in bands:
        if strange := condition.names - known:
            raise _bad(guidance, f"band {band.name} reads {', '.join(sorted(strange))}, which is no feature")
        if band.card is not None and band.card not in guidance.cards:
            raise _bad(guidance, f"band {band.name} shows the card {band.card}, which is not there")
    for _, condition in suppressions:
        if strange := condition.names - known:
            raise _bad(guidance, f"a suppression reads {', '.join(sorted(strange))}, which is no feature")
        if audit := sorted(name for name in condition.names & guidance.features.keys() if _audit_only(guidance, name)):
            raise _bad(guidance, f"a suppression reads {', '.join(audit)}, which is for audit only")
    if strange_codes := policy.snooze.keys() - {reason.code for reason in guidance.override_reasons}:
        raise _bad(guidance, f"a snooze names {', '.join(sorted(strange_codes))}, which no card offers as a reason")
    if policy.without_risk == "speak" and guidance.policy.without_risk == "abstain":
        # The words of its cards were never tried without a risk.
        raise _bad(guidance, "this guidance was not written to speak without a risk")
    return SitePolicy(policy=policy, bands=bands, suppressions=suppressions, quiet=quiet_of(policy))


def _audit_only(guidance: Guidance, name: str) -> bool:
    return guidance.features[name].use == "audit"


def _bad(guidance: Guidance, what: str) -> BadManifest:
    return BadManifest(
        f"the policy cannot be used: {what}", place=guidance.id, remedy="Approve a policy that fits the release"
    )
