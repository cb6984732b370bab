"""Before it speaks: groups of patients, a filed trial, a way back; before general use: what the trial found, and live monitors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from services.guidance.estimate import Estimate
from services.guidance.lifecycle import Check
from services.guidance.policies import POLICIES
from services.guidance.trial import TrialPlan, with_seed
from services.guidance.trial_evidence import Harm, Tally
from services.registry.decisions.gate_facts import Surroundings, Watch
from services.registry.decisions.rollbacks import Rollback
from tests.registry import samples
from tests.registry.decisions.test_gates import GUIDANCE, check_gate, checks, in_the_way
from tests.registry.samples import RELEASE, TRIAL, effect, group, groups, ready, silent_pack, training_pack, trial_pack


def told(*members: dict[str, Any], **change: Any) -> dict[str, Check]:
    """The checks before the pilot, with these groups."""
    pack = training_pack(RELEASE, files={"evidence.json": groups(RELEASE, *members, **change)})
    return checks("pilot", pack, silent_pack(RELEASE))


def test_a_group_outside_its_limit_blocks_and_nobody_may_accept_it() -> None:
    """One group wholly outside one limit is enough; it is named, with the number in which it is worse."""
    found = told(group("race", "white"), group("race", "black", observed_expected=(1.3, 1.7)))["groups/race"]
    assert (found.verdict, found.found) == ("does not meet", "worse for black (observed to expected)")
    assert found.numbers == {"groups": 2, "worse": 1, "unsure": 0}


@pytest.mark.parametrize(
    "unsure",
    [
        group("race", "asian", sensitivity=(0.2, 0.5)),
        group("race", "asian", small=True, observed_expected=(2.0, 3.0)),
        group("race", "asian", auroc=None),
    ],
)
def test_a_group_that_cannot_be_told_needs_the_equity_reviewer_and_a_plan(unsure: dict[str, Any]) -> None:
    """Across a limit, too small, or without a number: listed, doubted, and only that role may accept it."""
    found = told(group("race", "white"), unsure)["groups/race"]
    assert (found.verdict, found.accepted_by, found.asks_plan) == ("cannot tell", {"equity-reviewer"}, True)
    assert "asian" in found.found


def test_intersections_and_what_was_not_looked_at_count_as_well() -> None:
    """Two attributes together block like one; an attribute that nobody recorded is a doubt, never green."""
    both = group("sex and race", "female, black", false_alarm_rate=(0.3, 0.4))
    found = told(intersections=[both], not_looked_at=[{"attribute": "language", "why": "It is not recorded."}])
    assert found["groups/sex and race"].verdict == "does not meet"
    assert (found["groups/language"].verdict, found["groups/language"].found) == ("cannot tell", "It is not recorded.")


def test_the_report_is_not_believed_where_its_intervals_are_too_narrow() -> None:
    """Not widened for the number of groups, limits other than the release's, or another release: each does not meet."""
    assert told(level=0.95)["groups/intervals"].verdict == "does not meet"
    other = training_pack(RELEASE, files={"evidence.json": groups("sha256:" + "b" * 64)})
    assert checks("pilot", other, silent_pack(RELEASE))["groups"].verdict == "does not meet"
    silent = silent_pack(RELEASE)
    for data in (b"{", b"{}"):
        broken = training_pack(RELEASE, files={"evidence.json": data})
        assert in_the_way("pilot", broken, silent) == {"groups": "does not meet"}


def left_to_committee(*members: dict[str, Any]) -> dict[str, Check]:
    """The checks before the pilot of a guidance that leaves error rates to the committee, with these groups."""
    limits = GUIDANCE.evidence.model_copy(update={"error_rates": "committee"})
    guidance = GUIDANCE.model_copy(update={"evidence": limits})
    table = groups(RELEASE, *members)
    said = json.loads(table) | {"limits": limits.model_dump(mode="json")}
    pack = training_pack(RELEASE, files={"evidence.json": json.dumps(said).encode()})
    packs: Any = {"training": pack, "silent": silent_pack(RELEASE)}
    found = check_gate(
        "pilot", guidance=guidance, release=RELEASE, packs=packs, policy=POLICIES["standard"], around=ready()
    )
    return {one.name: one for one in found}


MISSED = {"sensitivity": (0.05, 0.2)}


