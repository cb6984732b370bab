"""What scikit-learn fitted, as a scorecard or a forest: exact to rounding, and nothing of scikit-learn left in it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from sklearn.pipeline import Pipeline

from services.guidance.models.explanation import CalibrationMap, Numbers
from services.guidance.models.forest import Forest
from services.guidance.models.forest_file import ForestFile
from services.guidance.models.forest_file import Reference as ForestReference
from services.guidance.models.scorecard import Scorecard
from services.guidance.models.scorecard_file import Linear, Pair, Reference, ScorecardFile, Step
from services.learner.models.tables import Table, Tables, purify, tabulate
from services.learner.models.trees import Ensemble

NO_CHANGE = CalibrationMap()


def compile_scorecard(
    ensemble: Ensemble,
    *,
    inputs: Sequence[str],
    rows: Numbers,
    reference: str,
    calibration: CalibrationMap = NO_CHANGE,
) -> Scorecard:
    """Trees with at most two inputs on a path as step functions and pair tables, explained against `rows`."""
    tables = purify(tabulate(ensemble.trees), rows)
    return against(
        ScorecardFile(
            inputs=tuple(inputs),
            intercept=ensemble.intercept + tables.constant,
            steps=tuple(_step(index, table) for index, table in tables.steps.items()),
            pairs=tuple(_pair(pair, table) for pair, table in tables.pairs.items() if table.values.any()),
            calibration=calibration,
            reference=_no_means(tables, reference),
        ),
        rows,
    )


def compile_logistic(
    pipeline: Pipeline,
    *,
    inputs: Sequence[str],
    rows: Numbers,
    reference: str,
    calibration: CalibrationMap = NO_CHANGE,
) -> Scorecard:
    """A logistic regression after imputing (with missing indicators) and scaling, as one linear term for each input."""
    imputer, scaler, regression = (step for _, step in pipeline.steps)
    weights = regression.coef_[0] / scaler.scale_
    intercept = float(regression.intercept_[0] - weights @ scaler.mean_)
    medians = np.nan_to_num(imputer.statistics_)
    coefficients = weights[: len(inputs)]
    missing = coefficients * medians
    if imputer.indicator_ is not None:
        missing[imputer.indicator_.features_] += weights[len(inputs) :]
    return against(
        ScorecardFile(
            inputs=tuple(inputs),
            intercept=intercept,
            linear=tuple(
                Linear(input=index, coefficient=float(coefficients[index]), missing=float(missing[index]))
                for index in range(len(inputs))
            ),
            calibration=calibration,
            reference=Reference(name=reference, linear=(0.0,) * len(inputs)),
        ),
        rows,
    )


def compile_forest(
    ensemble: Ensemble, *, inputs: Sequence[str], reference: str, calibration: CalibrationMap = NO_CHANGE
) -> Forest:
    """Trees as they are; the reference is the rows they were fitted on, which `cover` counts."""
    return Forest(
        file=ForestFile(
            inputs=tuple(inputs),
            intercept=ensemble.intercept,
            trees=ensemble.trees,
            calibration=calibration,
            reference=ForestReference(name=reference),
        )
    )


def against(file: ScorecardFile, rows: Numbers) -> Scorecard:
    """The scorecard explained against the mean of every term over these rows."""
    means = Scorecard(file=file).terms(np.ascontiguousarray(rows)).mean(axis=0).tolist()
    linear, steps = len(file.linear), len(file.steps)
    reference = Reference(
        name=file.reference.name,
        linear=tuple(means[:linear]),
        steps=tuple(means[linear : linear + steps]),
        pairs=tuple(means[linear + steps :]),
    )
    return Scorecard(file=msgspec.structs.replace(file, reference=reference))


def calibrated(model: Scorecard | Forest, calibration: CalibrationMap) -> Scorecard | Forest:
    """The same model with another calibration map."""
    if isinstance(model, Forest):
        return Forest(file=msgspec.structs.replace(model.file, calibration=calibration))
    return Scorecard(file=msgspec.structs.replace(model.file, calibration=calibration))


def _no_means(tables: Tables, reference: str) -> Reference:
    pairs = sum(bool(table.values.any()) for table in tables.pairs.values())
    return Reference(name=reference, steps=(0.0,) * len(tables.steps), pairs=(0.0,) * pairs)


def _step(index: int, table: Table) -> Step:
    *values, missing = table.values.tolist()
    return Step(input=index, cuts=tuple(table.cuts[0].tolist()), values=tuple(values), missing=missing)


def _pair(pair: tuple[int, int], table: Table) -> Pair:
    return Pair(
        inputs=pair,
        cuts=(tuple(table.cuts[0].tolist()), tuple(table.cuts[1].tolist())),
        values=tuple(tuple(row) for row in table.values.tolist()),
    )
