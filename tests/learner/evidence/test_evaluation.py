"""services/learner/evidence/evaluation.py, metrics.py, bootstrap.py, calibration.py and choice.py."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from services.guidance.evidence import Estimate, ModelReport
from services.learner.evidence.bootstrap import draw
from services.learner.evidence.calibration import FEWEST_FOR_A_CURVE, assess_calibration, calibration_groups
from services.learner.evidence.choice import choose
from services.learner.evidence.evaluation import Performance, evaluate
from services.learner.evidence.metrics import auprc, auroc, logit, squared_errors, surprises
from services.learner.models.recipes import ModelKind
from services.timeline.errors import BadInput
from tests.learner.made_up import made_up

DATA = made_up(4000, seed=5)


@given(st.integers(0, 100_000), st.booleans())
@settings(max_examples=80, deadline=None)
def test_metrics_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    """AUROC, average precision, Brier score and log-loss to 1e-12, with tied risks and without."""
    rng = np.random.default_rng(seed)
    risk = rng.integers(1, 9, 200) / 10 if ties else rng.random(200)
    y = (rng.random(200) < 0.3).astype(np.int8)
    y[:2] = (0, 1)
    assert auroc(y, risk) == pytest.approx(roc_auc_score(y, risk), abs=1e-12)
    assert auprc(y, risk) == pytest.approx(average_precision_score(y, risk), abs=1e-12)
    assert squared_errors(y, risk).mean() == pytest.approx(brier_score_loss(y, risk), abs=1e-12)
    assert surprises(y, risk).mean() == pytest.approx(log_loss(y, risk), abs=1e-12)


def test_a_draw_is_the_metric_on_the_patients_drawn() -> None:
    """The weighted reckoning equals scikit-learn on rows repeated as often as their patient was drawn."""
    data = made_up(90, seed=2, rows_a_patient=3)
    draws = draw(data.y, data.truth, data.patients, resamples=5, seed=9)
    rng = np.random.default_rng(9)
    for place, drawn in enumerate(rng.integers(30, size=(5, 30))):
        rows = np.concatenate([np.flatnonzero(data.patients == patient) for patient in drawn])
        y, risk = data.y[rows], data.truth[rows]
        assert draws.auroc[place] == pytest.approx(roc_auc_score(y, risk), abs=1e-12)
        assert draws.auprc[place] == pytest.approx(average_precision_score(y, risk), abs=1e-12)
        assert draws.brier[place] == pytest.approx(brier_score_loss(y, risk), abs=1e-12)
        assert draws.log_loss[place] == pytest.approx(log_loss(y, risk), abs=1e-12)


def test_a_perfect_model_is_called_perfect() -> None:
    """True risks: calibration within its intervals, nothing far from the diagonal, observed over expected about 1."""
    found = evaluate(DATA.y, DATA.truth, DATA.patients, resamples=200)
    calibration = found.calibration
    assert calibration.intercept.ci[0] < 0 < calibration.intercept.ci[1]
    assert calibration.slope.ci[0] < 1 < calibration.slope.ci[1]
    assert found.observed_expected.ci[0] < 1 < found.observed_expected.ci[1]
    assert calibration.curve is not None
    assert calibration.curve.ici.ci[0] <= calibration.curve.ici.value < 0.02
    assert calibration.curve.e50.value <= calibration.curve.e90.value
    within = [
        low <= said <= high
        for low, said, high in zip(calibration.curve.low, calibration.curve.stated, calibration.curve.high, strict=True)
    ]
    assert np.mean(within) > 0.8
    assert found.brier.value < found.brier_of_average
    assert found.auprc.value > found.prevalence
    for one in (found.auroc, found.auprc, found.brier, found.log_loss):
        assert one.ci[0] < one.value < one.ci[1]


@pytest.mark.parametrize(("stretch", "slope"), [(2.0, 0.5), (0.5, 2.0)])
def test_risks_that_are_too_extreme_have_a_slope_below_1(stretch: float, slope: float) -> None:
    """Doubled log-odds: slope 0.5; halved: 2; the distance from the diagonal shows either way."""
    risk = 1 / (1 + np.exp(-stretch * logit(DATA.truth)))
    found = assess_calibration(DATA.y, risk, DATA.patients)
    assert found.slope.value == pytest.approx(slope, rel=0.12)
    assert found.slope.ci[0] < slope < found.slope.ci[1]
    assert found.curve is not None
    assert found.curve.ici.ci[0] > 0.02


def test_too_many_events_show_in_the_intercept() -> None:
    """Risks that are too low by 0.5 in log-odds: the intercept says so."""
    risk = 1 / (1 + np.exp(-(logit(DATA.truth) - 0.5)))
    assert assess_calibration(DATA.y, risk, DATA.patients).intercept.value == pytest.approx(0.5, abs=0.1)


def test_rows_of_one_patient_widen_the_intervals() -> None:
    """Every row four times over tells no more: the intervals stay as they were with one."""
    one = [column[:1500] for column in (DATA.y, DATA.truth, DATA.patients)]
    four = [np.tile(column, 4) for column in one]
    once, often = (evaluate(*rows, resamples=400) for rows in (one, four))
    pretended = evaluate(four[0], four[1], np.arange(6000), resamples=400)
    for name in ("auroc", "brier", "observed_expected"):
        widths = [np.ptp(getattr(one, name).ci) for one in (once, often, pretended)]
        assert widths[1] == pytest.approx(widths[0], rel=0.15)
        assert widths[2] < 0.6 * widths[0]
    slopes = [np.ptp(one.calibration.slope.ci) for one in (once, often, pretended)]
    assert slopes[1] == pytest.approx(slopes[0], rel=0.15)
    assert slopes[2] < 0.6 * slopes[0]


def test_ten_groups_hold_all_rows_in_order() -> None:
    """Equal counts, rising risks, every event counted, an interval around each observed share."""
    groups = calibration_groups(DATA.y, DATA.truth, DATA.patients)
    assert [group.rows for group in groups] == [400] * 10
    assert sum(group.events for group in groups) == DATA.y.sum()
    assert [group.stated for group in groups] == sorted(group.stated for group in groups)
    for group in groups:
        assert group.lowest <= group.stated <= group.highest
        assert group.observed.value == group.events / group.rows
        assert group.observed.ci[0] <= group.observed.value <= group.observed.ci[1]


def test_with_too_few_events_no_curve_is_drawn() -> None:
    """Under 100 events a smooth curve would show noise: there is none, and the groups are still there."""
    few = np.flatnonzero(DATA.y == 1)[: FEWEST_FOR_A_CURVE - 1]
    rows = np.concatenate((few, np.flatnonzero(DATA.y == 0)))
    found = assess_calibration(DATA.y[rows], DATA.truth[rows], DATA.patients[rows])
    assert found.curve is None
    assert len(found.groups) == 10


def test_what_cannot_be_judged_is_refused() -> None:
    """One outcome only, or the same risk for everyone: a clear message."""
    with pytest.raises(BadInput, match="same outcome"):
        evaluate(np.ones(50, dtype=np.int8), DATA.truth[:50], DATA.patients[:50])
    with pytest.raises(BadInput, match="nothing was learned"):
        assess_calibration(DATA.y, np.full(len(DATA.y), 0.2), DATA.patients)


def test_the_spread_over_folds_is_reported() -> None:
    """Mean and standard deviation of the AUROC over the folds, beside the pooled one."""
    fold = np.arange(len(DATA.y)) % 5
    found = evaluate(DATA.y, DATA.truth, DATA.patients, fold=fold, resamples=200)
    by_fold = [roc_auc_score(DATA.y[fold == one], DATA.truth[fold == one]) for one in range(5)]
    assert found.auroc_over_folds.mean == pytest.approx(np.mean(by_fold))
    assert found.auroc_over_folds.sd == pytest.approx(np.std(by_fold))


def test_the_report_is_what_the_evidence_pack_keeps() -> None:
    """It goes through JSON and back, and the same seed gives the same report."""
    found = evaluate(DATA.y, DATA.truth, DATA.patients, resamples=200, seed=1)
    report = found.report()
    assert msgspec.json.decode(msgspec.json.encode(report), type=ModelReport) == report
    assert evaluate(DATA.y, DATA.truth, DATA.patients, resamples=200, seed=1).report() == report
    assert msgspec.json.decode(msgspec.json.encode(found), type=Performance) == found


PERFORMANCE = evaluate(DATA.y, DATA.truth, DATA.patients, resamples=100)


def performing(auroc_value: float, brier: float) -> Performance:
    """A performance with these figures."""
    return replace(
        PERFORMANCE,
        auroc=Estimate(value=auroc_value, ci=(auroc_value - 0.01, auroc_value + 0.01)),
        brier=Estimate(value=brier, ci=(brier - 0.01, brier + 0.01)),
    )


@pytest.mark.parametrize(("forest", "chosen"), [(0.845, "scorecard"), (0.849, "scorecard"), (0.851, "forest")])
def test_a_forest_is_chosen_only_if_it_gains_more_than_clarity_is_worth(forest: float, chosen: str) -> None:
    """The scorecard, unless the forest's AUROC is higher by more than the limit; the price is stated either way."""
    found = choose(
        {
            "logistic": performing(0.9, 0.1),
            "scorecard": performing(0.84, 0.135),
            "forest": performing(forest, 0.133),
        },
        limit=0.01,
    )
    assert found.chosen == chosen
    assert found.price.auroc == pytest.approx(forest - 0.84)
    assert found.price.brier == pytest.approx(-0.002)
    assert "0.840 against" in found.price.sentence


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        (("logistic", "scorecard_additive"), "scorecard_additive"),
        (("forest",), "forest"),
        (("logistic",), "logistic"),
    ],
)
def test_without_a_scorecard_or_a_forest_the_choice_is_still_made(kinds: tuple[ModelKind, ...], chosen: str) -> None:
    """Of what was tried the best that can be read; a forest only if nothing else was."""
    figures = {"logistic": 0.8, "scorecard_additive": 0.82, "forest": 0.85}
    found = choose({kind: performing(figures[kind], 0.1) for kind in kinds}, limit=0.01)
    assert found.chosen == chosen
    assert found.price.auroc == 0.0
    assert "was tried" in found.price.sentence