def test_error_rates_left_to_the_committee_are_a_question_of_their_own_with_the_figures_in_it() -> None:
    """Of a group that is less ill fewer are flagged: the figure, the limit and what its risks imply must be answered."""
    found = left_to_committee(
        group("age", "18 to 44", by_its_risks={"sensitivity": 0.13}, **MISSED),
        group("age", "65 to 79", sensitivity=(0.2, 0.4)),
    )
    asked = found["groups/age/error-rates"]
    assert (asked.verdict, asked.accepted_by, asked.asks_plan) == ("cannot tell", {"equity-reviewer"}, True)
    assert asked.found == (
        "OUTSIDE the limit agreed before the data: 18 to 44: of 100 with the event 13 (5 to 20) are flagged, agreed at "
        "least 25; 13 of 100 if each of its risks is right"
    )
    assert found["groups/age"].found == "1 of 2 cannot be told: 65 to 79"
    assert found["groups/age"].numbers["worse"] == 1


def test_who_accepts_that_small_groups_cannot_be_told_has_not_answered_for_error_rates() -> None:
    """Two names on the ballot: one tick does not stand for the other."""
    found = left_to_committee(group("age", "18 to 44", by_its_risks={"sensitivity": 0.13}, **MISSED))
    assert found["groups/age"].verdict == "meets"
    assert found["groups/age"].found == "all 1 groups keep every limit but those left to the committee"
    assert found["groups/age/error-rates"].verdict == "cannot tell"


@pytest.mark.parametrize(
    "worse",
    [
        group("race", "black", by_its_risks={"sensitivity": 0.3}, **MISSED),
        group("race", "black", **MISSED),
        group("race", "black", by_its_risks={"sensitivity": 0.13}, observed_expected=(1.3, 1.5), **MISSED),
        group("race", "black", by_its_risks={"sensitivity": 0.13}, auroc=(0.5, 0.6), **MISSED),
        group("race", "black", by_its_risks={"false_alarm_rate": 0.2}, false_alarm_rate=(0.3, 0.4)),
    ],
)
def test_more_missed_than_its_own_risks_make_blocks_although_error_rates_are_left_to_the_committee(
    worse: dict[str, Any],
) -> None:
    """Missed beyond what its risks imply, of unknown cause, or with risks that are wrong for it: nobody may accept it."""
    assert left_to_committee(group("race", "white"), worse)["groups/race"].verdict == "does not meet"


def test_false_alarms_of_a_group_that_is_more_ill_go_to_the_committee_as_well() -> None:
    """Of those without the event more are flagged where risks are higher; the words say so."""
    ill = group("age", "80 and over", by_its_risks={"false_alarm_rate": 0.31}, false_alarm_rate=(0.3, 0.4))
    found = left_to_committee(ill)["groups/age/error-rates"].found
    assert "of 100 without the event 35 (30 to 40) are flagged, agreed at most 20; 31 of 100 if" in found


NOTHING = Surroundings()
ONE_ARM = with_seed(TrialPlan(id="none", unit="patient", arms=tuple(arm for arm in TRIAL.arms if arm.shows)), "cd" * 32)
GONE = Rollback(
    fallback="sha256:1", reason="x", declared_by="Jon", declared_at="2026-11-01", trouble="that release is retired"
)


@pytest.mark.parametrize(
    ("around", "found"),
    [
        (NOTHING, {"trial-protocol": "does not meet", "rollback": "does not meet"}),
        (ready(trial=None), {"trial-protocol": "does not meet"}),
        (ready(trial=ONE_ARM), {"trial-protocol": "cannot tell"}),
        (ready(rollback=None), {"rollback": "does not meet"}),
        (ready(rollback=GONE), {"rollback": "does not meet"}),
    ],
)
def test_a_pilot_needs_a_trial_and_a_way_back(around: Surroundings, found: dict[str, str]) -> None:
    """Without a trial filed, or with nobody to compare with, or nothing to go back to, it is in the way and named."""
    assert in_the_way("pilot", training_pack(RELEASE), silent_pack(RELEASE), around=around) == found


def general(around: Surroundings | None = None, **change: Any) -> dict[str, str]:
    """What is in the way of general use, with some of the trial's report changed."""
    packs = training_pack(RELEASE), silent_pack(RELEASE), trial_pack(RELEASE, TRIAL.digest, **change)
    return in_the_way("general", *packs, around=around)


def with_difference(low: float, high: float) -> Any:
    """A primary outcome with this interval around what the counts give."""
    return effect(difference=Estimate(value=-0.054, ci=(low, high)))


