"""The facts of one call as the variables of a card: numbers as read, and whole sentences from `wording`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from services.guidance.definition import PRIMARY, Feature, Guidance, Prediction
from services.guidance.words.card_facts import CardFacts, Reason, missing_of, origin_of, read_from
from services.guidance.words.markdown import SafeMarkdown, escape_markdown
from services.guidance.words.order_variables import named_in, of_orders
from services.guidance.words.prediction_variables import (
    Stated,
    frequencies_of,
    of_features,
    of_prediction,
    parts_of,
    percent_of,
)
from services.guidance.words.wording import (
    Pronoun,
    listed,
    main_reasons,
    not_known,
    pronoun,
    value_text,
    withheld,
)

VARIABLES: Final[Mapping[str, str]] = {
    "risk": "predicted risk, 0 to 1, for comparisons; `none` when it was not computed (only with `without_risk: speak`)",
    "base_rate": "average risk, 0 to 1, for comparisons",
    "times_average": "predicted risk divided by the average, for comparisons",
    "risk_percent": "predicted risk as read: `28%`",
    "base_percent": "average risk as read: `11%`",
    "average": "`ward average`, or `average` when the reference is not the ward's",
    "frequencies": "the sentence `Of **100** people like him, about **28** … and **72** do not; … 11 of 100.`",
    "reasons": "the sentence `Main reasons: …`, each with the resource it came from, where that is a single one",
    "unknown": "the sentence `Not known: …`, empty when everything is known",
    "withheld": "the sentences that name each published score that could not be computed, and what it lacks",
    "not_computed": "the sentences that name each risk that was not computed, and why",
    "people": "`people like him`, `people like her`, `people like this patient`",
    "he": "he, she or they",
    "him": "him, her or them",
    "his": "his, her or their",
    "notices": "what must be said of stage and policy, empty when there is nothing",
    "ai_derived": "the sentence that says that a model, or a published score, computed this",
    "outcome": "name of the outcome",
    "guidance": "id of the guidance",
    "title": "title of the guidance",
    "version": "version of the guidance",
    "release": "first 12 characters of the release digest",
}
"""What a template may name, beside every feature by its name (its value as read; `none` when it is not known), and what
predictions and scores bring (`prediction_variables`), and what is being ordered (`order_variables`)."""


class Shown(float):
    """A feature's value in a template: compares as a number, prints as read (`9.8`, `male`)."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, value: float, text: str) -> Shown:
        """The number, and how it is read."""
        shown = super().__new__(cls, value)
        shown.text = text
        return shown

    def __str__(self) -> str:
        return self.text


def names_of(guidance: Guidance) -> frozenset[str]:
    """Everything that a template of this guidance may name."""
    brought = [name for prediction in guidance.predictions for name in of_prediction(prediction)]
    return frozenset({*VARIABLES, *guidance.features, *of_features(guidance), *of_orders(guidance), *brought})


class Variables:
    """The variables that some templates name, each with the way to it, found once: a call computes no others."""

    def __init__(self, guidance: Guidance, names: frozenset[str]) -> None:
        makers = _makers(guidance)
        self._makers = [(name, makers[name]) for name in sorted(names & makers.keys())]

    def of(self, facts: CardFacts, reasons: Sequence[Reason]) -> dict[str, Any]:
        """Their values for one call; `reasons` are those of `reasons_of`."""
        return {name: make(facts, reasons) for name, make in self._makers}


_Maker = Callable[[CardFacts, Sequence[Reason]], Any]


def _makers(guidance: Guidance) -> dict[str, _Maker]:
    """How each name of `names_of` gets its value."""
    found: dict[str, _Maker] = {}
    for name, feature in guidance.features.items():
        found[name] = _of_feature(name, feature)
    for variable, score in of_features(guidance).items():
        found[variable] = _of_score(guidance, variable, score)
    for variable, feature_ordered in of_orders(guidance).items():
        found[variable] = _of_orders(feature_ordered)
    for name, prediction in guidance.predictions.items():
        found |= _of_prediction(guidance, name, prediction)
    return found | _of_primary(guidance) | _of_words(guidance)


def _of_feature(name: str, feature: Feature) -> _Maker:
    return lambda facts, _: _shown(feature, facts.values.get(name))


def _of_score(guidance: Guidance, variable: str, score: str) -> _Maker:
    if variable.endswith("_percent"):
        return lambda facts, _: percent_of(facts.values.get(score))
    return lambda facts, _: parts_of(guidance, score, facts.values)


def _of_orders(feature: str) -> _Maker:
    return lambda facts, _: named_in(facts.ordered.get(feature, ()))


