"""Checks of features that are computed from others: formulas, published scores, absences; no circles, no idle helper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.source_lines import KeyPath
from services.guidance.feature_definition import COMPUTED, Feature
from services.guidance.reading.steps import reached
from services.guidance.scores.catalogue import FORMULAS
from services.timeline.unit_grammar import read_unit

_NEVER_ABSENT: Final = frozenset({"count", "exists", "current", "absent"})


def check_computed(features: Mapping[str, Feature], report: FaultReport) -> None:
    """Put every fault of the computed features on the report."""
    for name, feature in features.items():
        path: KeyPath = ("features", name)
        if feature.kind not in ("formula", "score"):
            for key in ("formula", "inputs"):
                if getattr(feature, key):
                    report.at((*path, key), f"`{key}` belongs to `kind: formula` and `kind: score`")
        if feature.kind != "absent" and feature.of is not None:
            report.at((*path, "of"), "`of` belongs to `kind: absent`")
        if feature.kind in ("formula", "score"):
            _check_formula(feature, path, features, report)
        elif feature.kind == "absent":
            _check_absent(feature, path, features, report)
    _check_together(features, report)


def _check_formula(feature: Feature, path: KeyPath, features: Mapping[str, Feature], report: FaultReport) -> None:
    if feature.formula is None:
        report.at(path, "`formula` is missing")
        return
    formula = FORMULAS.get(feature.formula)
    if formula is None:
        known = ", ".join(sorted(FORMULAS))
        report.at((*path, "formula"), f"there is no formula `{feature.formula}`; there are {known}")
        return
    if formula.published and feature.kind == "formula":
        report.at((*path, "kind"), f"`{feature.formula}` is a published score: `kind: score`")
    elif not formula.published and feature.kind == "score":
        report.at(
            (*path, "kind"), f"`{feature.formula}` is arithmetic that nobody published as a score: `kind: formula`"
        )
    for argument in sorted(set(formula.arguments) - set(feature.inputs)):
        report.at((*path, "inputs"), f"`{feature.formula}` needs `{argument}`")
    if not formula.arguments and not feature.inputs:
        report.at((*path, "inputs"), f"`{feature.formula}` takes any of {', '.join(formula.inputs)}: give at least one")
    for argument, given in feature.inputs.items():
        where = (*path, "inputs", argument)
        if argument not in formula.inputs:
            report.at(where, f"`{feature.formula}` takes {', '.join(formula.inputs)}; not this")
        _check_given(given, where, feature, features, report)
        wanted = formula.units.get(argument)
        if given in features and wanted is not None and not _same_unit(features[given].unit, wanted):
            report.at(
                where, f"`{feature.formula}` takes `{argument}` in {wanted}; `{given}` is in {features[given].unit}"
            )


def _same_unit(said: str | None, wanted: str) -> bool:
    """Whether numbers in both units are the same; what has no unit of its own (a count) is taken as it is."""
    if said is None or said == wanted:
        return True
    have, want = read_unit(said), read_unit(wanted)
    return have is not None and have == want


def _check_absent(feature: Feature, path: KeyPath, features: Mapping[str, Feature], report: FaultReport) -> None:
    if feature.of is None:
        report.at(path, "`of` is missing: which feature is asked about?")
        return
    for key in ("unit", "range"):
        if getattr(feature, key) is not None:
            report.at((*path, key), f"`absent` is 1 or 0 and has no `{key}`")
    where = (*path, "of")
    _check_given(feature.of, where, feature, features, report)
    if (other := features.get(feature.of)) is not None and other.kind in _NEVER_ABSENT and other.range is None:
        report.at(where, f"`{feature.of}` is 0 where nothing is found: it is never absent")


def _check_given(
    given: str, where: KeyPath, feature: Feature, features: Mapping[str, Feature], report: FaultReport
) -> None:
    if given not in features:
        report.at(where, f"there is no feature `{given}`")
    elif features[given].use == "audit" and feature.use != "audit":
        report.at(where, f"`{given}` is read for audit only")


def _check_together(features: Mapping[str, Feature], report: FaultReport) -> None:
    fed = {given for feature in features.values() for given in feature.computed_from}
    for name, feature in features.items():
        if feature.use == "helper" and name not in fed:
            report.at(("features", name), "a helper that no other feature uses")
        if feature.kind in COMPUTED and name in reached(name, features):
            report.at(("features", name, "of" if feature.of else "inputs"), f"`{name}` is computed from itself")
