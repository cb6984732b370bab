"""The policy that holds here, with its alert rules as the decision log takes them. `guidance.overlay` says what holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.cds.advice.suppress import Quiet, quiet_of
from services.guidance.conditions import ConditionExpr
from services.guidance.definition import Band, Guidance, Policy, Suppression
from services.guidance.overlay import policy_here


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
    here = policy_here(guidance, overlay, site)
    return SitePolicy(policy=here.policy, bands=here.bands, suppressions=here.suppressions, quiet=quiet_of(here.policy))
