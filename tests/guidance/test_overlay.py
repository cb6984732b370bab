"""How far a site's thresholds may move without a new release: as far as the change plan says, and nothing but numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.guidance.check import load_files
from services.guidance.definition import Guidance
from services.guidance.errors import Refused
from services.guidance.overlay import check_within_plan, policy_here
from tests.guidance import small_guidance

PLAN = {
    "version": "1.0.0", "allows": ["threshold"], "thresholds": [0.15, 0.4], "monitors": ["alerts a day"], "owner": "x",
}  # fmt: skip


def guidance(*, when: str = "risk >= 0.2", plan: dict[str, Any] | None = PLAN) -> Guidance:
    """The small guidance with a plain threshold and a change plan."""
    text = small_guidance.GUIDANCE.replace("when: risk >= 2 * base_rate", f"when: {when}")
    if plan is not None:
        text = text.replace("policy:\n", f"change_plan: {json.dumps(plan)}\npolicy:\n")
    return load_files(small_guidance.files(text)).definition


def bands(when: str, *, name: str = "high", card: str = "visit") -> dict[str, Any]:
    """An overlay's bands, the first with another condition."""
    return {"bands": [{"name": name, "when": when, "card": card}, {"name": "usual", "when": "risk >= 0"}]}


@pytest.mark.parametrize("when", ["risk >= 0.2", "risk >= 0.15", "risk >= 0.4", "(risk >= 0.2) and risk >= 0.31"])
def test_a_threshold_moves_within_the_plan(when: str) -> None:
    """Up and down to its edges, also in the form that `knowdo cds alerts` proposes; and it holds at that site only."""
    check_within_plan(guidance(), "north", bands(when))
    here = policy_here(guidance(), {"north": bands(when)}, "north")
    assert here.policy.bands[0].when == when
    assert policy_here(guidance(), {"north": bands(when)}, "south").policy.bands[0].when == "risk >= 0.2"


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("risk >= 0.1", "outside 0.15 to 0.4"),
        ("risk >= 0.41", "outside 0.15 to 0.4"),
        ("(risk >= 0.2) and risk >= 0.5", "outside 0.15 to 0.4"),
        ("(risk >= 0.2) and age >= 70", "may only be narrowed by"),
        ("risk > 0.2", "another condition"),
        ("age >= 0.2", "another condition"),
        ("risk >= 0.2 or age >= 0.3", "another condition"),
    ],
)
def test_what_the_plan_does_not_allow_is_refused(when: str, why: str) -> None:
    """Another range, another comparison, another feature."""
    with pytest.raises(Refused, match=why):
        check_within_plan(guidance(), "north", bands(when))


def test_only_a_threshold_on_the_risk_is_one() -> None:
    """A number beside a feature is part of the rule that was voted on."""
    with pytest.raises(Refused, match="no threshold on the risk"):
        check_within_plan(guidance(when="risk >= 0.2 and age >= 65"), "north", bands("risk >= 0.2 and age >= 70"))


def test_without_a_plan_no_threshold_moves() -> None:
    """What was not agreed on is not allowed; nor is another card or order."""
    with pytest.raises(Refused, match="lets no threshold move"):
        check_within_plan(guidance(plan=None), "north", bands("risk >= 0.3"))
    with pytest.raises(Refused, match="keep their names"):
        check_within_plan(guidance(), "north", bands("risk >= 0.3", name="higher"))
