"""Checks of features one by one: kinds and their keys, fields, units, codes, what a reader sees."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import Final

from services.guidance.checking.computed import check_computed
from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.predictions import OF_LANGUAGE, outcome_codes
from services.guidance.checking.source_lines import KeyPath
from services.guidance.checking.windows import check_window
from services.guidance.definition import Codes, Feature, Guidance
from services.guidance.feature_definition import COMPUTED
from services.guidance.guards.overlap import find_overlaps
from services.guidance.reading.plan import MEASURED
from services.guidance.words.card_text import VARIABLES
from services.timeline.codes import ValueSets
from services.timeline.unit_grammar import read_unit

RESERVED: Final = frozenset({*VARIABLES, *OF_LANGUAGE})
"""Names that conditions and templates use for something else."""

_OF_ITSELF: Final[dict[str, str | None]] = {
    "age": "Patient.birthDate",
    "duration": "Encounter.class",
    **dict.fromkeys(COMPUTED),
}
_MEASURED: Final = frozenset({"Observation.code", "Observation.component", "QuestionnaireResponse.item"})
_MONEY: Final = frozenset(
    {"Claim.item", "Claim.total", "ExplanationOfBenefit.item", "ExplanationOfBenefit.total", "ChargeItem.code"}
)
_AUDIT_ONLY: Final = frozenset({"Patient.race", "Patient.ethnicity", "Patient.language", "Coverage.type"})
_POINTING: Final = frozenset({"Encounter.location", "Encounter.participant"})
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_RANKED: Final = "Encounter.diagnosis"
_TOKEN: Final = re.compile(r"[^|\n]*\|[^|\n]+")


def check_features(guidance: Guidance, value_sets: ValueSets, report: FaultReport) -> None:
    """Put every fault of the features on the report."""
    for name, feature in guidance.features.items():
        path: KeyPath = ("features", name)
        if name in RESERVED or keyword.iskeyword(name):
            report.at(path, f"`{name}` means something else in conditions and templates: choose another name")
        _check_source(feature, path, report)
        _check_number(feature, path, report)
        check_window(feature, path, report)
        _check_use(feature, path, report)
        _check_phrase(feature, path, report)
    learned = any(one.model.published is None for one in guidance.all_predictions.values())
    if learned and not any(feature.use == "model" for feature in guidance.features.values()):
        report.at(("features",), "no feature is an input of the model (`use: model`)")
    check_computed(guidance.features, report)
    for path, codes in named_codes(guidance):
        _check_codes(codes, path, value_sets, report)
    _check_leaks(guidance, value_sets, report)


def _check_leaks(guidance: Guidance, value_sets: ValueSets, report: FaultReport) -> None:
    """No input of a learned model may read what it predicts."""
    for prediction in guidance.all_predictions.values():
        if prediction.model.published is None:
            for overlap in find_overlaps(guidance.features, prediction.outcome, value_sets):
                report.at(("features", overlap.feature), overlap.says)


def named_codes(guidance: Guidance) -> Iterator[tuple[KeyPath, Codes]]:
    """Every place where the guidance names codes."""
    for name, feature in guidance.features.items():
        for key in ("codes", "answers", "not_during", "not_by"):
            if (codes := getattr(feature, key)) is not None:
                yield ("features", name, key), codes
    yield ("index", "stay"), guidance.index.stay
    yield from outcome_codes(guidance)


def _check_source(feature: Feature, path: KeyPath, report: FaultReport) -> None:
    if feature.kind in _OF_ITSELF:
        own = _OF_ITSELF[feature.kind]
        if feature.source not in (None, own):
            report.at((*path, "from"), f"`{feature.kind}` does not read this field")
        for key in ("codes", "answers", "levels"):
            if getattr(feature, key):
                report.at((*path, key), f"`{feature.kind}` has no use for `{key}`")
    elif feature.source is None:
        report.at(path, f"`from` is missing: `{feature.kind}` reads an event field")
    fields = set(_fields(feature))
    if len(fields) < len(_fields(feature)):
        report.at((*path, "from"), "a field is named twice")
    if _MEASURED & fields and feature.codes is None:
        report.at(path, "`codes` is missing: without it every observation would count")
    if _POINTING & fields and feature.answers is not None:
        report.at(
            (*path, "answers"), "the answer is a reference here: `codes` says of which type or specialty it must be"
        )
    if feature.is_computed:
        for key in ("window", "this_encounter", "assume_known"):
            if key in feature.model_fields_set:
                report.at(
                    (*path, key), f"`{feature.kind}` reads other features, not the record: `{key}` belongs to those"
                )
    if feature.not_by is not None and fields != {"MedicationRequest.medication"}:
        report.at((*path, "not_by"), "only an order of a medicine has a route: `from: MedicationRequest.medication`")
    if feature.not_during is not None and (
        feature.kind in _OF_ITSELF or any(one.startswith("Patient.") for one in fields)
    ):
        report.at((*path, "not_during"), "what it reads belongs to no encounter: `not_during` would leave nothing out")


def _fields(feature: Feature) -> list[str]:
    return feature.source.split("|") if feature.source else []


def _check_number(feature: Feature, path: KeyPath, report: FaultReport) -> None:
    if feature.range is not None and feature.range[0] > feature.range[1]:
        report.at((*path, "range"), "the lower end is above the upper end")
    if feature.levels and feature.kind not in ("last", "first"):
        report.at((*path, "levels"), "`levels` belongs to `last` and `first`")
    for token in feature.levels:
        if not _TOKEN.fullmatch(token):
            report.at((*path, "levels", token), "a level is named `system|code`, or `|text`")
    for token in feature.words:
        if token not in feature.levels:
            report.at((*path, "words", token), "there is no such level")
    if feature.answers is not None and feature.kind not in ("exists", "count", "last", "first"):
        report.at((*path, "answers"), "`answers` belongs to `exists`, `count`, `last` and `first`")
    if feature.distinct is not None and feature.kind not in ("count", "current"):
        report.at((*path, "distinct"), "`distinct` belongs to `count` and `current`")
    fields = set(_fields(feature))
    if feature.unit is not None and not fields & _MONEY and read_unit(feature.unit) is None:
        report.at((*path, "unit"), f"`{feature.unit}` is no UCUM unit: nothing would ever be converted to it")
    if feature.distinct == "ingredient" and not all(one.endswith(".medication") for one in fields):
        report.at((*path, "distinct"), "only medicines have ingredients: `distinct: ingredient` reads `....medication`")
    if feature.kind in MEASURED and not feature.levels:
        _check_unit(feature, fields, path, report)


def _check_unit(feature: Feature, fields: set[str], path: KeyPath, report: FaultReport) -> None:
    """A number is a measurement in a unit, money in a currency, a rank, or a level of something coded."""
    if fields & _MONEY:
        if fields - _MONEY:
            report.at((*path, "from"), "money and other facts make no number together")
        if feature.unit is None or not _CURRENCY.fullmatch(feature.unit):
            where = path if feature.unit is None else (*path, "unit")
            report.at(where, "money needs its currency as `unit`, e.g. `USD` (ISO 4217): other money does not count")
    elif fields & _MEASURED and feature.unit is None:
        report.at(path, "`unit` is missing: a number without its unit cannot be checked (`1` if it has none)")
    elif fields - _MEASURED - {_RANKED} and feature.use != "audit":
        report.at(path, "`levels` is missing: what number each coded value stands for")


def _check_use(feature: Feature, path: KeyPath, report: FaultReport) -> None:
    if _AUDIT_ONLY & set(_fields(feature)) and feature.use != "audit":
        report.at((*path, "use"), "race, ethnicity, language and insurance are read for audit only: `use: audit`")
    if feature.direction and feature.use != "model":
        report.at((*path, "direction"), "only an input of the model has a direction")
    if feature.required and feature.use == "audit":
        report.at((*path, "required"), "nobody is refused an answer for want of audit data")


def _check_phrase(feature: Feature, path: KeyPath, report: FaultReport) -> None:
    if feature.phrase is not None:
        held = feature.phrase.count("{value}")
        if feature.says_yes_or_no and held:
            report.at((*path, "phrase"), "what is there or not has no value to fill in: leave `{value}` out")
        elif not feature.says_yes_or_no and held != 1:
            report.at((*path, "phrase"), "hold `{value}` once, so that the reader sees the number")
        rest = re.sub(r"\{[^{}|]*\|[^{}|]*\}", "", feature.phrase.replace("{value}", ""))
        if "{" in rest or "}" in rest:
            report.at((*path, "phrase"), "braces hold `{value}` or `{one|many}` and nothing else")
    if feature.phrase_zero is not None and set(feature.phrase_zero) & {"{", "}"}:
        report.at((*path, "phrase_zero"), "nothing is filled in here: no braces")


def _check_codes(codes: Codes, path: KeyPath, value_sets: ValueSets, report: FaultReport) -> None:
    named: list[tuple[KeyPath, str]] = [((*path, "value_set"), codes.value_set)] if codes.value_set else []
    named += [((*path, "value_sets", place), name) for place, name in enumerate(codes.value_sets)]
    for where, name in named:
        if name not in value_sets:
            report.at(where, f"there is no value set `{name}` in value_sets.json")
    for number, token in enumerate(codes.tokens):
        if not _TOKEN.fullmatch(token):
            report.at((*path, "tokens", number), "a token is `system|code`, or `|text`")
    if not named and not codes.tokens:
        report.at(path, "no code is named: give `value_set`, `value_sets` or `tokens`")
