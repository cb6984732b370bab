"""What a committee looks at for one prediction: how good, what it means for people, whether it helps, and for whom it is worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Guidance
from services.guidance.evidence_limits import EvidenceLimits
from services.guidance.models.explanation import Numbers
from services.guidance.models.model_file import RiskModel
from services.learner.evidence.audit_groups import alert_threshold, attributes_of
from services.learner.evidence.bands import Policied, apply_policy
from services.learner.evidence.benefit import Benefit, benefit
from services.learner.evidence.draws import PatientDraws
from services.learner.evidence.evaluation import Performance
from services.learner.evidence.instability import Instability
from services.learner.evidence.lead_time import LeadTime, lead_time
from services.learner.evidence.measured_less import MeasuredLess, measured_less
from services.learner.evidence.missing_inputs import MissingInput, missing_inputs
from services.learner.evidence.old_and_new import OldAndNew, old_and_new
from services.learner.evidence.over_time import OverTime, over_time
from services.learner.evidence.ranking import Ranking, ranking_curves
from services.learner.evidence.read_otherwise import ReadOtherwise, read_otherwise
from services.learner.evidence.rivals import NotCompared, RivalReport, find_rivals
from services.learner.evidence.spread import Spread, score_spread
from services.learner.evidence.subgroups import SubgroupTable, subgroup_table
from services.learner.evidence.testing_rates import RateOfTesting, rates_of_testing
from services.learner.evidence.wards import Wards
from services.learner.evidence.workload import Workload, workload
from services.learner.evidence.yields import YieldCurve, yield_curve
from services.learner.feature_matrix import CohortRows

_CURVE_POINTS: Final = 40
ALREADY: Final = "already-there"
"""The state of a row whose event had happened before the prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Each on rows with a known outcome, by risks that were given without it."""

    performance: Performance
    work: Workload
    benefit: Benefit
    """F5."""
    groups: SubgroupTable
    tested: tuple[RateOfTesting, ...] = ()
    """Of whom it was looked for, by group; empty where the guidance does not say how that shows."""
    rivals: tuple[RivalReport, ...] = ()
    """What the model was held against, on the same rows."""
    not_compared: tuple[NotCompared, ...] = ()
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
    measured_less: MeasuredLess | None = None
    """Of every group, which inputs are missing more often than its recorded needs explain."""
    read_otherwise: ReadOtherwise | None = None
    """Of every group, which readings are not what other findings explain; None: the guidance names none to look at."""
    lead_time: LeadTime | None = None
    """F12; None: the outcome has no moment, or too few were caught."""
    instability: Instability | None = None
    """None: nothing was learned."""


def look_at(
    guidance: Guidance,
    prediction: str,
    rows: CohortRows,
    risk: Numbers,
    performance: Performance,
    *,
    average: float,
    inputs: Sequence[str],
    fold: NDArray[np.int64],
    data_until: int,
    seed: int,
    itself: str | None = None,
    incumbent: RiskModel | None = None,
) -> Looks:
    """At the threshold at which this risk alone brings a card; `average` is what the bands compare it with.

    `fold`: each row's, for the rivals that are fitted. `data_until`: the last moment of prediction, its outcome known or
    not. `itself`: the published score that is being weighed. `incumbent`: the model that runs now.
    """
    threshold = alert_threshold(guidance, risk, average, prediction=prediction)
    attributes = attributes_of(guidance, rows)
    outcome = guidance.all_predictions[prediction].outcome
    limits, wards = guidance.evidence, Wards.of_rows(rows)
    draws = PatientDraws(rows.patients, seed=seed)
    against = find_rivals(guidance, rows, fold, itself=itself, incumbent=incumbent)
    agreed, agreed_by = _agreed(limits, threshold)
    highest = min(max(0.1, 4 * float(rows.y.mean()), agreed[1]), 0.9)
    thresholds = [highest * i / _CURVE_POINTS for i in range(1, _CURVE_POINTS + 1)]
    return Looks(
        performance=performance,
        work=workload(rows.y, risk, rows.patients, threshold=threshold),
        groups=subgroup_table(
            rows.y,
            risk,
            rows.patients,
            attributes.groups,
            threshold=threshold,
            limits=limits,
            not_looked_at=attributes.missing,
        ),
        tested=rates_of_testing(rows.looked_for, rows.patients, attributes.groups) if outcome.looked_for else (),
        rivals=against.reports(rows, risk),
        not_compared=against.not_compared,
        benefit=benefit(
            rows.y, risk, against.rivals, thresholds=thresholds, agreed=agreed, agreed_by=agreed_by, draws=draws
        ),
        policied=apply_policy(guidance, prediction, rows, risk, average=average, wards=wards),
        yields=yield_curve(
            rows.y, risk, threshold=threshold, policy=guidance.policy, limits=limits, wards=wards, draws=draws
        ),
        old_and_new=tuple(
            old_and_new(rows.y, risk, rows.patients, one, threshold=threshold, draws=draws)
            for one in against.of_today
            if math.isfinite(threshold)
        ),
        over_time=over_time(
            rows.y,
            risk,
            rows.patients,
            rows.at,
            threshold=threshold,
            horizon_hours=outcome.horizon_in_hours,
            data_until=data_until,
            limits=limits.observed_expected,
        ),
        spread=score_spread(rows.y, risk, rows.patients, threshold=threshold),
        ranking=ranking_curves(rows.y, risk, threshold=threshold),
        missing_inputs=missing_inputs(guidance, rows, inputs),
        measured_less=measured_less(guidance, rows, attributes.groups, inputs),
        read_otherwise=read_otherwise(guidance, rows, attributes.groups),
        lead_time=lead_time(
            rows.happened,
            rows.at,
            risk >= threshold,
            horizon_hours=outcome.horizon_in_hours,
            already=rows.outcomes.get(ALREADY, 0),
        ),
    )


def _agreed(limits: EvidenceLimits, threshold: float) -> tuple[tuple[float, float], str]:
    """The range of thresholds to read the decision curve in."""
    if limits.thresholds is not None:
        return limits.thresholds, "declared by the guidance"
    middle = threshold if math.isfinite(threshold) else 0.2
    return (middle / 2, min(1.5 * middle, 0.95)), (
        "half to one and a half times the threshold of the bands; the guidance declares no range"
    )
