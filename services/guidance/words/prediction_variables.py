"""What a template may name of each prediction and each score, beside its value: percentages, averages, sentences, points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from services.guidance.definition import Feature, Guidance, Prediction
from services.guidance.scores.catalogue import FORMULAS
from services.guidance.scores.formula import Formula
from services.guidance.words.markdown import SafeMarkdown
from services.guidance.words.wording import of_people, percent, points, value_text

RISK: Final = (0.0, 1.0)
"""The range of a published score that is a risk."""
OF_PREDICTION: Final[Mapping[str, str]] = {
    "": "its risk, 0 to 1, for comparisons; `none` when it was not computed",
    "_average": "the average of it, 0 to 1, for comparisons",
    "_percent": "its risk as read: `8%`",
    "_average_percent": "the average as read: `2%`",
    "_frequencies": "the sentence `Of **100** people …`, empty when it was not computed",
}
"""What is added to a prediction's name, and what that means."""
OF_SCORE: Final[Mapping[str, str]] = {
    "_parts": "what gave the points of a score: `breathing 25 (3), oxygen (2)`; `none` when the score is not known",
    "_percent": "a score that is a risk, as read: `13%`; `none` when it is not known",
}
"""What is added to a score's name, and what that means."""


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """One risk as it is told: None = not computed."""

    risk: float | None
    average: float


def of_prediction(name: str) -> tuple[str, ...]:
    """Every variable that a prediction brings."""
    return tuple(f"{name}{addition}" for addition in OF_PREDICTION)


def of_features(guidance: Guidance) -> dict[str, str]:
    """Every variable that the scores bring, with its score."""
    found = {}
    for name, feature in guidance.features.items():
        formula = _published(feature)
        if formula is not None and formula.parts is not None:
            found[f"{name}_parts"] = name
        if formula is not None and formula.range == RISK:
            found[f"{name}_percent"] = name
    return found


def percent_of(stated: float | None) -> SafeMarkdown | None:
    """A risk or an average as read; None where there is none."""
    return None if stated is None else SafeMarkdown(percent(stated))


def frequencies_of(prediction: Prediction, stated: Stated, *, people: str, usual: str) -> SafeMarkdown:
    """The sentence `Of **100** people …`; empty where the risk was not computed."""
    if stated.risk is None:
        return SafeMarkdown("")
    said = of_people(prediction.outcome, risk=stated.risk, base_rate=stated.average, people=people, usual=usual)
    return SafeMarkdown(said)


def parts_of(guidance: Guidance, score: str, values: Mapping[str, float | None]) -> SafeMarkdown | None:
    """What gave a score its points, as read; None where the score is not known."""
    if values.get(score) is None:
        return None
    return SafeMarkdown(points(_parts(guidance.features, score, values)))


def _parts(features: Mapping[str, Feature], name: str, values: Mapping[str, float | None]) -> list[tuple[str, float]]:
    """What gave points, most first: the argument as read, and its points."""
    feature = features[name]
    formula = _published(feature)
    if formula is None or formula.parts is None:
        return []
    given = {
        argument: math.nan if (value := values.get(fed)) is None else value for argument, fed in feature.inputs.items()
    }
    points_of = formula.parts(formula.stacked(**given))[:, 0].tolist()
    found = [
        (_read(features[feature.inputs[argument]], values.get(feature.inputs[argument])), own)
        for argument, own in zip(formula.inputs, points_of, strict=True)
        if argument in feature.inputs and math.isfinite(own) and own != 0
    ]
    return sorted(found, key=lambda one: -one[1])


def _read(feature: Feature, value: float | None) -> str:
    """`breathing 25`; what is only there or not, and what is not known, by its label alone."""
    return feature.label if value is None or feature.says_yes_or_no else f"{feature.label} {value_text(feature, value)}"


def _published(feature: Feature) -> Formula | None:
    return FORMULAS.get(feature.formula or "") if feature.kind == "score" else None
