"""The gate before silence, of several predictions: each passes on its own, and what could not be judged is never green."""

from __future__ import annotations

from typing import Any

import pytest

from services.guidance.check import load_files
from services.guidance.evidence import Estimate, JudgedPrediction, SampleSize, Validation, Weighed
from services.guidance.lifecycle import Check
from services.guidance.policies import POLICIES
from services.guidance.prediction_definition import LaterTime, ValidationSchemes
from services.guidance.release import EvidencePack
from services.registry.decisions.gates import check_gate
from services.registry.decisions.training_gate import NUMBERS
from tests.guidance import several_predictions
from tests.registry.samples import (
    RELEASE,
    UNEVALUATED,
    later_time,
    leaks,
    learned,
    ready,
    silent_pack,
    training_pack,
    unevaluated,
    weighed,
)

GUIDANCE = load_files(several_predictions.files()).definition
POLICY = POLICIES["standard"]
BOTH: dict[str, JudgedPrediction] = {"deterioration": learned(), "heart": weighed()}


def checks(change: dict[str, JudgedPrediction], **first: Any) -> dict[str, Check]:
    """The checks of the gate by name."""
    pack = training_pack(RELEASE, predictions=BOTH | change, **first)
    return by_name(pack)


def by_name(pack: EvidencePack) -> dict[str, Check]:
    """The checks of one pack."""
    found = check_gate("silent", guidance=GUIDANCE, release=RELEASE, packs={"training": pack}, policy=POLICY)
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def in_the_way(change: dict[str, JudgedPrediction], **first: Any) -> dict[str, str]:
    """Names and verdicts of the checks that do not meet."""
    return {name: one.verdict for name, one in checks(change, **first).items() if one.verdict != "meets"}


def ratio(low: float, high: float) -> Weighed:
    """A published score whose observed to expected has this interval."""
    estimate = Estimate(value=(low + high) / 2, ci=(low, high))
    return Weighed(score="healthy", mean_risk=0.05, scored=1800, observed_expected=estimate)


def test_good_evidence_of_each_prediction_meets_every_check() -> None:
    """The first by its old names, the others by theirs; each says what it is about."""
    assert in_the_way({}) == {}
    found = checks({})
    assert {
        "sample-size",
        "deterioration/sample-size",
        "deterioration/leak-alarms",
        "heart/published-calibration",
    } <= set(found)
    assert "heart/sample-size" not in found  # nothing was learned, so there is no sample to be too small
    assert found["heart/intervals"].asked.startswith("a heart attack, stroke or heart failure in 10 years: ")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"deterioration": learned(rows=600)}, {"deterioration/sample-size": "does not meet"}),
        ({"deterioration": learned(leaks=leaks(found=("It rang.",)))}, {"deterioration/leak-alarms": "does not meet"}),
        (
            {"deterioration": learned(leaks=leaks(largest_feature_auroc=0.97))},
            {"deterioration/too-good": "does not meet"},
        ),
        ({"heart": weighed(published=ratio(1.3, 1.6))}, {"heart/published-calibration": "does not meet"}),
        ({"heart": weighed(published=ratio(0.7, 1.3))}, {"heart/published-calibration": "cannot tell"}),
        ({"heart": unevaluated()}, {"heart/published-unevaluated": "cannot tell"}),
        ({"heart": learned()}, {"heart/kind-of-model": "does not meet"}),
        ({"deterioration": weighed()}, {"deterioration/kind-of-model": "does not meet"}),
        ({"strange": learned()}, {"training-report-bound": "does not meet"}),
    ],
)
def test_each_prediction_can_fail_alone(change: dict[str, JudgedPrediction], found: dict[str, str]) -> None:
    """What is wrong with one is named by it; a published risk whose interval crosses the limit cannot tell."""
    assert in_the_way(change) == found


@pytest.mark.parametrize(
    ("validations", "said"),
    [
        ((), "only patients drawn at random were held back"),
        ((later_time(scheme="site", name="east"),), "only patients drawn at random were held back"),
        ((later_time(auroc=None, unjudged="Too few."), later_time(scheme="site", name="east")), "Too few."),
    ],
)
def test_a_random_split_alone_does_not_meet(validations: tuple[Validation, ...], said: str) -> None:
    """Nor do other sites make up for a later time that was not tested; nobody may accept it."""
    check = checks({"deterioration": learned(validations=validations)})["deterioration/later-time"]
    assert (check.verdict, check.found, check.accepted_by) == ("does not meet", said, frozenset())


