"""The gates look at numbers: what is missing, too small, leaking, skewed or off its limit does not pass."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from services.guidance.change_plan import ChangePlan
from services.guidance.definition import Guidance
from services.guidance.evidence import Calibration, Estimate, Kind, SampleSize
from services.guidance.lifecycle import Check, State
from services.guidance.policies import POLICIES
from services.guidance.release import EvidencePack
from services.registry.decisions.gate_facts import Surroundings
from services.registry.decisions.gates import check_gate, within
from tests.guidance import small_guidance
from tests.registry.samples import RELEASE, bedside, evaluation, leaks, ready, silent_pack, training_pack

GUIDANCE = Guidance.model_validate(yaml.safe_load(small_guidance.GUIDANCE))
OTHER = "sha256:" + "b" * 64


PLANNED = GUIDANCE.model_copy(
    update={"change_plan": ChangePlan(version="1.0.0", monitors=("O/E",), owner="operations")}
)


def checks(
    to: State, *packs: EvidencePack, policy: str = "standard", around: Surroundings | None = None
) -> dict[str, Check]:
    """The checks of a gate by name; without `around` all is filed and live."""
    by_kind: dict[Kind, EvidencePack] = {one.evidence: one for one in packs}
    found = check_gate(
        to, guidance=PLANNED, release=RELEASE, packs=by_kind, policy=POLICIES[policy], around=around or ready()
    )
    return {one.name: one for one in found}


def in_the_way(
    to: State, *packs: EvidencePack, policy: str = "standard", around: Surroundings | None = None
) -> dict[str, str]:
    """Names and verdicts of the checks that do not meet."""
    return {
        name: one.verdict
        for name, one in checks(to, *packs, policy=policy, around=around).items()
        if one.verdict != "meets"
    }


def test_good_evidence_meets_every_check() -> None:
    """Silent needs the training evidence, pilot that and the silent month."""
    assert in_the_way("silent", training_pack(RELEASE)) == {}
    assert in_the_way("pilot", training_pack(RELEASE), silent_pack(RELEASE)) == {}


def test_missing_evidence_does_not_meet() -> None:
    """It is never green because it is not there."""
    assert in_the_way("silent") == {"training-evidence": "does not meet"}
    assert in_the_way("pilot", training_pack(RELEASE)) == {"silent-evidence": "does not meet"}


def test_evidence_of_another_release_does_not_meet() -> None:
    """Neither the pack nor the report in it may be about anything else."""
    assert in_the_way("silent", training_pack(OTHER))["training-evidence"] == "does not meet"
    moved = EvidencePack(evidence="training", release=RELEASE, files=training_pack(OTHER).files)
    assert in_the_way("silent", moved) == {"training-report-bound": "does not meet"}
    silent = EvidencePack(evidence="silent", release=RELEASE, files=silent_pack(OTHER).files)
    assert in_the_way("pilot", training_pack(RELEASE), silent) == {"silent-report-bound": "does not meet"}


def better_than(auroc: float) -> dict[str, Any]:
    """Models of which one, not chosen, has this AUROC."""
    model = evaluation().models["scorecard"]
    return {"scorecard": model, "forest": replace(model, auroc=auroc, auroc_ci=(auroc - 0.01, auroc + 0.01))}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"rows": 600}, "sample-size"),
        ({"events": 99}, "sample-size"),
        ({"sample_size": SampleSize(needed=2001, rows=2000, events=240, parameters=90)}, "sample-size"),
        ({"leaks": leaks(found=("discharge code among the inputs",))}, "leak-alarms"),
        ({"leaks": leaks(largest_feature_auroc=0.96)}, "too-good"),
        ({"models": better_than(0.96)}, "too-good"),
        ({"leaks": leaks(shuffled_auroc=Estimate(value=0.7, ci=(0.65, 0.75)))}, "shuffled-labels"),
        ({"guidance": "another"}, "training-report-bound"),
    ],
)
def test_each_training_check_can_fail_alone(change: dict[str, Any], check: str) -> None:
    """One thing wrong is one check that does not meet, with its numbers and the digest of the evidence."""
    pack = training_pack(RELEASE, **change)
    assert in_the_way("silent", pack) == {check: "does not meet"}
    assert checks("silent", pack)[check].evidence == pack.digest


def test_an_interval_that_does_not_hold_its_estimate_does_not_meet() -> None:
    """An AUROC outside its own interval, or an interval of no width, is no interval."""
    for interval in ((0.73, 0.75), (0.72, 0.72)):
        models = {"scorecard": replace(evaluation().models["scorecard"], auroc_ci=interval)}
        assert in_the_way("silent", training_pack(RELEASE, models=models)) == {"intervals": "does not meet"}


def calibration(low: float, high: float) -> Calibration:
    """Observed to expected with this interval."""
    return Calibration(observed=300, expected=290, o_e=Estimate(value=(low + high) / 2, ci=(low, high)))


def rate(low: float, high: float) -> Estimate:
    """An alert rate with this interval."""
    return Estimate(value=(low + high) / 2, ci=(low, high))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"decisions": 999, "matured": 900}, {"silent-size": "does not meet"}),
        ({"matured": 499}, {"silent-size": "does not meet"}),
        ({"events": 99}, {"silent-size": "does not meet"}),
        ({"calibration": calibration(0.7, 1.3)}, {"calibration": "cannot tell"}),
        ({"calibration": calibration(0.4, 0.79)}, {"calibration": "does not meet"}),
        ({"calibration": calibration(1.26, 2.0)}, {"calibration": "does not meet"}),
        ({"alert_rate": rate(0.15, 0.25)}, {"alert-burden": "cannot tell"}),
        ({"alert_rate": rate(0.21, 0.25)}, {"alert-burden": "does not meet"}),
        ({"alert_budget": 0.5}, {"silent-report-bound": "does not meet"}),
        ({"different": 3, "causes": {"late result": 2}}, {"feature-skew": "does not meet"}),
        ({"different": 3, "causes": {"late result": 3}}, {}),
        ({"unknown_share": 0.6}, {"unknown-data": "does not meet"}),
        ({"bedside": None}, {"silent-source": "cannot tell"}),
        ({"bedside": bedside(3000, live=2999, replayed=1)}, {"silent-source": "cannot tell"}),
        ({"bedside": bedside(3000, answers=1)}, {"silent-unseen": "does not meet"}),
        ({"bedside": bedside(3000, ended={"shown": 1, "silent": 2999})}, {"silent-unseen": "does not meet"}),
        ({"bedside": bedside(3000, failed=rate(0.01, 0.03))}, {"silent-faults": "does not meet"}),
        ({"bedside": bedside(3000, failed=rate(0.0, 0.02))}, {}),
        ({"bedside": bedside(3000, not_in_record=151)}, {"silent-joined": "does not meet"}),
        ({"bedside": bedside(3000, not_in_record=150)}, {}),
    ],
)
def test_each_silent_check_has_three_answers(change: dict[str, Any], found: dict[str, str]) -> None:
    """Inside the limit meets, outside does not, across it cannot tell; skew needs a cause for every difference."""
    assert in_the_way("pilot", training_pack(RELEASE), silent_pack(RELEASE, **change)) == found


def test_replayed_calls_do_where_patients_are_made_up() -> None:
    """Under the demonstration's policy a silent month may be a replay, and the check says that it is one."""
    month = silent_pack(RELEASE, bedside=bedside(3000, live=0, replayed=3000))
    found = checks("pilot", training_pack(RELEASE), month, policy="demo")
    assert found["silent-source"].verdict == "meets"
    assert found["silent-source"].found == "3,000 decisions that the CDS service made and kept on replayed calls"


