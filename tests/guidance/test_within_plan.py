"""An update is within its change plan only if nothing but what the plan allows differs, and it is not worse."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.check import load_files
from services.guidance.definition import Guidance
from services.guidance.release import ReleaseBundle, canonical_json
from services.guidance.within_plan import comparison_line, file_line, plan_digest, text_lines, updates_line
from tests.guidance import small_guidance

PLAN = """\
change_plan:
  version: 1.0.0
  allows: [{allows}]
{thresholds}  updates_per_year: 2
  not_worse_by: 0.02
  monitors: [calibration by month]
  owner: operations
"""
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def files(*, allows: str = "refit", thresholds: str = "", model: dict[str, Any] | None = None, **swap: str) -> Any:
    """The small guidance with a plan and a model; `swap`: texts of guidance.yaml to be replaced, `__` for a space."""
    made = dict(small_guidance.files())
    text = made["guidance.yaml"].decode() + PLAN.format(allows=allows, thresholds=thresholds)
    for old, new in swap.items():
        assert old.replace("__", " ") in text
        text = text.replace(old.replace("__", " "), new)
    made["guidance.yaml"] = text.encode()
    made["model.json"] = canonical_json(model or MODEL)
    made["reference.json"] = b"{}"
    return made


MODEL: dict[str, Any] = {"kind": "scorecard", "inputs": ["age"], "intercept": -2, "calibration": {"slope": 1}}


def guidance(some: Any) -> Guidance:
    """What the files say."""
    return load_files(
        {name: data for name, data in some.items() if not name.startswith(("model", "reference"))}
    ).definition


def bundle(some: Any) -> ReleaseBundle:
    """As a release."""
    return ReleaseBundle(guidance="small", version="1.0.0", files=some)


def text_of(old: Any, new: Any) -> dict[str, bool]:
    """Which lines about the text hold."""
    return {line.name: line.holds for line in text_lines(guidance(old), guidance(new))}


HOLDS = {"plan": True, "text": True, "thresholds": True}


def test_another_version_alone_holds_in_every_line() -> None:
    """And comments may differ, which say nothing to a machine."""
    assert text_of(files(), files(**{"version:__1.0.0\ntitle": "version: 1.0.1 # as of May\ntitle"})) == HOLDS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("window:__{days:__7}", "window: {days: 14}"),
        ("include:__[age__>=__18]", "include: [age >= 16]"),
        ("horizon_days:__30", "horizon_days: 60"),
        ("intended_use:__Tests.", "intended_use: More tests."),
    ],
)
def test_another_input_population_outcome_or_word_is_outside(old: str, new: str) -> None:
    """It is another guidance, and the plan has nothing to say of it."""
    assert text_of(files(), files(**{old: new})) == {**HOLDS, "text": False}


def test_the_plan_itself_cannot_be_changed_by_an_update() -> None:
    """Else an update could allow itself."""
    assert text_of(files(), files(**{"updates_per_year:__2": "updates_per_year: 52"})) == {**HOLDS, "plan": False}


@pytest.mark.parametrize(("number", "holds"), [("0.2", True), ("0.35", False)])
def test_a_threshold_moves_only_where_the_plan_lets_it_lie(number: str, holds: bool) -> None:
    """Between 0.1 and 0.3; and nowhere without a plan for it."""
    was, now = {"2__*__base_rate": "0.15"}, {"2__*__base_rate": number}
    plan = {"allows": "threshold", "thresholds": "  thresholds: [0.1, 0.3]\n"}
    assert text_of(files(**plan, **was), files(**plan, **now)) == {**HOLDS, "thresholds": holds}
    assert text_of(files(**was), files(**now)) == {**HOLDS, "thresholds": False}


@pytest.mark.parametrize(
    ("allows", "change", "holds"),
    [
        ("refit", {"intercept": -1}, True),
        ("refit", {"kind": "logistic"}, False),
        ("refit", {"inputs": ["age", "hb"]}, False),
        ("recalibrate", {"calibration": {"slope": 2}}, True),
        ("recalibrate", {"intercept": -1}, False),
        ("", {"calibration": {"slope": 2}}, False),
    ],
)
def test_a_model_differs_only_as_the_plan_allows(allows: str, change: dict[str, Any], holds: bool) -> None:
    """Fitted anew or calibrated anew: of the same family, on the same inputs."""
    old = files(allows=allows)
    line = file_line(bundle(old), bundle(files(allows=allows, model={**MODEL, **change})), guidance(old))
    assert line.holds is holds, line.found
    assert file_line(bundle(old), bundle(old), guidance(old)).holds


def test_any_other_file_is_outside() -> None:
    """Codes, resources, and what a reader is told; a new file, too."""
    old = files()
    for name in ("value_sets.json", "resources/tea.json"):
        line = file_line(bundle(old), bundle({**old, name: b"{ }"}), guidance(old))
        assert (line.holds, line.found) == (False, f"{name} differs")


def document(low: float, *, release: str = B, against: str | None = A, kind: str = "incumbent") -> bytes:
    """The part of evidence.json that compares."""
    rival = {"kind": kind, "gain": {"value": low + 0.01, "ci": [low, low + 0.02]}}
    return canonical_json(
        {"release": release, "against": against, "predictions": {"risk": {"looks": {"rivals": [rival]}}}}
    )


@pytest.mark.parametrize(
    ("data", "holds"),
    [
        (document(-0.019), True),
        (document(-0.02), False),
        (document(0.1, against=B), False),
        (document(0.1, release=A), False),
        (document(0.1, against=None), False),
        (document(0.1, kind="simple"), False),
        (b"{", False),
        (None, False),
    ],
)
def test_it_is_not_worse_on_the_same_cases_or_it_is_outside(data: bytes | None, holds: bool) -> None:
    """By the lower end of the interval, and against the very release that the committee agreed to."""
    plan = guidance(files()).change_plan
    assert plan is not None
    assert comparison_line(plan, data, release=B, against=A).holds is holds


def test_more_updates_than_a_year_allows_are_outside() -> None:
    """Two are allowed: the third is not."""
    plan = guidance(files()).change_plan
    assert plan is not None
    assert [updates_line(plan, before).holds for before in (0, 1, 2, 3)] == [True, True, False, False]
    assert plan_digest(plan) == plan_digest(plan.model_copy())
    assert plan_digest(plan) != plan_digest(plan.model_copy(update={"updates_per_year": 3}))
