"""services/learner/evidence/: spread, ranking, months and lead time, each from risks, outcomes and times alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_score, roc_curve

from services.learner.evidence.lead_time import lead_time
from services.learner.evidence.over_time import over_time
from services.learner.evidence.ranking import ranking_curves
from services.learner.evidence.spread import score_spread
from services.timeline.instants import DAY, HOUR, NAT, parse_instant
from tests.learner.made_up import made_up

DATA = made_up(3000, seed=8)
FIRST = parse_instant("2025-01-01")
AT = FIRST + np.arange(3000, dtype=np.int64) * (90 * DAY // 3000)


def test_the_spread_counts_every_row_once_and_names_piles() -> None:
    """With and without the outcome on the same edges; a hundred rows of one risk are a pile, largest first."""
    risk = DATA.truth.copy()
    risk[:100] = 0.05
    found = score_spread(DATA.y, risk, DATA.patients, threshold=0.3)
    assert sum(found.happened) == DATA.y.sum()
    assert sum(found.happened) + sum(found.not_happened) == 3000
    assert len(found.edges) == len(found.happened) + 1
    assert found.edges[-1] >= risk.max()
    assert [(pile.risk, pile.rows, pile.events) for pile in found.piles] == [(0.05, 100, DATA.y[:100].sum())]
    assert found.above.value == pytest.approx((risk >= 0.3).mean())


def test_the_ranking_lies_on_the_curves_of_scikit_learn() -> None:
    """Few points of many, both ends kept, each on the ROC curve; precision as scikit-learn reckons it."""
    found = ranking_curves(DATA.y, DATA.truth, threshold=0.3)
    across, up, _ = roc_curve(DATA.y, DATA.truth, drop_intermediate=False)
    assert len(found.points) <= 202
    assert (found.points[0].caught, found.points[0].right) == (0.0, None)
    assert (found.points[-1].false_alarms, found.points[-1].caught) == (1.0, 1.0)
    on = {(round(x, 9), round(y, 9)) for x, y in zip(across, up, strict=True)}
    assert {(round(one.false_alarms, 9), round(one.caught, 9)) for one in found.points} <= on
    middle = found.points[len(found.points) // 2]
    assert middle.threshold is not None
    assert middle.right == pytest.approx(precision_score(DATA.y, middle.threshold <= DATA.truth))
    assert found.at_threshold.right == pytest.approx(precision_score(DATA.y, DATA.truth >= 0.3))


def test_months_are_those_of_the_prediction_and_the_last_may_be_unripe() -> None:
    """January to March; with 30 days to wait and data until the end of March, February is the last that is ripe."""
    found = over_time(
        DATA.y,
        DATA.truth,
        DATA.patients,
        AT,
        threshold=0.3,
        horizon_hours=30 * 24,
        data_until=int(parse_instant("2025-03-31T12:00:00Z")),
        limits=(0.8, 1.25),
    )
    assert [one.month for one in found.months] == ["2025-01", "2025-02", "2025-03"]
    assert [one.ripe for one in found.months] == [True, True, False]
    assert found.last_ripe == "2025-02"
    assert sum(one.rows for one in found.months) == 3000
    for one in found.months:
        assert one.observed_expected is not None
        assert one.observed_expected.ci[0] < 1 < one.observed_expected.ci[1]


def test_a_month_of_few_patients_has_counts_and_no_rates() -> None:
    """Nine patients: what happened to them is nobody's business."""
    found = over_time(
        DATA.y[:9],
        DATA.truth[:9],
        DATA.patients[:9],
        AT[:9],
        threshold=0.0,
        horizon_hours=None,
        data_until=int(AT[-1]),
        limits=(0.8, 1.25),
    )
    (month,) = found.months
    assert (month.rows, month.alerts, month.observed_expected, month.right) == (9, 9, None, None)


def test_lead_time_counts_only_what_was_caught_and_came_after() -> None:
    """From 1 to 100 hours: the median is 50.5; an event before the prediction and one that was missed are not in it."""
    hours = np.arange(1, 103)
    happened = FIRST + hours * HOUR
    at = np.full(102, FIRST)
    happened[100] = FIRST - HOUR  # before
    caught = np.ones(102, dtype=np.bool_)
    caught[101] = False
    found = lead_time(happened, at, caught, horizon_hours=240, already=7)
    assert found is not None
    assert (found.events, found.median, found.already) == (100, 50.5, 7)
    assert sum(found.counts) == 100
    assert found.edges[-1] == 240
    assert found.within_an_hour == 0
    assert lead_time(np.full(102, NAT), at, caught, horizon_hours=None, already=0) is None