def test_a_doubt_names_who_may_accept_it() -> None:
    """Numbers by those who know numbers, burden by those who bear it; a failure by nobody."""
    found = checks("pilot", training_pack(RELEASE), silent_pack(RELEASE))
    assert found["calibration"].accepted_by == {"data-science-reviewer", "statistician"}
    assert found["alert-burden"].accepted_by == {"clinical-reviewer", "operations"}
    assert not found["silent-size"].accepted_by


def test_a_pack_without_its_report_does_not_meet() -> None:
    """Nor one whose report cannot be read."""
    for files in ({"notes.txt": b"all fine"}, {"evaluation.json": b"{}"}):
        pack = EvidencePack(evidence="training", release=RELEASE, files=files)
        assert in_the_way("silent", pack) == {"training-report": "does not meet"}


def test_the_demo_policy_takes_smaller_samples_and_replays_and_nothing_else() -> None:
    """A small sample passes under demo only; a leak, a skew and a miscalibration pass under neither."""
    small = training_pack(RELEASE, rows=250, events=30), silent_pack(RELEASE, decisions=80, matured=60, events=8)
    assert in_the_way("pilot", *small, policy="demo") == {}
    assert set(in_the_way("pilot", *small)) == {"sample-size", "silent-size"}
    bad = silent_pack(RELEASE, calibration=calibration(2.0, 3.0), different=5)
    leaking = training_pack(RELEASE, leaks=leaks(largest_feature_auroc=0.97))
    assert set(in_the_way("pilot", leaking, bad, policy="demo")) == {"too-good", "calibration", "feature-skew"}


@pytest.mark.parametrize(
    ("ci", "verdict"),
    [
        ((0.8, 1.25), "meets"),
        ((0.79, 1.0), "cannot tell"),
        ((1.0, 1.26), "cannot tell"),
        ((0.5, 2.0), "cannot tell"),
        ((0.5, 0.79), "does not meet"),
        ((1.26, 1.3), "does not meet"),
    ],
)
def test_within_is_decided_by_the_whole_interval(ci: tuple[float, float], verdict: str) -> None:
    """Never by the estimate alone."""
    assert within(Estimate(value=1.0, ci=ci), 0.8, 1.25) == verdict


@pytest.mark.parametrize("to", ["suspended", "retired"])
def test_steps_without_evidence_have_no_checks(to: State) -> None:
    """They need people, not numbers."""
    assert checks(to) == {}
