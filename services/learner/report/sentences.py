"""What the page says of one prediction in sentences, each from the generator that cards and console use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from services.guidance.definition import Prediction
from services.guidance.evidence import Judged
from services.guidance.words import evidence_wording as said
from services.guidance.words import figure_messages
from services.guidance.words.rounding import percent

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.evidence.looks import Looks


def sentences_of(prediction: Prediction, judged: Judged, looks: Looks | None, sample: said.Sample) -> Mapping[str, str]:
    """By name; an empty one is not shown."""
    outcome, score = prediction.outcome, judged.published
    published = (
        ""
        if score is None
        else said.weighed(mean_risk=score.mean_risk, scored=score.scored, recalibrated=judged.chosen == "recalibrated")
    )
    fitted = [kind for kind in judged.models if kind in ("recalibrated", "refitted")]
    sentences = {
        "published": published,
        "unevaluated": judged.unevaluated,
        "beside_published": said.beside_published(fitted, speaks=judged.chosen) if score is not None else "",
    }
    if looks is None:
        return sentences
    performance, work = looks.performance, looks.work
    nearest = looks.benefit.gained_near(work.threshold)
    return sentences | {
        "base": said.base(outcome, sample, events=judged.events, people=judged.rows),
        "right": said.right_per_100(outcome, sample, right=work.right, flagged=work.alerts, interval=work.ppv.ci),
        "missed": said.missed(outcome, sample, caught=work.right, events=work.events),
        "false": said.false_alarms(outcome, sample, flagged=work.alerts - work.right, others=work.rows - work.events),
        "threshold": f"Flagged means a stated risk of at least {percent(work.threshold)}."
        if math.isfinite(work.threshold)
        else "",
        "worth": figure_messages.worth(gain=nearest.gain.value, interval=nearest.gain.ci, threshold=nearest.threshold),
        "calibration": _highest(looks),
        "discrimination": said.discrimination(auroc=performance.auroc.value, interval=performance.auroc.ci),
        "accuracy": said.overall_accuracy(brier=performance.brier.value, base_rate=performance.prevalence),
    }


def _highest(looks: Looks) -> str:
    """`When it says 40 in 100, 36 (31 to 41) happen`: of the group with the highest risks, where acting is decided."""
    group = looks.performance.calibration.groups[-1]
    return said.calibration(stated=group.stated, observed=group.observed.value, interval=group.observed.ci)
