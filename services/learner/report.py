"""The evidence as a page that a committee reads in ten minutes: HTML to print, without scripts.

Every sentence comes from `guidance.words.evidence_wording`, every number with its interval and its count.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup

from services.figures.charts import Benefit, RiskGroup, calibration_chart, decision_curve
from services.guidance.definition import PRIMARY, Guidance, Prediction
from services.guidance.evidence import Estimate, Evaluation, Judged
from services.guidance.words import evidence_wording as said
from services.guidance.words.rounding import percent
from services.learner.gate import reasons_against

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.cohort import FlowStep
    from services.learner.evidence import subgroups
    from services.learner.evidence.evaluation import Performance
    from services.learner.evidence.looks import Looks
    from services.learner.evidence.subgroups import SubgroupTable
    from services.learner.evidence.testing_rates import RateOfTesting

MARKS: Final = {"meets": "✓", "does not meet": "✕", "cannot tell": "?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One prediction as the page shows it; without looks only what was found in words."""

    label: str
    judged: Judged
    sentences: Mapping[str, str]
    threshold: str = ""
    performance: Performance | None = None
    calibration: str = ""
    decision: str = ""
    groups: SubgroupTable | None = None
    tested: tuple[RateOfTesting, ...] = ()


def evidence_report(
    *,
    guidance: Guidance,
    evaluation: Evaluation,
    looks: Mapping[str, Looks | None],
    flow: Sequence[FlowStep],
    store: str,
    folds: int,
    seed: int,
) -> str:
    """The whole page."""
    judged: dict[str, Judged] = {PRIMARY: evaluation, **evaluation.predictions}
    views = {
        name: _view(prediction, judged[name], evaluation, looks[name])
        for name, prediction in guidance.all_predictions.items()
    }
    return _TEMPLATES.get_template("evidence.html.j2").render(
        guidance=guidance,
        evaluation=evaluation,
        first=views.pop(PRIMARY),
        others=views,
        against=reasons_against(evaluation),
        flow=flow,
        store=store,
        command=f"knowdo learner train {guidance.id} --folds {folds} --seed {seed}",
        interval_note=said.INTERVAL_NOTE,
    )


def _view(prediction: Prediction, judged: Judged, evaluation: Evaluation, looks: Looks | None) -> View:
    outcome = prediction.outcome
    sample = said.Sample(data=f"data of {evaluation.since[:10]} to {evaluation.until[:10]}")
    sentences = {"published": _weighed(judged), "unevaluated": judged.unevaluated}
    if looks is None:
        return View(label=prediction.label, judged=judged, sentences=sentences)
    performance, work, curve = looks.performance, looks.work, looks.curve
    source = f"{judged.rows:,} stays, {judged.events:,} with the outcome, {evaluation.split}"
    calibration = performance.calibration
    return View(
        label=prediction.label,
        judged=judged,
        performance=performance,
        sentences=sentences
        | {
            "base": said.base(outcome, sample, events=judged.events, people=judged.rows),
            "right": said.right_per_100(
                outcome, sample, right=work.right, flagged=work.alerts, interval=_shares(work.ppv)
            ),
            "missed": said.missed(outcome, sample, caught=work.right, events=work.events),
            "false": said.false_alarms(
                outcome, sample, flagged=work.alerts - work.right, others=work.rows - work.events
            ),
            "discrimination": said.discrimination(auroc=performance.auroc.value, interval=performance.auroc.ci),
            "accuracy": said.overall_accuracy(brier=performance.brier.value, base_rate=performance.prevalence),
        },
        threshold=percent(work.threshold) if math.isfinite(work.threshold) else "",
        calibration=calibration_chart(
            [
                RiskGroup(
                    stated=group.stated,
                    observed=group.observed.value,
                    low=group.observed.ci[0],
                    high=group.observed.ci[1],
                    rows=group.rows,
                    events=group.events,
                )
                for group in calibration.groups
            ],
            outcome=outcome.name,
            source=source,
            curve=list(zip(calibration.curve.stated, calibration.curve.observed, strict=True))
            if calibration.curve
            else (),
        ),
        decision=decision_curve(
            [Benefit(threshold=one.threshold, model=one.model.value, all=one.everyone) for one in curve],
            outcome=outcome.name,
            source=source,
        ),
        groups=looks.groups,
        tested=looks.tested,
    )


def _weighed(judged: Judged) -> str:
    score = judged.published
    return (
        ""
        if score is None
        else said.weighed(mean_risk=score.mean_risk, scored=score.scored, recalibrated=judged.chosen == "recalibrated")
    )


def _shares(estimate: Estimate) -> tuple[float, float]:
    return estimate.ci


def _interval(estimate: Estimate | None, decimals: int = 3) -> str:
    """`0.839 (0.829 to 0.849)`."""
    if estimate is None:
        return "–"
    low, high = estimate.ci
    return f"{estimate.value:z.{decimals}f} ({low:z.{decimals}f} to {high:z.{decimals}f})"


def _judged(judged: subgroups.Judged) -> Markup:
    """The verdict as shape and colour, its word for who listens, and the number over its interval; `format` escapes every part."""
    number, _, interval = _interval(judged.estimate, 2).partition(" ")
    return Markup(
        '<span class="judged {}"><span aria-hidden="true">{}</span><span class="said">{}:</span> {} <small>{}</small></span>'
    ).format(judged.verdict.replace(" ", "-"), MARKS[judged.verdict], judged.verdict, number, interval)


def _count(number: int) -> str:
    return f"{number:,}"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"interval": _interval, "judged": _judged, "count": _count}
    environment.filters.update(filters)
    return environment


_TEMPLATES: Final = _environment()


def _style_digest() -> str:
    """The digest by which a content security policy lets the page's own style in, and no other."""
    style = _TEMPLATES.get_template("evidence.css").render()
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


STYLE_DIGEST: Final = _style_digest()
