"""What the model is held against: no guidance, a card for everyone, what runs now, a published score, the simplest rule.

A rival that was fitted here is fitted as the model is: out of fold, by patient. What cannot be compared is named with why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.guidance.definition import Feature, Guidance
from services.guidance.evidence import Estimate
from services.guidance.models.explanation import Numbers
from services.guidance.models.model_file import RiskModel
from services.guidance.scores.catalogue import FORMULAS
from services.learner.evidence.intervals import auroc_gain, auroc_interval, observed_expected
from services.learner.feature_matrix import CohortRows

RivalKind = Literal["incumbent", "published", "recalibrated", "refitted", "simple"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One rival's risks on the rows of the model."""

    kind: RivalKind
    name: str
    """In words: `HOSPITAL score (2016), recalibrated here`."""
    made: str
    """How its risks came to be: as published, a line in log-odds, a regression on two inputs."""
    risk: Numbers
    """One for each row; where it has no value the average of the others."""
    score: str = ""
    """The feature that holds the published score, if it is one."""
    known: float = 1.0
    """The share of rows for which it has a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalReport:
    """How a rival ranks, and how much better or worse the model ranks on the same rows."""

    kind: RivalKind
    name: str
    made: str
    auroc: Estimate
    gain: Estimate
    """AUROC of the model minus that of the rival; by DeLong if no patient has two rows."""
    observed_expected: Estimate
    known: float
    """The share of rows for which it has a value; the others were given the average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A rival that could not be held against the model."""

    kind: RivalKind
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """All that the model is held against on these rows, and what it could not be held against."""

    rivals: tuple[Rival, ...]
    not_compared: tuple[NotCompared, ...]

    @property
    def of_today(self) -> tuple[Rival, ...]:
        """What is or could be used today: the release that runs now, and each score, as published where it states a risk."""
        scores = {one.score: one for one in reversed(self.rivals) if one.kind in ("published", "recalibrated")}
        running = [one for one in self.rivals if one.kind == "incumbent"]
        return (*running, *reversed(scores.values()))

    def reports(self, rows: CohortRows, risk: Numbers) -> tuple[RivalReport, ...]:
        """How each ranks beside the model."""
        return tuple(
            RivalReport(
                kind=one.kind,
                name=one.name,
                made=one.made,
                auroc=auroc_interval(rows.y, one.risk, rows.patients),
                gain=auroc_gain(rows.y, one.risk, risk, rows.patients),
                observed_expected=observed_expected(rows.y, one.risk, rows.patients),
                known=one.known,
            )
            for one in self.rivals
        )


def find_rivals(
    guidance: Guidance,
    rows: CohortRows,
    fold: NDArray[np.int64],
    *,
    itself: str | None = None,
    incumbent: RiskModel | None = None,
) -> Against:
    """What runs now, the scores that the guidance names, the simplest rule. `itself`: the score that is being weighed."""
    found = [
        *_incumbent(rows, incumbent),
        *(rival for name in guidance.evidence.compare_with for rival in _score(guidance, name, rows, fold, itself)),
        *_simplest(guidance, rows, fold),
    ]
    missing = [one for one in found if isinstance(one, NotCompared)]
    if not guidance.evidence.compare_with:
        missing.append(NotCompared(kind="published", why="The guidance names no published score to compare with."))
    return Against(
        rivals=tuple(one for one in found if isinstance(one, Rival)),
        not_compared=tuple(missing),
    )


def _incumbent(rows: CohortRows, model: RiskModel | None) -> Iterator[Rival | NotCompared]:
    if model is None:
        yield NotCompared(kind="incumbent", why="No release that runs now was given to compare with.")
        return
    if missing := [name for name in model.inputs if name not in rows.names]:
        said = ", ".join(missing)
        yield NotCompared(
            kind="incumbent", why=f"The release that runs now reads what this guidance no longer does: {said}."
        )
        return
    risk, known = _filled(model.risk(rows.inputs(model.inputs)))
    yield Rival(
        kind="incumbent",
        name="the release that runs now",
        made="as it runs; it may have been fitted on some of these patients, which flatters it",
        risk=risk,
        known=known,
    )


def _score(
    guidance: Guidance, name: str, rows: CohortRows, fold: NDArray[np.int64], itself: str | None
) -> Iterator[Rival | NotCompared]:
    feature = guidance.features[name]
    column = rows.inputs((name,))[:, 0]
    if len(np.unique(column[~np.isnan(column)])) < 2:
        yield NotCompared(kind="published", why=f"{feature.label} has no two values in these rows.")
        return
    known = float((~np.isnan(column)).mean())
    if _is_risk(feature) and name != itself:
        yield Rival(
            kind="published", name=feature.label, made="as published", risk=_filled(column)[0], score=name, known=known
        )
    yield Rival(
        kind="recalibrated",
        name=f"{feature.label}, recalibrated here",
        made="a line in log-odds, fitted out of fold"
        if _is_risk(feature)
        else "from points to risk by a logistic line, fitted out of fold",
        risk=_out_of_fold(_on_the_line(feature, column)[:, None], rows.y, fold),
        score=name,
        known=known,
    )
    inputs = [one for one in dict.fromkeys(feature.inputs.values()) if one in rows.names]
    if len(inputs) > 1:
        yield Rival(
            kind="refitted",
            name=f"{feature.label}, refitted here",
            made="a logistic regression on the inputs of the score, fitted out of fold",
            risk=_out_of_fold(rows.inputs(tuple(inputs)), rows.y, fold),
            score=name,
            known=known,
        )


def _simplest(guidance: Guidance, rows: CohortRows, fold: NDArray[np.int64]) -> Iterator[Rival | NotCompared]:
    names = guidance.evidence.simplest or tuple(_age_and_admissions(guidance))
    if not names:
        yield NotCompared(kind="simple", why="The guidance reads neither age nor earlier admissions.")
        return
    labels = " and ".join(guidance.features[name].label for name in names)
    X = rows.inputs(names)
    if not len(names) or (np.ptp(np.nan_to_num(X), axis=0) == 0).all():
        yield NotCompared(kind="simple", why=f"{labels}: the same in every row.")
        return
    yield Rival(
        kind="simple",
        name=f"the simplest rule ({labels})",
        made="a logistic regression, fitted out of fold",
        risk=_out_of_fold(X, rows.y, fold),
    )


def _age_and_admissions(guidance: Guidance) -> Iterator[str]:
    """The first feature of either kind: age, and a count of encounters."""
    for wanted in ("age", "count"):
        for name, feature in guidance.features.items():
            if feature.kind == wanted and (wanted == "age" or (feature.source or "").startswith("Encounter.class")):
                yield name
                break


def _is_risk(feature: Feature) -> bool:
    """Between 0 and 1 by what the guidance declares, or by the published formula itself."""
    span = feature.range
    if span is None and feature.formula is not None and feature.formula in FORMULAS:
        span = FORMULAS[feature.formula].range
    return span is not None and span[0] >= 0 and span[1] <= 1


def _on_the_line(feature: Feature, column: Numbers) -> Numbers:
    if not _is_risk(feature):
        return column
    safe = np.clip(column, 1e-6, 1 - 1e-6)
    line: Numbers = np.log(safe) - np.log1p(-safe)
    return line


def _filled(risk: Numbers) -> tuple[Numbers, float]:
    known = ~np.isnan(risk)
    return np.where(known, risk, risk[known].mean() if known.any() else 0.0), float(known.mean())


def _out_of_fold(X: Numbers, y: NDArray[np.int8], fold: NDArray[np.int64]) -> Numbers:
    """Each row's risk by a regression that saw nothing of its patient; missing values have an indicator."""
    risk = np.empty(len(y))
    for part in np.unique(fold):
        own = fold == part
        regression = make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
            StandardScaler(),
            LogisticRegression(solver="newton-cholesky", max_iter=1000),
        )
        risk[own] = regression.fit(X[~own], y[~own]).predict_proba(X[own])[:, 1]
    return risk
