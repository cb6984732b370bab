"""How many rows a test elsewhere needs: published examples, and that so many rows really give such narrow intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta, norm

from services.guidance.check import load_guidance
from services.guidance.policies import POLICIES
from services.learner.evidence.calibration import assess_calibration
from services.learner.evidence.intervals import auroc_interval, observed_expected
from services.learner.evidence.metrics import auroc
from services.learner.evidence.sample_size import riley_external, sample_size
from services.learner.retrain import Trained
from services.registry.decisions.gates import check_gate
from services.timeline.errors import BadInput
from tests.learner.made_up import made_up

EVENLY = (np.arange(200_000) + 0.5) / 200_000


def test_the_published_example_of_deterioration_with_covid() -> None:
    """BMJ 2024;384:e074821: 43 % events, C 0.77, risks as Beta(1.33, 1.75): 423, 949 and 347 rows, so 949 (408 events)."""
    found = riley_external(
        beta.ppf(EVENLY, 1.33, 1.75), prevalence=0.43, c_statistic=0.77, ratio_width=0.22, slope_width=0.3
    )
    assert (found.observed_expected, found.slope, found.auroc) == (423, 949, 347)
    assert found.needed == 949
    assert round(found.needed * 0.43) == 408


def test_the_published_example_of_heart_valves() -> None:
    """Stat Med 2021;40:4230: 1.8 % events, C 0.8: 905 rows for O:E within a width of 1, 4,252 for C; the slope asks for most."""
    risk = 1 / (1 + np.exp(-norm.ppf(EVENLY, -5, 2.5)))
    found = riley_external(risk, prevalence=0.018, c_statistic=0.8, ratio_width=1.0)
    assert found.observed_expected == pytest.approx(905, abs=1)  # there the error was counted up in steps of 0.0001
    assert found.auroc == 4252
    assert found.needed == found.slope > 4252


def test_so_many_rows_give_such_narrow_intervals() -> None:
    """On made-up rows whose risks are the true ones; that of O:E is narrower, because risks differ between rows."""
    many = made_up(60_000, seed=3)
    needed = riley_external(many.truth, prevalence=float(many.truth.mean()), c_statistic=auroc(many.y, many.truth))
    for rows, width, estimate in (
        (needed.observed_expected, 0.2, observed_expected),
        (needed.slope, 0.2, lambda *these: assess_calibration(*these).slope),
        (needed.auroc, 0.1, auroc_interval),
    ):
        low, high = estimate(many.y[:rows], many.truth[:rows], many.patients[:rows]).ci
        assert 0.8 * width < high - low < 1.1 * width


@pytest.mark.parametrize(("prevalence", "c_statistic"), [(0.0, 0.8), (1.0, 0.8), (0.1, 0.5), (0.1, 1.0)])
def test_what_cannot_be_is_said(prevalence: float, c_statistic: float) -> None:
    """No prevalence of 0 or 1, and no ranking of chance or of certainty."""
    with pytest.raises(BadInput, match="lies between"):
        riley_external(np.array([0.1, 0.2]), prevalence=prevalence, c_statistic=c_statistic)


def test_a_model_that_says_the_same_of_everyone_has_no_slope() -> None:
    """And the evidence then asks for no rows elsewhere."""
    with pytest.raises(BadInput, match="same risk"):
        riley_external(np.full(9, 0.25), prevalence=0.25, c_statistic=0.7)
    y = np.array([0, 1, 0, 0] * 50, dtype=np.int8)
    size = sample_size(y, out_of_fold=np.full(200, 0.25), parameters=3)
    assert size.external is None
    assert "elsewhere" not in size.sentence


def test_the_evidence_says_both_numbers(trained: Trained) -> None:
    """What fitting asked for, and what a test elsewhere will."""
    size = trained.evaluation.sample_size
    assert f"To be tested elsewhere with narrow intervals it needs {size.external:,}." in size.sentence
    assert f"there were {size.rows:,}." in size.sentence


def test_a_cohort_too_small_is_refused_for_want_of_sample_size(trained: Trained, made_up_guidance: Path) -> None:
    """700 rows and some 70 deaths: the gate before the silent month says what was asked and what there was."""
    found = check_gate(
        "silent",
        guidance=load_guidance(made_up_guidance).definition,
        release=trained.bundle.digest,
        packs={"training": trained.pack},
        policy=POLICIES["standard"],
    )
    (check,) = (one for one in found if one.name == "sample-size")
    assert check.verdict == "does not meet"
    assert check.accepted_by == frozenset()
    size = trained.evaluation.sample_size
    assert check.asked == f"At least {max(1000, size.needed):,} rows (Riley: {size.needed:,}) and 100 events"
    assert check.found == f"{size.rows:,} rows, {size.events:,} events"
