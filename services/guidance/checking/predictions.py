"""Checks of what is predicted: names that are free, outcomes that fit the index, risks that can be found."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Final

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.orders import check_order_index
from services.guidance.checking.source_lines import KeyPath
from services.guidance.definition import PRIMARY, Codes, Guidance, Index, Model, Outcome
from services.guidance.scores.catalogue import FORMULAS
from services.guidance.words.card_variables import VARIABLES
from services.guidance.words.order_variables import of_orders
from services.guidance.words.prediction_variables import RISK, of_features, of_prediction

OF_LANGUAGE: Final = frozenset({"any_of", "known", "none", "true", "false"})
"""Names that conditions and templates use for something else."""

_OF_EVENT: Final = ("events", "competing", "horizon_hours", "within_stay", "looked_for", "may_overlap")

EVENTS: Final = ("events", "competing", "looked_for")
"""Where an outcome names events."""


def check_predictions(guidance: Guidance, report: FaultReport) -> None:
    """Put every fault of the predictions, their outcomes and the index on the report."""
    _check_index(guidance.index, report)
    check_order_index(guidance, report)
    _check_names(guidance, report)
    for name, prediction in guidance.all_predictions.items():
        path = path_of(name)
        _check_outcome(guidance, prediction.outcome, (*path, "outcome"), report)
        _check_model(guidance, prediction.model, (*path, "model"), report)


def path_of(prediction: str) -> KeyPath:
    """Where a prediction stands in guidance.yaml; the first has the top level for itself."""
    return () if prediction == PRIMARY else ("predictions", prediction)


def outcome_codes(guidance: Guidance) -> Iterator[tuple[KeyPath, Codes]]:
    """Every place where an outcome names codes, with its path."""
    for name, prediction in guidance.all_predictions.items():
        path, outcome = (*path_of(name), "outcome"), prediction.outcome
        for key in ("died", "transferred"):
            if (codes := getattr(outcome, key)) != Codes():
                yield (*path, key), codes
        if outcome.injury is not None:
            for key in ("creatinine", "replacement"):
                if (read := getattr(outcome.injury, key)) is not None:
                    yield (*path, "injury", key), read
        if outcome.planned is not None:
            for key in ("always", "elective", "acute"):
                yield (*path, "planned", key), getattr(outcome.planned, key)
        for key in EVENTS:
            for place, event in enumerate(getattr(outcome, key)):
                yield (*path, key, place, "codes"), event.codes
                if event.answers is not None:
                    yield (*path, key, place, "answers"), event.answers


def _check_names(guidance: Guidance, report: FaultReport) -> None:
    """A prediction brings its own name and some made of it: none of them may mean something else."""
    taken: dict[str, str] = dict.fromkeys(guidance.features, "a feature")
    for name, feature in of_features(guidance).items():
        if name in guidance.features:
            report.at(("features", name), f"`{name}` already means a variable of the score `{feature}`")
        taken[name] = f"a variable of the score `{feature}`"
    for name, feature in of_orders(guidance).items():
        if name in guidance.features:
            report.at(("features", name), f"`{name}` already means the names of what `{feature}` counts")
        taken[name] = f"the names of what `{feature}` counts"
    taken |= dict.fromkeys((*VARIABLES, *OF_LANGUAGE), "something else in conditions and templates")
    for name in guidance.predictions:
        path: KeyPath = ("predictions", name)
        if keyword.iskeyword(name):
            report.at(path, f"`{name}` means something else in conditions and templates: choose another name")
        for brought in of_prediction(name):
            if brought in taken:
                report.at(path, f"`{brought}` already means {taken[brought]}: choose another name for the prediction")
            taken[brought] = f"the prediction `{name}`"


def _check_index(index: Index, report: FaultReport) -> None:
    if index.at == "order":
        for key in ("plus_hours", "every_hours", "hours_tolerated"):
            if getattr(index, key):
                report.at(("index", key), "an order has one moment, its own: leave it out")
    elif index.at == "discharge":
        if index.hours_tolerated:
            report.at(("index", "hours_tolerated"), "`hours_tolerated` belongs to an index counted from admission")
        if index.every_hours is not None:
            report.at(
                ("index", "every_hours"), "after discharge there is no stay left: landmarks count from admission on"
            )
    elif index.every_hours is not None and index.hours_tolerated:
        report.at(("index", "hours_tolerated"), "with `every_hours` each moment must lie in the stay: leave it out")


def _check_outcome(guidance: Guidance, outcome: Outcome, path: KeyPath, report: FaultReport) -> None:
    at_discharge = guidance.index.at == "discharge"
    if outcome.kind == "kidney-injury":
        _check_kidney_injury(outcome, path, report)
        if outcome.seen_after_days is not None:
            _check_follow_up(outcome, path, report)
        return
    if outcome.injury is not None:
        report.at((*path, "injury"), "`injury` belongs to `kind: kidney-injury`")
    if outcome.kind != "event":
        for key in _OF_EVENT:
            if getattr(outcome, key):
                report.at((*path, key), f"`{key}` belongs to `kind: event`")
        if outcome.death == "counts":
            report.at((*path, "death"), "`death` belongs to `kind: event`")
        if outcome.died == Codes():
            report.at(path, "`died` is missing: which discharge dispositions mean death?")
    if outcome.seen_after_days is not None:
        _check_follow_up(outcome, path, report)
    if outcome.kind == "readmission":
        _check_readmission(guidance, outcome, path, report)
        return
    if outcome.planned is not None:
        report.at((*path, "planned"), "`planned` belongs to `readmission`")
    if outcome.kind == "event":
        _check_event(guidance, outcome, path, report)
        return
    if outcome.horizon_days is not None:
        report.at((*path, "horizon_days"), "death in the stay has no horizon: the stay ends it")
    if at_discharge:
        report.at(("index",), "at discharge the outcome of the stay is known: predict from admission on")


def _check_kidney_injury(outcome: Outcome, path: KeyPath, report: FaultReport) -> None:
    if outcome.injury is None:
        report.at(path, "`injury` is missing: which creatinine, and which stage?")
    if outcome.horizon_days is not None and outcome.horizon_hours is not None:
        report.at((*path, "horizon_hours"), "give `horizon_days` or `horizon_hours`, not both")
    if outcome.horizon_in_hours is None:
        report.at(path, "until when? Give `horizon_days` or `horizon_hours`")
    for key in ("events", "competing", "within_stay", "planned"):
        if getattr(outcome, key):
            report.at((*path, key), f"`{key}` does not belong to `kind: kidney-injury`")
    if outcome.transferred != Codes():
        report.at((*path, "transferred"), "`transferred` does not belong to `kind: kidney-injury`")
    if outcome.death == "counts":
        report.at((*path, "death"), "a death is no kidney injury: it competes with it")


def _check_follow_up(outcome: Outcome, path: KeyPath, report: FaultReport) -> None:
    where, hours = (*path, "seen_after_days"), outcome.horizon_in_hours
    if outcome.kind == "death-in-stay" or outcome.within_stay or hours is None:
        report.at(where, "until the stay ends the patient is here: nobody is lost to follow-up")
    elif (outcome.seen_after_days or 0) * 24 > hours:
        report.at(where, "nobody need be seen longer than the horizon")


def _check_readmission(guidance: Guidance, outcome: Outcome, path: KeyPath, report: FaultReport) -> None:
    index = guidance.index
    if outcome.horizon_days is None:
        report.at(path, "`horizon_days` is missing: within how many days?")
    if outcome.planned is None:
        report.at(path, "`planned` is missing: without it planned stays would count as readmissions")
    if index.at == "discharge" and index.plus_hours:
        report.at(("index", "plus_hours"), "after discharge the outcome may have begun: predict at discharge or before")


def _check_event(guidance: Guidance, outcome: Outcome, path: KeyPath, report: FaultReport) -> None:
    if not outcome.events and outcome.death == "competes":
        report.at(path, "nothing is predicted: name `events`, or let `death: counts`")
    if outcome.horizon_days is not None and outcome.horizon_hours is not None:
        report.at((*path, "horizon_hours"), "give `horizon_days` or `horizon_hours`, not both")
    if outcome.horizon_in_hours is None and not outcome.within_stay:
        report.at(path, "until when? Give `horizon_days` or `horizon_hours`, or `within_stay: true`")
    if outcome.looked_for and outcome.horizon_in_hours is None:
        report.at((*path, "looked_for"), "within which time? Tests are counted up to the horizon, and there is none")
    if outcome.transferred != Codes() and not outcome.within_stay:
        report.at(
            (*path, "transferred"), "`transferred` ends a wait within the stay: it belongs to `within_stay: true`"
        )
    if outcome.within_stay and guidance.index.at == "discharge":
        report.at((*path, "within_stay"), "at discharge the stay is over: predict from admission on")
    for place, name in enumerate(outcome.may_overlap):
        if name not in guidance.features:
            report.at((*path, "may_overlap", place), f"there is no feature `{name}`")


def _check_model(guidance: Guidance, model: Model, path: KeyPath, report: FaultReport) -> None:
    for place, other in enumerate(model.beside):
        compared = guidance.features.get(other.feature)
        if compared is None:
            report.at((*path, "beside", place, "feature"), f"there is no feature `{other.feature}`")
        elif compared.use != "audit":
            report.at(
                (*path, "beside", place, "feature"), f"`{other.feature}` must be read for audit only (`use: audit`)"
            )
    if model.published is None:
        if model.recalibrate:
            report.at((*path, "recalibrate"), "nothing published is named: what is learned is calibrated anyway")
        return
    if model.beside:
        report.at((*path, "beside"), "a published score is weighed alone: `beside` belongs to what is learned")
    where = (*path, "published")
    feature = guidance.features.get(model.published)
    if feature is None:
        report.at(where, f"there is no feature `{model.published}`")
        return
    formula = FORMULAS.get(feature.formula or "") if feature.kind == "score" else None
    if formula is None:
        report.at(where, f"`{model.published}` is no published score: its `kind` must be `score`")
    elif formula.range != RISK:
        report.at(where, f"`{feature.formula}` gives no risk from 0 to 1: only a published risk can be a prediction")
    if feature.use == "audit":
        report.at(where, f"`{model.published}` is read for audit only")
    if "candidates" in model.model_fields_set:
        report.at((*path, "candidates"), "a published score is not learned: no candidates")
    if "tuning" in model.model_fields_set:
        report.at((*path, "tuning"), "a published score has no settings to try: `tuning` belongs to what is learned")
    if "validation" in model.model_fields_set:
        report.at((*path, "validation"), "a published score is not fitted: it is weighed on all rows")
