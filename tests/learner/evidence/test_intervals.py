"""services/learner/evidence/intervals.py, workload.py, sample_size.py and subgroups.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from services.learner.evidence.intervals import (
    auroc_gain,
    auroc_interval,
    observed_expected,
    placements,
    share_of,
    wilson,
)
from services.learner.evidence.metrics import auroc
from services.learner.evidence.sample_size import (
    cox_snell_r2,
    effective_parameters,
    highest_r2,
    riley_minimum_n,
    sample_size,
)
from services.learner.evidence.subgroups import subgroup_table
from services.learner.evidence.workload import threshold_for, workload
from services.timeline.errors import BadInput
from tests.learner.made_up import made_up

DATA = made_up(4000, seed=6)


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_is_the_textbook_interval(hits: int, missed: int) -> None:
    """As statsmodels reckons it; it holds the share and stays within 0 and 1."""
    of = hits + missed
    low, high = wilson(hits, of)
    assert (low, high) == pytest.approx(proportion_confint(hits, of, method="wilson"), abs=1e-9)
    assert 0 <= low <= hits / of <= high <= 1
    assert wilson(0, 0) == (0.0, 1.0)


def test_repeated_rows_of_a_patient_are_worth_less() -> None:
    """Each row ten times over: the interval is that of the rows before; independent rows are Wilson's own."""
    hit = DATA.y[:300] == 1
    once = share_of(hit, np.arange(300))
    assert once.ci == pytest.approx(wilson(int(hit.sum()), 300), abs=2e-4)
    assert share_of(np.tile(hit, 10), np.tile(np.arange(300), 10)).ci == pytest.approx(once.ci, abs=1e-9)
    assert share_of(np.zeros(30, dtype=bool), np.repeat(np.arange(3), 10)).ci == pytest.approx(wilson(0, 3))
    assert share_of(np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64)).ci == (0.0, 1.0)


def delong_by_hand(y: np.ndarray, risk: np.ndarray) -> float:
    """DeLong's variance from all pairs, as in the paper."""
    kernel = (risk[y == 1][:, None] > risk[y == 0]) + 0.5 * (risk[y == 1][:, None] == risk[y == 0])
    return float(kernel.mean(1).var(ddof=1) / len(kernel) + kernel.mean(0).var(ddof=1) / kernel.shape[1])


def test_one_row_a_patient_gives_delongs_interval() -> None:
    """The spread behind the interval is DeLong's, ties included, and the value is the AUROC."""
    y, risk = DATA.y[:500], np.round(DATA.truth[:500], 2)
    found = auroc_interval(y, risk, np.arange(500))
    assert found.value == pytest.approx(auroc(y, risk), abs=1e-12)
    middle = math.log(found.value / (1 - found.value))
    half = 1.959964 * math.sqrt(delong_by_hand(y, risk)) / (found.value * (1 - found.value))
    assert [math.log(end / (1 - end)) for end in found.ci] == pytest.approx([middle - half, middle + half], abs=1e-6)
    assert placements(y, risk).other.mean() == pytest.approx(found.value)


def test_the_auroc_of_clustered_rows_covers_as_often_as_it_says() -> None:
    """400 studies with four rows a patient: about 95 of 100 intervals hold the truth; DeLong's own would not."""
    rng = np.random.default_rng(0)
    held = pretended = 0
    truth = 0.7602  # of a normal marker one standard deviation apart
    for _ in range(400):
        patients = np.repeat(np.arange(60), 4)
        y = np.repeat((np.arange(60) % 3 == 0).astype(np.int8), 4)
        risk = y + np.repeat(rng.normal(0, 0.8, 60), 4) + rng.normal(0, 0.6, 240)
        low, high = auroc_interval(y, risk, patients).ci
        held += low < truth < high
        low, high = auroc_interval(y, risk, np.arange(240)).ci
        pretended += low < truth < high
    assert 0.91 <= held / 400 <= 0.985
    assert pretended / 400 < 0.85


