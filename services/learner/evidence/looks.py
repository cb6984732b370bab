"""What a committee looks at for one prediction: how good, what it means for people, whether it helps, and for whom it is worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.guidance.definition import Guidance
from services.guidance.models.explanation import Numbers
from services.learner.evidence.audit_groups import alert_threshold, attributes_of
from services.learner.evidence.decision_curve import NetBenefit, decision_curve
from services.learner.evidence.evaluation import Performance
from services.learner.evidence.subgroups import SubgroupTable, subgroup_table
from services.learner.evidence.testing_rates import RateOfTesting, rates_of_testing
from services.learner.evidence.workload import Workload, workload
from services.learner.feature_matrix import CohortRows

_CURVE_POINTS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Each on rows with a known outcome, by risks that were given without it."""

    performance: Performance
    work: Workload
    curve: tuple[NetBenefit, ...]
    groups: SubgroupTable
    tested: tuple[RateOfTesting, ...] = ()
    """Of whom it was looked for, by group; empty where the guidance does not say how that shows."""


def look_at(
    guidance: Guidance, prediction: str, rows: CohortRows, risk: Numbers, performance: Performance, *, average: float
) -> Looks:
    """At the threshold at which this risk alone brings a card; `average` is what the bands compare it with."""
    threshold = alert_threshold(guidance, risk, average, prediction=prediction)
    attributes = attributes_of(guidance, rows)
    highest = min(max(0.1, 4 * float(rows.y.mean())), 0.9)
    thresholds = [highest * i / _CURVE_POINTS for i in range(1, _CURVE_POINTS + 1)]
    return Looks(
        performance=performance,
        work=workload(rows.y, risk, rows.patients, threshold=threshold),
        curve=decision_curve(rows.y, risk, rows.patients, thresholds=thresholds),
        groups=subgroup_table(rows.y, risk, rows.patients, attributes, threshold=threshold),
        tested=rates_of_testing(rows.looked_for, rows.patients, attributes)
        if guidance.all_predictions[prediction].outcome.looked_for
        else (),
    )
