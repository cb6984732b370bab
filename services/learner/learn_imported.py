"""A model from elsewhere, judged as ours are: on rows that it has not seen if somebody says where its training ended.

It is taken as it is. Nothing is fitted, so all rows are test rows; but which of them its author has seen, only the
author knows, and where nobody says so the evidence does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.guidance.definition import Guidance
from services.guidance.evidence import Judged, Price, Validation
from services.guidance.models.forest import Forest
from services.guidance.models.scorecard import Scorecard
from services.learner.evidence.evaluation import Performance, evaluate
from services.learner.evidence.files import reference_of
from services.learner.evidence.leaks import find_leaks
from services.learner.evidence.looks import look_at
from services.learner.evidence.sample_size import sample_size
from services.learner.feature_matrix import CohortRows
from services.learner.learn import Fitting, Found
from services.learner.models.imported.convert import convert, match_names, must_be_the_same, must_keep_directions
from services.learner.models.imported.foreign import Foreign
from services.learner.models.training_rows import TrainingRows
from services.timeline.errors import BadInput
from services.timeline.instants import NAT, instant_text

KIND = "imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A model to judge: what it is, where it came from, and what its author says of it."""

    foreign: Foreign
    place: str
    """Where it came from, as somebody would name it."""
    digest: str
    """SHA-256 of its file."""
    named: tuple[str, ...] = ()
    """The features that its columns are, if it does not say so itself, or says it otherwise."""
    trained_until: int = NAT
    """Where the data end that it was trained on; NAT: nobody says."""
    more: dict[str, str] = field(default_factory=dict)
    """What else is known of where it came from (the MLflow version, say)."""

    def find(self, guidance: Guidance, name: str, everyone: CohortRows, fitting: Fitting) -> Found:
        """In the place of fitting: the model as it is, with what was found of it."""
        return _judge(self, guidance, name, everyone.asked(name), fitting)


def _judge(wanted: Import, guidance: Guidance, name: str, rows: CohortRows, fitting: Fitting) -> Found:
    prediction = guidance.all_predictions[name]
    if prediction.model.published is not None:
        raise BadInput(
            f"the guidance takes its risk from the published score {prediction.model.published}",
            place=wanted.place,
            remedy="Let the guidance say `model: {}`; then a model can be imported",
        )
    everyone = rows.matured()
    unseen = everyone if wanted.trained_until == NAT else everyone.where(everyone.at >= wanted.trained_until)
    if not len(unseen):
        raise BadInput(
            f"of {len(everyone):,} rows with a known outcome, none is after its training ended",
            place=wanted.place,
            remedy="Ingest a later period, or look at --trained-until",
        )
    reference = f"stays that the imported model was judged on, {_period(unseen)}"
    names = match_names(wanted.foreign, guidance.features, named=wanted.named, place=wanted.place)
    X = unseen.inputs(names.inputs)
    fitting.progress("converting", 0, 1)
    model = convert(wanted.foreign, names, X, reference=reference, place=wanted.place)
    difference = must_be_the_same(wanted.foreign, names, model, X, place=wanted.place)
    must_keep_directions(model, guidance.features, X, place=wanted.place)
    fitting.progress("converting", 1, 1)
    risk, seed = model.risk(X), fitting.seed
    fitting.progress("weighing", 0, 2)
    performance = evaluate(unseen.y, risk, unseen.patients, seed=seed)
    fitting.progress("weighing", 1, 2)
    leaks = find_leaks(
        TrainingRows.of(X, unseen.y, unseen.patients, inputs=names.inputs, reference="alarms"),
        aurocs={KIND: performance.auroc.value},
        auroc_alarm=prediction.model.auroc_alarm,
        seed=seed,
    )
    fitting.progress("weighing", 2, 2)
    return Found(
        model=model,
        reference=reference_of(unseen, names.inputs, reference),
        rows=unseen,
        judged=Judged(
            rows=len(unseen),
            events=int(unseen.y.sum()),
            patients=len(np.unique(unseen.patients)),
            models={KIND: performance.report()},
            chosen=KIND,
            price_of_glass_box=_price(model),
            leaks=leaks,
            sample_size=_sample_size(unseen, risk, len(names.inputs)),
            states=dict(rows.outcomes),
            validations=(_validation(wanted, everyone, unseen, performance),),
        ),
        looks=look_at(
            guidance,
            name,
            unseen,
            risk,
            performance,
            average=float(unseen.y.mean()),
            inputs=names.inputs,
            fold=fitting.folds.of(unseen.y, unseen.patients),
            data_until=int(rows.at.max()),
            seed=seed,
            incumbent=fitting.incumbents.get(name),
        ),
        performances={KIND: performance},
        recipes={KIND: _recipe(wanted, model, difference)},
        split=_split(wanted, everyone, unseen),
    )


