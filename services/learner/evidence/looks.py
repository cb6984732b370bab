"""What a committee looks at for one prediction: how good, what it means for people, whether it helps, and for whom it is worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.guidance.definition import Guidance
from services.guidance.models.explanation import Numbers
from services.learner.evidence.audit_groups import alert_threshold, attributes_of
from services.learner.evidence.bands import Policied, YieldCurve
from services.learner.evidence.benefit import Benefit
from services.learner.evidence.decision_curve import NetBenefit, decision_curve
from services.learner.evidence.evaluation import Performance
from services.learner.evidence.instability import Instability
from services.learner.evidence.lead_time import LeadTime
from services.learner.evidence.missing_inputs import MissingInput
from services.learner.evidence.old_and_new import OldAndNew
from services.learner.evidence.over_time import OverTime
from services.learner.evidence.ranking import Ranking
from services.learner.evidence.rivals import NotCompared, RivalReport
from services.learner.evidence.spread import Spread
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
    rivals: tuple[RivalReport, ...] = ()
    """What the model was held against, on the same rows."""
    not_compared: tuple[NotCompared, ...] = ()
    benefit: Benefit | None = None
    """F5."""
    policied: Policied | None = None
    """What each band of the policy means, and all together; None: no band reads this risk."""
    yields: YieldCurve | None = None
    """F6."""
    old_and_new: tuple[OldAndNew, ...] = ()
    """F8, what runs now first; empty: nothing to compare with (`not_compared` says why)."""
    over_time: OverTime | None = None
    """F10."""
    spread: Spread | None = None
    """F4."""
    ranking: Ranking | None = None
    """F11."""
    missing_inputs: tuple[MissingInput, ...] = ()
    """F12, the most often missing first."""
    lead_time: LeadTime | None = None
    """F12; None: the outcome has no moment, or too few were caught."""
    instability: Instability | None = None
    """None: nothing was learned."""


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
