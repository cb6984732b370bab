"""One prediction: learned and tested on patients it has not seen, or published and weighed against what happened here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from services.guidance.definition import Guidance
from services.guidance.evidence import Judged, Weighed
from services.guidance.models.model_file import RiskModel
from services.guidance.models.published import Published, PublishedFile
from services.guidance.words.evidence_wording import unevaluated
from services.learner.evidence.beside import compare
from services.learner.evidence.censoring import weigh_for_the_lost
from services.learner.evidence.choice import choose
from services.learner.evidence.evaluation import Performance, evaluate
from services.learner.evidence.files import reference_of
from services.learner.evidence.instability import find_instability
from services.learner.evidence.leaks import find_leaks
from services.learner.evidence.looks import Looks, look_at
from services.learner.evidence.sample_size import effective_parameters, sample_size
from services.learner.evidence.score_refits import made_of_score
from services.learner.evidence.validations import validate
from services.learner.feature_matrix import CohortRows
from services.learner.models.fitting import fit_candidates
from services.learner.models.recipes import ModelKind
from services.learner.models.splits import SharedFolds
from services.learner.models.training_rows import FEWEST_PATIENTS, TrainingRows
from services.learner.models.tuning import Search
from services.timeline.errors import BadInput
from services.timeline.instants import instant_text

Progress = Callable[[str, int, int], None]
"""Stage, done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A prediction with its model, whom it is compared with, and what was found of it."""

    model: RiskModel
    reference: Mapping[str, Any]
    judged: Judged
    rows: CohortRows
    """With a known outcome; where there are none, all for which it is computed."""
    looks: Looks | None = None
    """None: it could not be judged."""
    performances: Mapping[str, Performance] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tuning: Mapping[str, Search] = field(default_factory=dict)
    """By kind, what was tried; empty: nothing was searched."""
    split: str = ""
    """How rows were kept apart, if not by the folds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """How everything is fitted: the same folds, seed and workers for each prediction."""

    folds: SharedFolds
    count: int
    seed: int
    workers: int
    progress: Progress
    incumbents: Mapping[str, RiskModel] = field(default_factory=dict)
    """The model that runs now, by prediction."""


def find(guidance: Guidance, name: str, everyone: CohortRows, fitting: Fitting) -> Found:
    """Learn or weigh one prediction; BadInput says what the rows lack."""
    rows = everyone.asked(name)
    prediction = guidance.all_predictions[name]
    if prediction.model.published is not None:
        return _weigh(guidance, name, prediction.model.published, rows, fitting)
    if not (rows.y >= 0).any():
        raise BadInput(
            f"no row can be learned from for {prediction.outcome.name}: {dict(rows.outcomes)}",
            remedy="Ingest a longer period, or look at the population of the guidance",
        )
    return _learn(guidance, name, rows, fitting)