def _recipe(wanted: Import, model: Scorecard | Forest, difference: float | None) -> dict[str, Any]:
    """Where it came from and what became of it, for the evidence."""
    declared = {} if wanted.trained_until == NAT else {"trained_until": instant_text(wanted.trained_until)}
    checked = {} if difference is None else {"largest_difference_from_the_library": difference}
    return {
        "algorithm": f"imported from {wanted.foreign.library}",
        "file": wanted.digest,
        "became": _called(model),
        "exact": wanted.foreign.exact,
        **wanted.foreign.facts,
        **declared,
        **checked,
        **wanted.more,
    }


def _called(model: Scorecard | Forest) -> str:
    return "forest" if isinstance(model, Forest) else "scorecard"


def _price(model: Scorecard | Forest) -> Price:
    return Price(
        auroc=0.0,
        brier=0.0,
        sentence=f"The model was imported and is a {_called(model)}; no other was fitted, so what clarity costs is not known.",
    )


def _sample_size(rows: CohortRows, risk: np.ndarray, inputs: int) -> Any:
    """How many parameters its author tried, nobody knows: at least one for each input."""
    found = sample_size(rows.y, out_of_fold=risk, parameters=inputs)
    return type(found)(
        needed=found.needed,
        rows=found.rows,
        events=found.events,
        parameters=inputs,
        sentence=f"{found.sentence} The model came from elsewhere: its parameters are counted as one for each input.",
    )


def _split(wanted: Import, everyone: CohortRows, unseen: CohortRows) -> str:
    if wanted.trained_until == NAT:
        return (
            "nothing was fitted: all rows; where the model's training ended was not declared, so it may have seen some of "
            "them and the figures may be too good"
        )
    before = everyone.patients[everyone.at < wanted.trained_until]
    again = len(np.intersect1d(before, unseen.patients))
    return (
        f"nothing was fitted: rows from {_day(wanted.trained_until)} on, after the data that the model was trained on "
        f"(declared); {again:,} of {len(np.unique(unseen.patients)):,} patients have earlier rows, too"
    )


def _validation(wanted: Import, everyone: CohortRows, unseen: CohortRows, performance: Performance) -> Validation:
    """Later time is what a declared end of the training gives; without one there is no later."""
    if wanted.trained_until == NAT:
        return Validation(
            scheme="temporal",
            name=_period(everyone),
            fitted_rows=0,
            rows=0,
            events=0,
            patients=0,
            unjudged="Where the imported model's training ended was not declared, so no rows are known to be later.",
        )
    report = performance.report()
    return Validation(
        scheme="temporal",
        name=_period(unseen),
        fitted_rows=0,
        rows=len(unseen),
        events=int(unseen.y.sum()),
        patients=len(np.unique(unseen.patients)),
        auroc=performance.auroc,
        observed_expected=performance.observed_expected,
        calibration_intercept=report.calibration_intercept,
        calibration_slope=report.calibration_slope,
    )


def _period(rows: CohortRows) -> str:
    return f"{_day(int(rows.at.min()))} to {_day(int(rows.at.max()))}"


def _day(moment: int) -> str:
    return instant_text(moment)[:10]