def _of_prediction(guidance: Guidance, name: str, prediction: Prediction) -> dict[str, _Maker]:
    def stated(facts: CardFacts) -> Stated:
        return facts.others.get(name, _NOBODY)

    return {
        name: lambda facts, _: stated(facts).risk,
        f"{name}_average": lambda facts, _: stated(facts).average,
        f"{name}_percent": lambda facts, _: percent_of(stated(facts).risk),
        f"{name}_average_percent": lambda facts, _: percent_of(stated(facts).average),
        f"{name}_frequencies": lambda facts, _: frequencies_of(
            prediction, stated(facts), people=_people(guidance, facts), usual=_usual(facts)
        ),
    }


def _of_primary(guidance: Guidance) -> dict[str, _Maker]:
    first = guidance.all_predictions[PRIMARY]
    return {
        "risk": lambda facts, _: facts.risk,
        "base_rate": lambda facts, _: facts.base_rate,
        "times_average": lambda facts, _: _times(facts.risk, facts.base_rate),
        "risk_percent": lambda facts, _: percent_of(facts.risk),
        "base_percent": lambda facts, _: percent_of(facts.base_rate),
        "average": lambda facts, _: "ward average" if facts.ward else "average",
        "frequencies": lambda facts, _: frequencies_of(
            first,
            Stated(risk=facts.risk, average=facts.base_rate),
            people=_people(guidance, facts),
            usual=_usual(facts),
        ),
        "reasons": lambda facts, reasons: SafeMarkdown(_reasons(guidance, facts, reasons)),
    }


def _of_words(guidance: Guidance) -> dict[str, _Maker]:
    inputs = [(name, feature.label) for name, feature in guidance.features.items() if feature.use == "model"]
    scores = _withholdable(guidance)
    said_of_all = {
        "ai_derived": SafeMarkdown(origin_of(guidance)),
        "outcome": SafeMarkdown(guidance.outcome.name),
        "guidance": SafeMarkdown(guidance.id),
        "title": SafeMarkdown(guidance.title),
        "version": SafeMarkdown(guidance.version),
    }

    def unknown(facts: CardFacts, _: Sequence[Reason]) -> SafeMarkdown:
        missing = [label for name, label in inputs if facts.values.get(name) is None]
        return SafeMarkdown(not_known(missing, inputs=len(inputs)))

    def same(said: SafeMarkdown) -> _Maker:
        return lambda _facts, _reasons: said

    return {name: same(said) for name, said in said_of_all.items()} | {
        "unknown": unknown,
        "withheld": lambda facts, _: SafeMarkdown(_withheld(guidance, scores, facts.values)),
        "not_computed": lambda facts, _: SafeMarkdown(" ".join(facts.not_computed)),
        "people": lambda facts, _: _people(guidance, facts),
        "he": lambda facts, _: _pronoun(guidance, facts).subject,
        "him": lambda facts, _: _pronoun(guidance, facts).object,
        "his": lambda facts, _: _pronoun(guidance, facts).possessive,
        "notices": lambda facts, _: SafeMarkdown(" ".join(facts.notices)),
        "release": lambda facts, _: facts.release.removeprefix("sha256:")[:12],
    }


_NOBODY: Final = Stated(risk=None, average=0.0)


def _pronoun(guidance: Guidance, facts: CardFacts) -> Pronoun:
    return pronoun(facts.gender if guidance.pronouns else None)


def _people(guidance: Guidance, facts: CardFacts) -> str:
    if guidance.pronouns and facts.gender in ("male", "female"):
        return f"people like {pronoun(facts.gender).object}"
    return "people like this patient"


def _usual(facts: CardFacts) -> str:
    return "on this ward" if facts.ward else "on average"


def _times(risk: float | None, average: float) -> float | None:
    if risk is None:
        return None
    return risk / average if average > 0 else 0.0


def _reasons(guidance: Guidance, facts: CardFacts, reasons: Sequence[Reason]) -> str:
    """The main reasons of the first risk; nothing where it was not computed, or was not learned."""
    if facts.risk is None or guidance.model.published is not None:
        return ""
    return main_reasons([_with_source(guidance, one, facts.sources) for one in reasons])


def _with_source(guidance: Guidance, one: Reason, sources: Mapping[str, str]) -> str:
    resources = [escape_markdown(resource) for resource in read_from(guidance, one.name, sources)]
    return f"{one.text} (from {listed(resources)})" if resources else one.text


def _withholdable(guidance: Guidance) -> list[tuple[str, str]]:
    """The scores that a card names when they cannot be computed, with their labels: those that read the record."""
    found = []
    for name, feature in guidance.features.items():
        inputs = [guidance.features.get(given) for given in feature.computed_from]
        if feature.use == "rule" and any(given is not None and not given.is_computed for given in inputs):
            found.append((name, feature.label))
    return found


def _withheld(guidance: Guidance, scores: Sequence[tuple[str, str]], values: Mapping[str, float | None]) -> str:
    """A published score with an input missing is withheld, and the card says which."""
    return " ".join(
        withheld(label, missing_of(guidance.features, name, values))
        for name, label in scores
        if values.get(name) is None
    )


def _shown(feature: Feature, value: float | None) -> Shown | None:
    return None if value is None else Shown(value, value_text(feature, value))
