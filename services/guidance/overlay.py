"""A policy as it holds at one site: what the guidance starts with, and what the overlay says for every site or this one.

An overlay is `{"*": {part of a policy}, "<site>": {part of a policy}}`; a site's own words win over those for all. Any part
that fits can be applied; what people may *decide* without a new release is less: within the release's change plan.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from services.guidance.change_plan import ChangePlan
from services.guidance.conditions import ConditionExpr, parse
from services.guidance.definition import PRIMARY, Band, Guidance, Policy, Suppression
from services.guidance.errors import BadManifest, Refused
from services.guidance.manifest import EVERYWHERE
from services.timeline.errors import BadInput

WITHOUT_A_PLAN: Final = frozenset(
    {"cooldown_hours", "cooldown_per", "once_per_encounter", "snooze", "circuit_breaker", "alert_budget", "reasons"}
)
"""How often and how briefly something is said is a site's own business; at which risk, its change plan bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyHere:
    """A policy at one site, the conditions of its bands and suppressions compiled."""

    policy: Policy
    bands: tuple[tuple[Band, ConditionExpr], ...]
    suppressions: tuple[tuple[Suppression, ConditionExpr], ...]


def policy_here(guidance: Guidance, overlay: Mapping[str, Any], site: str) -> PolicyHere:
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
    return PolicyHere(policy=policy, bands=bands, suppressions=suppressions)


def check_within_plan(guidance: Guidance, site: str, part: Mapping[str, Any]) -> None:
    """Whether people may decide on this part for a site without a new release; Refused, naming what goes too far."""
    if beyond := sorted(part.keys() - WITHOUT_A_PLAN - {"bands"}):
        raise _too_far(guidance, site, f"{', '.join(beyond)} cannot be changed at a site")
    if "bands" not in part:
        return
    here = policy_here(guidance, {site: part}, site).policy.bands
    before = guidance.policy.bands
    if [(one.name, one.card) for one in here] != [(one.name, one.card) for one in before]:
        raise _too_far(guidance, site, "bands keep their names, their order and their cards")
    for old, new in zip(before, here, strict=True):
        for number in _moved(guidance, site, old, new):
            plan = guidance.change_plan
            if plan is None or plan.thresholds is None:
                raise _too_far(guidance, site, f"its change plan lets no threshold move, and {old.name} moves one")
            if not plan.thresholds[0] <= number <= plan.thresholds[1]:
                raise _too_far(guidance, site, f"band {old.name} would begin at {number:g}, outside {_said(plan)}")


def _moved(guidance: Guidance, site: str, old: Band, new: Band) -> Iterator[float]:
    """The thresholds on a risk that another text of a band's condition moves; Refused if it says anything else anew.

    Two forms are read: the same condition with other numbers beside a risk, and `(the same) and risk >= number`.
    """
    if old.when == new.when:
        return
    was, now = _tree(old.when), _tree(new.when)
    if isinstance(now, ast.BoolOp) and isinstance(now.op, ast.And) and ast.dump(now.values[0]) == ast.dump(was):
        for added in now.values[1:]:
            yield _least(guidance, site, old, added)
        return
    before, after = list(ast.walk(was)), list(ast.walk(now))
    if len(before) != len(after):
        raise _too_far(guidance, site, f"band {old.name} would read another condition")
    beside = {id(number) for node in before if isinstance(node, ast.Compare) for number in _beside_risk(node)}
    for first, second in zip(before, after, strict=True):
        if isinstance(first, ast.Constant) and isinstance(second, ast.Constant):
            if first.value == second.value:
                continue
            if id(first) not in beside:
                raise _too_far(guidance, site, f"band {old.name} would move a number that is no threshold on the risk")
            yield _number(guidance, site, second)
        elif type(first) is not type(second) or getattr(first, "id", None) != getattr(second, "id", None):
            raise _too_far(guidance, site, f"band {old.name} would read another condition")


def _least(guidance: Guidance, site: str, band: Band, added: ast.expr) -> float:
    """The number of `risk >= number`."""
    if (
        isinstance(added, ast.Compare)
        and isinstance(added.left, ast.Name)
        and added.left.id == PRIMARY
        and [type(one) for one in added.ops] == [ast.GtE]
        and isinstance(added.comparators[0], ast.Constant)
    ):
        return _number(guidance, site, added.comparators[0])
    raise _too_far(guidance, site, f"band {band.name} may only be narrowed by `{PRIMARY} >= number`")


def _number(guidance: Guidance, site: str, node: ast.Constant) -> float:
    if isinstance(node.value, int | float):
        return float(node.value)
    raise _too_far(guidance, site, "a threshold is a number")


def _beside_risk(compare: ast.Compare) -> list[ast.Constant]:
    """Plain numbers that a risk is compared with."""
    parts = [compare.left, *compare.comparators]
    if not any(isinstance(one, ast.Name) and one.id == PRIMARY for one in parts):
        return []
    return [one for one in parts if isinstance(one, ast.Constant)]


def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _audit_only(guidance: Guidance, name: str) -> bool:
    return guidance.features[name].use == "audit"


def _said(plan: ChangePlan) -> str:
    low, high = plan.thresholds or (0.0, 1.0)
    return f"{low:g} to {high:g}"


def _too_far(guidance: Guidance, site: str, what: str) -> Refused:
    return Refused(
        f"it goes beyond the change plan: {what}",
        place=f"{guidance.id} at {site}",
        remedy="Stay within `change_plan` of the guidance, or propose a release with another policy",
    )


def _bad(guidance: Guidance, what: str) -> BadManifest:
    return BadManifest(
        f"the policy cannot be used: {what}", place=guidance.id, remedy="Approve a policy that fits the release"
    )
