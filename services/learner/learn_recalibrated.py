"""A published score whose level and slope are fitted to what happened here: two numbers, tested on patients not seen.

The order of patients stays the publisher's; only how high a risk is said to be is the site's. The score as it was
printed, and a regression on its own inputs, stand beside it in the evidence.
"""

from __future__ import annotations

import msgspec
import numpy as np

from services.guidance.definition import Guidance
from services.guidance.evidence import Judged, Weighed
from services.guidance.models.published import Published, PublishedFile
from services.learner.evidence.evaluation import evaluate
from services.learner.evidence.looks import look_at
from services.learner.evidence.score_refits import RECALIBRATED, made_of_score
from services.learner.feature_matrix import CohortRows
from services.learner.learn import Fitting, Found
from services.learner.models.recalibration import fit_calibration
from services.learner.models.training_rows import FEWEST_PATIENTS
from services.timeline.errors import BadInput
from services.timeline.instants import instant_text

KIND = RECALIBRATED


def find_recalibrated(guidance: Guidance, name: str, everyone: CohortRows, fitting: Fitting) -> Found:
    """In the place of weighing: the score with its line, what it does out of fold, and what it did as printed."""
    prediction = guidance.all_predictions[name]
    rows, score = everyone.asked(name), prediction.model.published
    if score is None:
        raise BadInput("nothing published is named", place="model.recalibrate", remedy="Name it: `published`")
    matured = rows.matured()
    y = matured.y
    if min(len(np.unique(matured.patients[y == label])) for label in (0, 1)) < FEWEST_PATIENTS:
        raise BadInput(
            f"too few patients to recalibrate {score} for {prediction.outcome.name}: {dict(rows.outcomes)}",
            remedy=f"Ingest more: at least {FEWEST_PATIENTS} with and without the outcome, or let the score be as printed",
        )
    printed = Published(file=PublishedFile(feature=score))
    stated = matured.inputs((score,))
    fold = fitting.folds.of(y, matured.patients)
    made = {
        one.kind: one
        for one in made_of_score(guidance, score, matured, fold, seed=fitting.seed, workers=fitting.workers)
    }
    line = fit_calibration(printed.log_odds(stated), y)
    model = Published(file=msgspec.structs.replace(printed.file, calibration=line))
    performances = {
        KIND: made[KIND].performance,
        "published": evaluate(y, printed.risk(stated), matured.patients, seed=fitting.seed),
        **{kind: one.performance for kind, one in made.items() if kind != KIND},
    }
    mean = float(model.risk(rows.inputs((score,))).mean())
    period = f"{instant_text(int(rows.at.min()))[:10]} to {instant_text(int(rows.at.max()))[:10]}"
    return Found(
        model=model,
        reference={
            "name": f"stays of the data, by the recalibrated score, {period}",
            "base_rate": mean,
            "n": len(rows),
            "events": int(y.sum()),
            "inputs": {},
        },
        judged=Judged(
            rows=len(matured),
            events=int(y.sum()),
            patients=len(np.unique(matured.patients)),
            models={kind: performance.report() for kind, performance in performances.items()},
            chosen=KIND,
            states=dict(rows.outcomes),
            published=Weighed(
                score=score,
                mean_risk=mean,
                scored=len(rows),
                observed_expected=performances[KIND].observed_expected,
            ),
        ),
        rows=matured,
        looks=look_at(
            guidance,
            name,
            matured,
            made[KIND].risk,
            performances[KIND],
            average=mean,
            inputs=(score,),
            fold=fold,
            data_until=int(rows.at.max()),
            seed=fitting.seed,
            incumbent=fitting.incumbents.get(name),
        ),
        performances=performances,
        recipes={kind: one.recipe for kind, one in made.items()},
        split=f"{fitting.count}-fold cross-validation, grouped by patient; of the published score only intercept and slope",
    )