def test_a_trial_that_helped_lets_it_go_on() -> None:
    """Bound, large enough, an effect on the wanted side, harms within what was allowed, all live: nothing is in the way."""
    assert general() == {}
    assert in_the_way("general", training_pack(RELEASE), silent_pack(RELEASE)) == {"trial-evidence": "does not meet"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"primary": with_difference(-0.09, 0.01)}, {"trial-effect": "cannot tell"}),
        ({"primary": effect(shown=180, withheld=120)}, {"trial-effect": "does not meet"}),
        ({"primary": replace(effect(shown=180, withheld=120), wanted="more")}, {}),
        ({"primary": effect(difference=Estimate(value=-0.1, ci=(-0.2, -0.05)))}, {"trial-counts": "does not meet"}),
        (
            {"primary": effect(difference=Estimate(value=-0.1, ci=(-0.2, -0.05)), method="adjusted for ward")},
            {"trial-counts": "cannot tell"},
        ),
        ({"planned_units": 9000}, {"trial-size": "does not meet"}),
        ({"primary": effect(shown=20, withheld=60)}, {"trial-size": "does not meet"}),
        ({"guidance": "another"}, {"trial-report-bound": "does not meet"}),
        ({"unit": "clinician"}, {"trial-report-bound": "does not meet"}),
        ({"harms": ()}, {"trial-harms": "cannot tell"}),
        ({"harms": (Harm(effect=effect("died", shown=60, withheld=20), at_most=0.005),)}, {"trial-harm-1": "does not meet"}),
        ({"harms": (Harm(effect=effect("died", shown=22, withheld=20), at_most=0.01),)}, {"trial-harm-1": "cannot tell"}),
    ],
)  # fmt: skip
def test_the_result_of_a_trial_is_read_by_rule(change: dict[str, Any], found: dict[str, str]) -> None:
    """Size, counts, effect and each harm have an answer of their own."""
    assert general(**change) == found


def test_a_trial_that_was_never_filed_is_no_evidence() -> None:
    """Nor one whose arms are others than those that people voted for."""
    assert general(ready(trials={})) == {"trial-report-bound": "does not meet"}
    strange = replace(effect(), arms=(*effect().arms, Tally(arm="third", shows=True, units=9, followed=0, events=0)))
    assert general(primary=strange)["trial-report-bound"] == "does not meet"


@pytest.mark.parametrize(
    "watch",
    [
        Watch(),
        Watch(last_day="2026-11-22", calls=40, since="2026-11-20"),
        Watch(here=("cds/w1",), since="2026-11-20"),
        Watch(here=("cds/w1",), last_day="2026-11-02", calls=0, since="2026-11-20"),
        Watch(here=("cds/w1",), elsewhere=("cds/w2",), last_day="2026-11-22", calls=40, since="2026-11-20"),
    ],
)
def test_monitors_are_live_only_if_they_were_heard(watch: Watch) -> None:
    """No worker, no counts, old counts, or a worker that says something else: not live."""
    assert general(ready(watch=watch)) == {"monitors-live": "does not meet"}


def test_general_use_needs_a_change_plan_in_the_release() -> None:
    """What stands nowhere was not signed."""
    packs: Any = {
        "training": training_pack(RELEASE),
        "silent": silent_pack(RELEASE),
        "trial": trial_pack(RELEASE, TRIAL.digest),
    }
    found = check_gate(
        "general", guidance=GUIDANCE, release=RELEASE, packs=packs, policy=POLICIES["standard"], around=ready()
    )
    assert {one.name for one in found if one.verdict != "meets"} == {"change-plan"}


def test_what_it_does_not_say_of_itself_stops_it_before_development() -> None:
    """Whose it is, what for, and how it may do harm: each that is blank is named."""
    assert in_the_way("development") == {}
    silent_about = GUIDANCE.model_copy(update={"about": GUIDANCE.about.model_copy(update={"funding": " "})})
    found = check_gate("development", guidance=silent_about, release=RELEASE, packs={}, policy=POLICIES["standard"])
    assert {one.name: one.found for one in found if one.verdict != "meets"} == {
        "registered": "not said: who paid for it"
    }


def test_the_data_must_be_named_and_of_their_time() -> None:
    """Without a manifest, with other rows than the report's, or with one value from the future, training evidence fails."""
    report = samples.evaluation()
    for change in ({"rows": 1}, {"values_from_the_future": 1}, {"from": "2020-01-01T00:00:00Z"}, {"store": ""}):
        pack = training_pack(RELEASE, files={"dataset.json": samples.dataset(report, **change)})
        assert in_the_way("silent", pack) == {"dataset": "does not meet"}
    broken = training_pack(RELEASE, files={"dataset.json": b"{}"})
    assert in_the_way("silent", broken) == {"training-report": "does not meet"}