def test_a_gain_is_judged_on_the_same_rows() -> None:
    """Two rankings that are nearly alike: the difference is known far better than either."""
    rng = np.random.default_rng(0)
    other = DATA.truth + rng.normal(0, 0.02, len(DATA.y))
    found = auroc_gain(DATA.y, other, DATA.truth, DATA.patients)
    assert found.value == pytest.approx(auroc(DATA.y, DATA.truth) - auroc(DATA.y, other))
    assert found.ci[0] > 0
    assert np.ptp(found.ci) < 0.5 * np.ptp(auroc_interval(DATA.y, DATA.truth, DATA.patients).ci)
    assert auroc_gain(DATA.y, DATA.truth, DATA.truth, DATA.patients).ci == (0.0, 0.0)


def test_a_perfect_ranking_of_few_is_not_certain() -> None:
    """Five of five right leaves room for doubt."""
    y = np.repeat([0, 1], 5).astype(np.int8)
    found = auroc_interval(y, np.arange(10) / 10, np.arange(10))
    assert found.value == 1.0
    assert found.ci[0] < 0.7


def test_observed_over_expected_of_no_events_still_has_an_upper_end() -> None:
    """None of 3.69 expected: at most 1 (Poisson, 95 %)."""
    y, risk = np.zeros(100, dtype=np.int8), np.full(100, 0.036889)
    assert observed_expected(y, risk, np.arange(100)).ci == pytest.approx((0.0, 1.0), abs=1e-4)


def test_the_riley_criteria_give_the_published_example() -> None:
    """24 parameters at a prevalence of 0.174 and an R² of 0.288: 623, 662 and 221 rows."""
    found = riley_minimum_n(prevalence=0.174, r2=0.288, parameters=24)
    assert (found.shrinkage, found.optimism, found.average_risk) == (623, 662, 221)
    assert found.needed == 662


@pytest.mark.parametrize(("prevalence", "r2", "parameters"), [(0, 0.1, 5), (0.2, 0.0, 5), (0.2, 0.9, 5), (0.2, 0.1, 0)])
def test_impossible_sample_size_questions_are_refused(prevalence: float, r2: float, parameters: int) -> None:
    """An R² beyond what the prevalence allows has no answer."""
    with pytest.raises(BadInput):
        riley_minimum_n(prevalence=prevalence, r2=r2, parameters=parameters)


def test_effective_parameters_count_what_was_fitted() -> None:
    """A regression of 20 coefficients is worth about 20 parameters."""
    rng = np.random.default_rng(0)
    counted = []
    for _ in range(8):
        seen, unseen = (sm.add_constant(part) for part in rng.normal(size=(2, 1000, 19)))
        # The outcome is noise, so that other inputs with the same labels are as good as unseen rows.
        y = (rng.random(1000) < 0.3).astype(np.int8)
        fit = sm.GLM(y, seen, family=sm.families.Binomial()).fit()
        counted.append(effective_parameters(y, fitted=fit.predict(seen), out_of_fold=fit.predict(unseen)))
    assert 12 <= np.mean(counted) <= 28


def test_a_sample_is_put_beside_what_is_needed() -> None:
    """R² from risks out of fold; a model that says nothing asks for more rows than there are."""
    found = sample_size(DATA.y, out_of_fold=DATA.truth, parameters=20)
    assert 0 < cox_snell_r2(DATA.y, DATA.truth) < highest_r2(float(DATA.y.mean()))
    assert (found.rows, found.events, found.parameters) == (4000, int(DATA.y.sum()), 20)
    assert found.needed < 4000
    assert f"{found.needed:,} rows" in found.sentence
    useless = np.full(4000, float(DATA.y.mean()))
    assert sample_size(DATA.y, out_of_fold=useless, parameters=20).needed > 100_000


def test_workload_counts_alerts_and_what_came_of_them() -> None:
    """Four patients, threshold 0.5: two alerts, one right, one event missed."""
    y, risk = np.array([1, 0, 1, 0], dtype=np.int8), np.array([0.9, 0.5, 0.4, 0.1])
    found = workload(y, risk, np.arange(4), threshold=0.5)
    assert (found.alerts, found.right, found.events, found.rows) == (2, 1, 2, 4)
    assert (found.ppv.value, found.sensitivity.value, found.false_alarm_rate.value) == (0.5, 0.5, 0.5)
    assert found.number_needed[0] == 2.0
    nobody = workload(y, risk, np.arange(4), threshold=0.95)
    assert nobody.number_needed == (None, 1.0, None)
    assert nobody.alert_rate.value == 0.0


