"""What must be ready before it speaks, and before it speaks to everyone: a way back, a plan for change, live monitors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.guidance.lifecycle import SPEAKING, Check, Role
from services.registry.decisions.checked import met
from services.registry.decisions.gate_facts import GateFacts
from services.registry.decisions.rollbacks import NOTHING

CONFIRM: Final[frozenset[Role]] = frozenset({"clinical-reviewer"})


def readiness_gate(facts: GateFacts) -> Iterator[Check]:
    """The way back wherever it is to speak; the rest before general use."""
    if facts.to in SPEAKING:
        yield _rollback(facts)
    if facts.to == "general":
        yield _change_plan(facts)
        yield _monitors(facts)


def _rollback(facts: GateFacts) -> Check:
    declared = facts.around.rollback
    asked = "It is declared what speaks if it must be taken back"
    if declared is None:
        return Check(name="rollback", asked=asked, found="nothing is declared", verdict="does not meet")
    what = "nothing speaks then" if declared.fallback == NOTHING else f"{declared.fallback[:19]}… speaks then"
    return Check(
        name="rollback",
        asked=asked,
        found=f"{what}, by {declared.declared_by}" + (f"; {declared.trouble}" if declared.trouble else ""),
        verdict=met(not declared.trouble),
    )


def _change_plan(facts: GateFacts) -> Check:
    plan = facts.guidance.change_plan
    asked = "A change plan stands in the release, and is signed with it"
    if plan is None:
        return Check(name="change-plan", asked=asked, found="there is none", verdict="does not meet")
    allows = ", ".join(plan.allows) or "no change"
    found = f"{plan.version}: {allows}, at most {plan.updates_per_year} a year; {plan.owner} watches"
    if not plan.to_confirm:
        return Check(name="change-plan", asked=asked, found=found, verdict="meets", evidence=facts.release)
    return Check(
        name="change-plan",
        asked=f"{asked}; what its authors only propose is confirmed by a clinician",
        found=f"{found}. Proposed by the authors, and to be confirmed: {'; '.join(plan.to_confirm)}",
        verdict="cannot tell",
        evidence=facts.release,
        accepted_by=CONFIRM,
    )


def _monitors(facts: GateFacts) -> Check:
    """Not a promise: counts came back lately, and every worker's last word is that it has this release."""
    watch = facts.around.watch
    found = f"{len(watch.here)} worker(s) have it" + (f", {len(watch.elsewhere)} do not" if watch.elsewhere else "")
    found += f"; {watch.calls:,} calls since {watch.since}" if watch.last_day else "; no counts came back"
    live = bool(watch.here) and not watch.elsewhere and watch.calls > 0 and watch.last_day >= watch.since
    return Check(
        name="monitors-live",
        asked=f"Counts of the last {facts.policy.report_days} days came back, from workers that all have this release",
        found=found,
        verdict=met(live),
        numbers={"workers": len(watch.here), "elsewhere": len(watch.elsewhere), "calls": watch.calls},
    )