def test_a_declared_reason_against_later_time_must_be_accepted_by_name() -> None:
    """Only the release's own guidance can declare it: the sentence in the evidence alone is no excuse."""
    why = "The dates of this table are made up."
    untested = training_pack(
        RELEASE, predictions=BOTH, validations=(later_time(auroc=None, unjudged=why),), no_later_time=why
    )
    assert by_name(untested)["later-time"].verdict == "does not meet"
    recipe = GUIDANCE.model.model_copy(update={"validation": ValidationSchemes(temporal=LaterTime(impossible=why))})
    guidance = GUIDANCE.model_copy(update={"model": recipe})
    found = check_gate("silent", guidance=guidance, release=RELEASE, packs={"training": untested}, policy=POLICY)
    (check,) = (one for one in found if one.verdict != "meets")
    assert (check.name, check.verdict, check.accepted_by) == ("later-time", "cannot tell", NUMBERS)
    assert check.found == f"declared impossible: {why}"


def test_the_later_time_is_shown_with_its_numbers() -> None:
    """When, how many, and how well; a reader need not open the report."""
    check = checks({})["later-time"]
    assert check.found == "2025-02-01 to 2025-12-31, 560 rows, 66 events: AUROC 0.710 (0.650 to 0.770)"
    size = SampleSize(needed=660, rows=2000, events=240, parameters=8, external=7300)
    assert checks({}, sample_size=size)["later-time"].found.endswith("; narrow intervals ask for 7,300 rows")
    assert check.numbers == {"rows": 560, "events": 66, "fitted_rows": 1350, "auroc": 0.71}


def test_a_prediction_without_evidence_does_not_meet() -> None:
    """What the guidance predicts and the report does not mention is not there."""
    pack = training_pack(RELEASE, predictions={"heart": weighed()})
    assert by_name(pack)["training-report-bound"].verdict == "does not meet"


def test_what_could_not_be_judged_is_accepted_by_a_reviewer_or_not_at_all() -> None:
    """The sentence says why; who may accept it is named; no number is made up."""
    check = checks({"heart": unevaluated()})["heart/published-unevaluated"]
    assert check.found == UNEVALUATED
    assert check.accepted_by == NUMBERS
    assert check.numbers["events"] == 0


def test_a_first_prediction_that_is_published_is_weighed_as_well() -> None:
    """And in its silent month, where nothing is known yet, somebody must answer for it, too."""
    score = GUIDANCE.predictions["heart"].model
    guidance = GUIDANCE.model_copy(update={"model": score, "predictions": {}})
    first = unevaluated()
    names = ("rows", "events", "patients", "models", "chosen", "published", "unevaluated")
    facts: dict[str, Any] = {name: getattr(first, name) for name in names}
    pack = training_pack(RELEASE, **facts, price_of_glass_box=None, leaks=None, sample_size=None)
    silent = silent_pack(RELEASE, matured=0, events=0, calibration=None)
    found = check_gate(
        "pilot",
        guidance=guidance,
        release=RELEASE,
        packs={"training": pack, "silent": silent},
        policy=POLICY,
        around=ready(),
    )
    assert {one.name: one.accepted_by for one in found if one.verdict != "meets"} == {
        "published-unevaluated": NUMBERS, "calibration": NUMBERS,
    }  # fmt: skip


def test_a_learned_model_must_wait_for_its_outcomes() -> None:
    """No calibration in the silent month is no pass for what was learned."""
    silent = silent_pack(RELEASE, matured=0, events=0, calibration=None)
    packs = {"training": training_pack(RELEASE, predictions=BOTH), "silent": silent}
    found = check_gate("pilot", guidance=GUIDANCE, release=RELEASE, packs=packs, policy=POLICY, around=ready())  # type: ignore[arg-type]
    assert {one.name: one.verdict for one in found if one.verdict != "meets" and "groups" not in one.name} == {
        "silent-size": "does not meet", "calibration": "cannot tell",
    }  # fmt: skip
