"""services/learner/evidence/draws.py, benefit.py, old_and_new.py and calibration_draws.py: what is reckoned in every draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.nonparametric.smoothers_lowess import lowess

from services.learner.evidence.benefit import benefit
from services.learner.evidence.bootstrap import draw
from services.learner.evidence.calibration_draws import draw_curves
from services.learner.evidence.draws import PatientDraws
from services.learner.evidence.old_and_new import old_and_new
from services.learner.evidence.rivals import Rival
from services.timeline.errors import BadInput
from tests.learner.made_up import made_up

DATA = made_up(3000, seed=8)
OLD = np.clip(DATA.truth * 0.6 + 0.05, 0.001, 0.999)
RIVAL = Rival(kind="published", name="an old score", made="as published", risk=OLD)


@given(st.integers(0, 10_000), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_a_sum_in_a_draw_is_the_sum_over_the_rows_drawn(seed: int, rows_a_patient: int) -> None:
    """By column and by group, against rows repeated as often as their patient was drawn; a negative group is none."""
    data = made_up(40, seed=seed, rows_a_patient=rows_a_patient)
    rng = np.random.default_rng(seed)
    columns, group = rng.normal(size=(40, 3)), rng.integers(-1, 4, 40)
    draws = PatientDraws(data.patients, resamples=6, seed=seed)
    sums, (by_group,) = draws.sums(columns), draws.sums_by(group, (columns[:, 0],), 4)
    patients = np.unique(data.patients)
    drawn = np.random.default_rng(seed).integers(len(patients), size=(6, len(patients)))
    for place, names in enumerate(drawn):
        rows = np.concatenate([np.flatnonzero(data.patients == patients[name]) for name in names])
        assert sums[place] == pytest.approx(columns[rows].sum(axis=0), abs=1e-9)
        for one in range(4):
            assert by_group[place, one] == pytest.approx(columns[rows[group[rows] == one], 0].sum(), abs=1e-9)


def test_the_draws_are_those_of_the_other_figures() -> None:
    """The Brier score of every draw is the same by either way of drawing: one seed, one set of draws."""
    sums = PatientDraws(DATA.patients, resamples=20, seed=4).sums(
        np.column_stack((np.ones(3000), (DATA.y - DATA.truth) ** 2))
    )
    assert sums[:, 1] / sums[:, 0] == pytest.approx(
        draw(DATA.y, DATA.truth, DATA.patients, resamples=20, seed=4).brier, abs=1e-12
    )


def test_net_benefit_is_that_of_dcurves() -> None:
    """Per 1,000, at every threshold, of the model, of everyone and of the rival; the gain is their difference."""
    thresholds = [0.05, 0.1, 0.2, 0.35, 0.5]
    draws = PatientDraws(DATA.patients, seed=1)
    found = benefit(
        DATA.y, DATA.truth, [RIVAL], thresholds=thresholds, agreed=(0.1, 0.3), agreed_by="a test", draws=draws
    )
    theirs = dca(
        data=pd.DataFrame({"y": DATA.y, "model": DATA.truth, "old": OLD}),
        outcome="y",
        modelnames=["model", "old"],
        thresholds=thresholds,
    )
    model, everyone, old = found.lines
    assert [line.kind for line in found.lines] == ["model", "everyone", "published"]
    for line, name in ((model, "model"), (everyone, "all"), (old, "old")):
        expected = theirs[theirs.model == name].sort_values("threshold").net_benefit.to_numpy() * 1000
        assert [one.value for one in line.net] == pytest.approx(expected, abs=1e-6)
        for one in line.net:
            assert one.ci[0] <= one.value <= one.ci[1]
    for line in (everyone, old):
        for gain, ours, other in zip(line.gain, model.net, line.net, strict=True):
            assert gain.value == pytest.approx(ours.value - other.value)
    better = [max(one.value, 0.0) for one in everyone.net]
    assert [one.value for one in model.gain] == pytest.approx(
        [ours.value - other for ours, other in zip(model.net, better, strict=True)]
    )


def test_a_threshold_is_judged_at_the_nearest_of_the_curve() -> None:
    """What the verdict, the sentence and the figure read is one number: the gain over the better of everyone and no one."""
    draws = PatientDraws(DATA.patients, seed=1)
    found = benefit(DATA.y, DATA.truth, [], thresholds=[0.1, 0.2, 0.4], agreed=(0.1, 0.3), agreed_by="", draws=draws)
    near = found.gained_near(0.22)
    assert (near.threshold, near.gain) == (0.2, found.lines[0].gain[1])
    assert [one.gain for one in found.gained()] == list(found.lines[0].gain)
    # True risks are never worse than acting on everyone or on no one.
    assert all(one.gain.ci[1] >= 0 for one in found.gained())


def test_a_paired_gain_is_surer_than_two_intervals() -> None:
    """On the same draws the difference of two like models varies less than either."""
    draws = PatientDraws(DATA.patients, seed=1)
    found = benefit(DATA.y, DATA.truth, [RIVAL], thresholds=[0.2], agreed=(0.1, 0.3), agreed_by="", draws=draws)
    model, _, old = found.lines
    assert np.ptp(old.gain[0].ci) < np.ptp(model.net[0].ci)


def test_thresholds_outside_0_to_1_are_refused() -> None:
    """At 0 everyone is flagged for nothing, at 1 no one for anything: there is no weight."""
    draws = PatientDraws(DATA.patients, resamples=10)
    with pytest.raises(BadInput, match="between 0 and 1"):
        benefit(DATA.y, DATA.truth, [], thresholds=[0.0, 0.1], agreed=(0.1, 0.3), agreed_by="", draws=draws)


def test_old_and_new_hold_every_row_once() -> None:
    """The four cells add up, and the differences are those of the cells."""
    draws = PatientDraws(DATA.patients, seed=2)
    found = old_and_new(DATA.y, DATA.truth, DATA.patients, RIVAL, threshold=0.25, draws=draws)
    cells = (found.both, found.only_old, found.only_new, found.neither)
    assert sum(cell.rows for cell in cells) == 3000
    assert sum(cell.events for cell in cells) == DATA.y.sum()
    events = DATA.y.sum()
    assert found.caught.value == pytest.approx((found.only_new.events - found.only_old.events) / events)
    assert found.alerts.value == pytest.approx((found.only_new.rows - found.only_old.rows) / 3000)
    assert found.false_alarms.value == pytest.approx(
        (found.only_new.rows - found.only_new.events - found.only_old.rows + found.only_old.events) / (3000 - events)
    )
    assert found.caught.ci[0] > 0  # the old one says too little, so it flags fewer
    same = old_and_new(
        DATA.y,
        DATA.truth,
        DATA.patients,
        Rival(kind="incumbent", name="the same", made="", risk=DATA.truth),
        threshold=0.25,
        draws=draws,
    )
    assert (same.only_old.rows, same.only_new.rows, same.only_old.share) == (0, 0, None)
    assert same.caught.ci == (0.0, 0.0)


def test_the_curve_of_the_draws_is_that_of_lowess() -> None:
    """Over the middle of the risks the median curve lies within 2 in 100 of lowess on the rows."""
    at = np.linspace(*np.quantile(DATA.truth, [0.05, 0.95]).tolist(), 21)
    drawn = draw_curves(DATA.y, DATA.truth, PatientDraws(DATA.patients, resamples=200), at=at)
    smooth = lowess(DATA.y.astype(float), DATA.truth, it=0, return_sorted=True)
    expected = np.interp(at, smooth[:, 0], smooth[:, 1])
    assert np.abs(np.median(drawn.observed, axis=0) - expected).max() < 0.02
    assert (drawn.e50 <= drawn.e90).all()
    assert (drawn.ici >= 0).all()