@given(st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.3, 0.9]), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_threshold_for_a_budget_never_exceeds_it(risks: list[float], share: float) -> None:
    """At most the share is flagged, and the next lower risk would be too many."""
    risk = np.array(risks)
    found = threshold_for(risk, share=share)
    assert (risk >= found).mean() <= share
    below = risk[risk < found]
    if len(below):
        assert (risk >= below.max()).mean() > share


def test_subgroups_are_all_listed_and_judged_three_ways() -> None:
    """A sound group meets, a group whose risks are far too low does not, a tiny one cannot tell and is shown."""
    risk = DATA.truth.copy()
    site = np.where(np.arange(4000) < 1000, "east", "west")
    risk[site == "east"] /= 3
    sex: list[str | None] = ["f" if male == 0 else "m" for male in DATA.X[:, 1]]
    sex[:12] = [None] * 12
    table = subgroup_table(DATA.y, risk, DATA.patients, {"site": site.tolist(), "sex": sex}, threshold=0.2)
    found = {(group.attribute, group.value): group for group in table.groups}
    assert set(found) == {("site", "east"), ("site", "west"), ("sex", "f"), ("sex", "m"), ("sex", "unknown")}
    assert table.level == pytest.approx(1 - 0.05 / 5)
    assert found["site", "east"].observed_expected.verdict == "does not meet"
    assert found["site", "east"].verdict == "does not meet"
    assert found["site", "west"].observed_expected.verdict == "meets"
    unknown = found["sex", "unknown"]
    assert (unknown.rows, unknown.small, unknown.verdict) == (12, True, "cannot tell")
    assert unknown.observed_expected.estimate is not None
    assert sum(found["site", one].rows for one in ("east", "west")) == 4000


def test_the_error_rates_that_right_risks_imply_are_told_apart_from_those_of_wrong_ones() -> None:
    """Right risks: the rate is about what they imply, however few are flagged. A group whose risks hide it is missed beyond that."""
    truth = DATA.truth
    ill = np.where(truth >= np.quantile(truth, 0.5), "ill", "well")
    right = subgroup_table(DATA.y, truth, DATA.patients, {"ill": ill.tolist()}, threshold=0.2)
    well = next(group for group in right.groups if group.value == "well")
    assert well.sensitivity.verdict == "does not meet"
    assert well.sensitivity.by_its_risks == pytest.approx(
        float(truth[(ill == "well") & (truth >= 0.2)].sum() / truth[ill == "well"].sum())
    )
    assert well.sensitivity.estimate is not None
    assert well.sensitivity.estimate.ci[0] <= well.sensitivity.by_its_risks <= well.sensitivity.estimate.ci[1]
    # In one half of the patients the risk says nothing of who: those above the threshold are others than those who fall ill.
    rng = np.random.default_rng(0)
    hidden = np.where(np.arange(4000) % 2 == 0, "seen", "hidden")
    risk = truth.copy()
    risk[hidden == "hidden"] = rng.permutation(risk[hidden == "hidden"])
    wrong = subgroup_table(DATA.y, risk, DATA.patients, {"who": hidden.tolist()}, threshold=0.2)
    found = {group.value: group.sensitivity for group in wrong.groups}
    assert found["hidden"].estimate is not None
    assert found["hidden"].by_its_risks is not None
    assert found["hidden"].estimate.ci[1] < found["hidden"].by_its_risks


def test_a_group_without_events_is_listed_without_what_cannot_be_reckoned() -> None:
    """No events: no AUROC and no sensitivity, but a line with its counts."""
    y = np.where(np.arange(4000) < 50, 0, DATA.y).astype(np.int8)
    ward = np.where(np.arange(4000) < 50, "a", "b").tolist()
    table = subgroup_table(y, DATA.truth, DATA.patients, {"ward": ward}, threshold=0.2)
    first = table.groups[0]
    assert (first.rows, first.events) == (50, 0)
    assert first.auroc.estimate is None
    assert first.sensitivity.verdict == "cannot tell"
    assert first.false_alarm_rate.estimate is not None
    assert first.small
