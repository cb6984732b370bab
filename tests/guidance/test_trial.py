"""A trial is strict: what it says is exact, and what nobody understands is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.guidance.trial import Trial, TrialPlan, with_seed

PLAN: dict[str, Any] = {
    "id": "tea-1",
    "unit": "patient",
    "arms": [{"name": "show", "weight": 9, "shows": True}, {"name": "withheld", "weight": 1, "shows": False}],
}


def test_a_plan_becomes_a_trial_with_its_key() -> None:
    """Probabilities are weights over their sum; the key is in the digest and not in what people are shown."""
    trial = with_seed(msgspec.convert(PLAN, TrialPlan), "0a" * 32)
    assert [trial.probability_of(arm) for arm in trial.arms] == [0.9, 0.1]
    assert trial.digest != with_seed(msgspec.convert(PLAN, TrialPlan), "0b" * 32).digest
    assert "0a0a" not in str(trial.shown)
    assert msgspec.convert(msgspec.to_builtins(trial), Trial) == trial


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "with space"},
        {"unit": "ward"},
        {"arms": []},
        {"arms": [{"name": "show", "weight": 0, "shows": True}]},
        {"arms": [{"name": "show", "weight": 0.5, "shows": True}]},
        {"arms": [{"name": "show", "weight": 1}]},
        {"arms": [{"name": "unassigned", "weight": 1, "shows": True}]},
        {"arms": [{"name": "show", "weight": 1, "shows": True}] * 2},
        {"arms": [{"name": f"a{n}", "weight": 1, "shows": True} for n in range(9)]},
        {"seed": "0a" * 32},
        {"more": 1},
    ],
)
def test_what_is_no_plan_is_refused(change: dict[str, Any]) -> None:
    """No unit that cannot be drawn, no share that is not exact, no key of one's own choice."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(PLAN | change, TrialPlan)
