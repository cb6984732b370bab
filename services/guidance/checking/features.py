"""Checks of features against each other: kinds and their keys, codes, formulas without circles, no leak of the outcome."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Final

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.source_lines import KeyPath
from services.guidance.definition import Codes, Feature, Guidance
from services.guidance.formulas import FORMULAS
from services.guidance.words.card_text import VARIABLES
from services.timeline.codes import CodeSet, ValueSets

RESERVED: Final = frozenset({*VARIABLES, "any_of", "known", "none", "true", "false"})
"""Names that conditions and templates use for something else."""

_OF_ITSELF: Final = {"age": "Patient.birthDate", "duration": "Encounter.class", "formula": None}
_NUMERIC: Final = frozenset({"last", "first", "min", "max", "mean", "sum", "slope"})
_MEASURED: Final = frozenset({"Observation.code", "Observation.component"})
_AUDIT_ONLY: Final = frozenset({"Patient.race", "Patient.ethnicity", "Patient.language"})
_DEATH: Final = frozenset({"Encounter.dischargeDisposition", "Patient.deceased"})
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
        _check_window(feature, path, report)
        _check_use(feature, path, report)
        _check_phrase(feature, path, report)
    if not any(feature.use == "model" for feature in guidance.features.values()):
        report.at(("features",), "no feature is an input of the model (`use: model`)")
    _check_formulas(guidance, report)
    for path, codes in named_codes(guidance):
        _check_codes(codes, path, value_sets, report)
    _check_leaks(guidance, value_sets, report)


def named_codes(guidance: Guidance) -> Iterator[tuple[KeyPath, Codes]]:
    """Every place where the guidance names codes."""
    for name, feature in guidance.features.items():
        for key in ("codes", "answers"):
            if (codes := getattr(feature, key)) is not None:
                yield ("features", name, key), codes
    yield ("index", "stay"), guidance.index.stay
    yield ("outcome", "died"), guidance.outcome.died
    if guidance.outcome.planned is not None:
        for key in ("always", "elective", "acute"):
            yield ("outcome", "planned", key), getattr(guidance.outcome.planned, key)


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
    if len(set(_fields(feature))) < len(_fields(feature)):
        report.at((*path, "from"), "a field is named twice")
    if _MEASURED & set(_fields(feature)) and feature.codes is None:
        report.at(path, "`codes` is missing: without it every observation would count")


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
    if feature.kind in _NUMERIC and not feature.levels:
        fields = set(_fields(feature))
        if fields & _MEASURED and feature.unit is None:
            report.at(path, "`unit` is missing: a number without its unit cannot be checked (`1` if it has none)")
        elif fields - _MEASURED - {_RANKED} and feature.use != "audit":
            report.at(path, "`levels` is missing: what number each coded value stands for")


def _check_window(feature: Feature, path: KeyPath, report: FaultReport) -> None:
    window = feature.window
    where = (*path, "window")
    spans = window.days is not None or window.hours is not None
    if window.days is not None and window.hours is not None:
        report.at((*where, "hours"), "give `days` or `hours`, not both")
    if window.this_stay and window.or_this_stay:
        report.at((*where, "or_this_stay"), "`this_stay` is already this stay only")
    if window.this_stay and window.before == "admission":
        report.at((*where, "before"), "`this_stay` begins with the admission: nothing of it is before")
    if window.or_this_stay and not spans:
        report.at((*where, "or_this_stay"), "`or_this_stay` adds to `days` or `hours`, which is missing")


def _check_use(feature: Feature, path: KeyPath, report: FaultReport) -> None:
    if _AUDIT_ONLY & set(_fields(feature)) and feature.use != "audit":
        report.at((*path, "use"), "race, ethnicity and language are read for audit only: `use: audit`")
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


def _check_formulas(guidance: Guidance, report: FaultReport) -> None:
    features = guidance.features
    for name, feature in features.items():
        path: KeyPath = ("features", name)
        if feature.kind != "formula":
            for key in ("formula", "inputs"):
                if getattr(feature, key):
                    report.at((*path, key), f"`{key}` belongs to `kind: formula`")
            continue
        if feature.formula is None:
            report.at(path, "`formula` is missing")
            continue
        formula = FORMULAS.get(feature.formula)
        if formula is None:
            known = ", ".join(sorted(FORMULAS))
            report.at((*path, "formula"), f"there is no formula `{feature.formula}`; there are {known}")
            continue
        for argument in sorted(set(formula.arguments) - set(feature.inputs)):
            report.at((*path, "inputs"), f"`{feature.formula}` needs `{argument}`")
        for argument, given in feature.inputs.items():
            where = (*path, "inputs", argument)
            if argument not in formula.inputs:
                report.at(where, f"`{feature.formula}` takes {', '.join(formula.inputs)}; not this")
            if given not in features:
                report.at(where, f"there is no feature `{given}`")
            elif features[given].use == "audit":
                report.at(where, f"`{given}` is read for audit only")
    fed = {given for feature in features.values() for given in feature.inputs.values()}
    for name, feature in features.items():
        if feature.use == "helper" and name not in fed:
            report.at(("features", name), "a helper that no formula uses")
        if name in _reached(name, features):
            report.at(("features", name, "inputs"), f"`{name}` is computed from itself")


def _reached(start: str, features: Mapping[str, Feature]) -> set[str]:
    """Every feature that this one is computed from, itself too if it goes in a circle."""
    found: set[str] = set()
    waiting = list(features[start].inputs.values())
    while waiting:
        name = waiting.pop()
        if name not in found and name in features:
            found.add(name)
            waiting += features[name].inputs.values()
    return found


def _check_leaks(guidance: Guidance, value_sets: ValueSets, report: FaultReport) -> None:
    """No input of the model may read what the outcome is made of."""
    died = _resolved(guidance.outcome.died, value_sets)
    for name, feature in guidance.features.items():
        if feature.use not in ("model", "helper"):
            continue
        for source in sorted(_DEATH & set(_fields(feature))):
            if guidance.outcome.kind == "death-in-stay":
                report.at(("features", name), f"`{source}` tells whether the patient died: the outcome itself")
            elif source == "Patient.deceased" or _overlap(_read(feature, value_sets), died):
                report.at(("features", name), "its codes hold those of a death: the model would read the outcome")


def _read(feature: Feature, value_sets: ValueSets) -> CodeSet | None:
    """The codes that a feature takes notice of; None if any."""
    if feature.levels:
        return CodeSet.of(feature.levels)
    return _resolved(feature.codes, value_sets) if feature.codes is not None else None


def _resolved(codes: Codes, value_sets: ValueSets) -> CodeSet:
    """The codes named, as far as they exist."""
    named = [name for name in (codes.value_set, *codes.value_sets) if name in value_sets]
    return value_sets.resolve(Codes(value_sets=tuple(named), tokens=codes.tokens))


def _overlap(some: CodeSet | None, others: CodeSet) -> bool:
    """Whether a code could be in both; None is every code."""
    if some is None or some.tokens & others.tokens:
        return True
    return any(_below(token, one.prefixes) for one, two in ((some, others), (others, some)) for token in _all(two))


def _all(codes: CodeSet) -> Iterator[str]:
    yield from codes.tokens
    for system, prefixes in codes.prefixes.items():
        yield from (f"{system}|{code}" for code in prefixes)


def _below(token: str, prefixes: Mapping[str, tuple[str, ...]]) -> bool:
    system, _, code = token.partition("|")
    return code.startswith(prefixes.get(system, ()))