def _learn(guidance: Guidance, name: str, computed: CohortRows, fitting: Fitting) -> Found:
    """Fit every kind, weigh them out of fold, ring the alarms, choose; `computed`: also the rows that cannot be learned from."""
    recipe, outcome = guidance.all_predictions[name].model, guidance.all_predictions[name].outcome
    rows = computed.matured()
    inputs = tuple(feature for feature, one in guidance.features.items() if one.use == "model")
    reference = f"stays of the training data, {_period(rows)}"
    directions = {feature: guidance.features[feature].direction for feature in inputs}
    X = rows.inputs(inputs)
    candidates = fit_candidates(
        X,
        rows.y,
        rows.patients,
        inputs,
        reference=reference,
        directions=directions,
        kinds=recipe.candidates,
        folds=fitting.count,
        fold=fitting.folds.of(rows.y, rows.patients),
        seed=fitting.seed,
        workers=fitting.workers,
        tuning=recipe.tuning,
        progress=lambda done, of, what: fitting.progress(f"fitting ({what})", done, of),
    )
    performances: dict[ModelKind, Performance] = {}
    for done, (kind, candidate) in enumerate(candidates.items(), start=1):
        performances[kind] = evaluate(rows.y, candidate.risk, rows.patients, fold=candidate.fold, seed=fitting.seed)
        fitting.progress("weighing", done, len(candidates) + 1)
    chosen = choose(performances, limit=recipe.glass_box_price)
    checked = TrainingRows.of(X, rows.y, rows.patients, inputs=inputs, directions=directions, reference=reference)
    leaks = find_leaks(
        checked,
        aurocs={kind: performance.auroc.value for kind, performance in performances.items()},
        auroc_alarm=recipe.auroc_alarm,
        seed=fitting.seed,
    )
    fitting.progress("weighing", len(candidates) + 1, len(candidates) + 1)
    later = recipe.validation.temporal
    validations = validate(
        checked,
        rows,
        kind=chosen.chosen,
        later=later,
        horizon_hours=outcome.horizon_in_hours,
        fold=candidates[chosen.chosen].fold,
        seed=fitting.seed,
        workers=fitting.workers,
        tuning=recipe.tuning,
        progress=lambda done, of: fitting.progress("testing elsewhere", done, of),
    )
    model, risk = candidates[chosen.chosen].model, candidates[chosen.chosen].risk
    looks = look_at(
        guidance,
        name,
        rows,
        risk,
        performances[chosen.chosen],
        average=float(rows.y.mean()),
        inputs=inputs,
        fold=candidates[chosen.chosen].fold,
        data_until=int(computed.at.max()),
        seed=fitting.seed,
        incumbent=fitting.incumbents.get(name),
    )
    refits = guidance.evidence.refits
    instability = (
        find_instability(
            checked,
            model.risk(X),
            kind=chosen.chosen,
            samples=refits,
            threshold=looks.work.threshold,
            seed=fitting.seed,
            workers=fitting.workers,
            tuning=recipe.tuning,
            progress=lambda done, of: fitting.progress("fitting on other patients", done, of),
        )
        if refits
        else None
    )
    return Found(
        model=model,
        reference=reference_of(rows, inputs, reference),
        rows=rows,
        judged=Judged(
            rows=len(rows),
            events=int(rows.y.sum()),
            patients=len(np.unique(rows.patients)),
            models={kind: performance.report() for kind, performance in performances.items()},
            chosen=chosen.chosen,
            price_of_glass_box=chosen.price,
            leaks=leaks,
            sample_size=sample_size(
                rows.y,
                out_of_fold=risk,
                parameters=effective_parameters(rows.y, fitted=model.risk(X), out_of_fold=risk),
            ),
            states=dict(rows.outcomes),
            validations=validations,
            censoring=weigh_for_the_lost(
                computed, risk, horizon_hours=outcome.horizon_in_hours, limit=recipe.validation.censored
            ),
            no_later_time=later.impossible or "",
            beside=compare(
                rows,
                {str(kind): candidate.risk for kind, candidate in candidates.items()},
                recipe.beside,
                chosen=chosen.chosen,
                seed=fitting.seed,
            )
            if recipe.beside
            else None,
        ),
        looks=replace(looks, instability=instability),
        performances={str(kind): performance for kind, performance in performances.items()},
        recipes={kind: candidate.recipe for kind, candidate in candidates.items()},
        tuning={str(kind): candidate.search for kind, candidate in candidates.items() if candidate.search},
    )


def _weigh(guidance: Guidance, name: str, score: str, rows: CohortRows, fitting: Fitting) -> Found:
    """The published risk as it is, beside what happened; where that is not known yet, the evidence says so."""
    if not len(rows):
        raise BadInput(
            f"no row has a value of {score}: {dict(rows.outcomes)}",
            remedy="Ingest what the score reads, or look at its windows and at the population of the guidance",
        )
    stated = rows.inputs((score,))[:, 0]
    matured = rows.matured()
    risk, y = stated[rows.y >= 0], matured.y
    mean = float(stated.mean())
    outcome = guidance.all_predictions[name].outcome
    happened, not_happened = (len(np.unique(matured.patients[y == label])) for label in (1, 0))
    judgeable = min(happened, not_happened) >= FEWEST_PATIENTS
    performance = evaluate(y, risk, matured.patients, seed=fitting.seed) if judgeable else None
    fold = fitting.folds.of(y, matured.patients) if judgeable else None
    made = (
        []
        if fold is None
        else list(made_of_score(guidance, score, matured, fold, seed=fitting.seed, workers=fitting.workers))
    )
    performances = ({} if performance is None else {"published": performance}) | {
        one.kind: one.performance for one in made
    }
    judged = Judged(
        rows=len(matured),
        events=int(y.sum()),
        patients=len(np.unique(matured.patients)),
        models={kind: one.report() for kind, one in performances.items()},
        chosen="published",
        states=dict(rows.outcomes),
        published=Weighed(
            score=score,
            mean_risk=mean,
            scored=len(rows),
            observed_expected=None if performance is None else performance.observed_expected,
        ),
        unevaluated=""
        if judgeable
        else unevaluated(
            outcome, rows=len(matured), happened=happened, not_happened=not_happened, fewest=FEWEST_PATIENTS
        ),
    )
    reference = {
        "name": f"stays of the data, by the published score, {_period(rows)}",
        "base_rate": mean,
        "n": len(rows),
        "events": int(y.sum()),
        "inputs": {},
    }
    return Found(
        model=Published(file=PublishedFile(feature=score)),
        reference=reference,
        judged=judged,
        rows=matured if len(matured) else rows,
        looks=None
        if performance is None or fold is None
        else look_at(
            guidance,
            name,
            matured,
            risk,
            performance,
            average=mean,
            inputs=(score,),
            fold=fold,
            data_until=int(rows.at.max()),
            seed=fitting.seed,
            itself=score,
            incumbent=fitting.incumbents.get(name),
        ),
        performances=performances,
        recipes={one.kind: one.recipe for one in made},
    )


def _period(rows: CohortRows) -> str:
    return f"{instant_text(int(rows.at.min()))[:10]} to {instant_text(int(rows.at.max()))[:10]}"
