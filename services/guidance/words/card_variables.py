"""The facts of one call as the variables of a card: numbers as read, and whole sentences from `wording`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.guidance.definition import PRIMARY, Feature, Guidance
from services.guidance.words.markdown import SafeMarkdown, escape_markdown
from services.guidance.words.prediction_variables import Stated, of_features, of_prediction, predicted, scored
from services.guidance.words.wording import (
    AI_DERIVED,
    SCORE_DERIVED,
    listed,
    main_reasons,
    not_known,
    pronoun,
    reason,
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
predictions and scores bring (`prediction_variables`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """One call, computed: what the card is filled with."""

    risk: float | None
    """None = not computed, and a rule speaks alone."""
    base_rate: float
    release: str
    values: Mapping[str, float | None]
    contributions: Mapping[str, float] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    """The resource that each feature was read from, where it is a single one."""
    gender: str | None = None
    others: Mapping[str, Stated] = field(default_factory=dict)
    """The further predictions by name."""
    not_computed: Sequence[str] = ()
    """A sentence for each risk that was not computed."""
    notices: Sequence[str] = ()
    ward: bool = False
    """True if the base rate is that of the patient's ward; else the card says `average`, not `ward average`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One input that raised the risk of this patient above that of the reference."""

    name: str
    text: str
    contribution: float


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


def origin_of(guidance: Guidance) -> str:
    """The sentence that says what computed the card: a learned model, or published scores and rules alone."""
    learned = any(one.model.published is None for one in guidance.all_predictions.values())
    return AI_DERIVED if learned else SCORE_DERIVED


def reasons_of(
    guidance: Guidance, values: Mapping[str, float | None], contributions: Mapping[str, float]
) -> tuple[Reason, ...]:
    """The inputs that raised the risk most, at most as many as the policy says; ties in the order of the guidance.

    A published score has none: it was not learned from entries, and its own arguments stand on the card.
    """
    if guidance.model.published is not None:
        return ()
    raised = [
        Reason(name=name, text=reason(feature, values.get(name)), contribution=contributions[name])
        for name, feature in guidance.features.items()
        if feature.use == "model" and contributions.get(name, 0.0) > 0
    ]
    return tuple(sorted(raised, key=lambda one: -one.contribution)[: guidance.policy.reasons])


def read_from(guidance: Guidance, name: str, sources: Mapping[str, str]) -> tuple[str, ...]:
    """The resources a feature was read from, each once; a formula's inputs stand for it. Counts have no single one."""
    if name in sources:
        return (sources[name],)
    feature = guidance.features.get(name)
    if feature is None or not feature.is_computed:
        return ()
    found = {sources[given]: None for given in feature.computed_from if given in sources}
    # Age and sex go into many a formula; that they stand in the Patient helps nobody who looks for a result.
    return tuple([resource for resource in found if not resource.startswith("Patient/")] or found)


def names_of(guidance: Guidance) -> frozenset[str]:
    """Everything that a template of this guidance may name."""
    brought = [name for prediction in guidance.predictions for name in of_prediction(prediction)]
    return frozenset({*VARIABLES, *guidance.features, *of_features(guidance), *brought})


def variables_of(guidance: Guidance, facts: CardFacts) -> dict[str, Any]:
    """Every name of `names_of`, with its value for one call."""
    he = pronoun(facts.gender if guidance.pronouns else None)
    people = f"people like {he.object}" if guidance.pronouns and facts.gender in ("male", "female") else (
        "people like this patient"
    )  # fmt: skip
    usual = "on this ward" if facts.ward else "on average"
    inputs = {name: feature for name, feature in guidance.features.items() if feature.use == "model"}
    missing = [feature.label for name, feature in inputs.items() if facts.values.get(name) is None]
    first = dict(
        predicted(
            guidance.all_predictions[PRIMARY],
            PRIMARY,
            Stated(risk=facts.risk, average=facts.base_rate),
            people=people,
            usual=usual,
        )
    )
    found: dict[str, Any] = {
        name: _shown(feature, facts.values.get(name)) for name, feature in guidance.features.items()
    }
    found |= scored(guidance, facts.values)
    nobody = Stated(risk=None, average=0.0)
    for name, prediction in guidance.predictions.items():
        found |= predicted(prediction, name, facts.others.get(name, nobody), people=people, usual=usual)
    return found | {
        "risk": facts.risk,
        "base_rate": facts.base_rate,
        "times_average": _times(facts.risk, facts.base_rate),
        "risk_percent": first["risk_percent"],
        "base_percent": first["risk_average_percent"],
        "average": "ward average" if facts.ward else "average",
        "frequencies": first["risk_frequencies"],
        "reasons": SafeMarkdown(_reasons(guidance, facts)),
        "unknown": SafeMarkdown(not_known(missing, inputs=len(inputs))),
        "withheld": SafeMarkdown(_withheld(guidance, facts.values)),
        "not_computed": SafeMarkdown(" ".join(facts.not_computed)),
        "people": people,
        "he": he.subject,
        "him": he.object,
        "his": he.possessive,
        "notices": SafeMarkdown(" ".join(facts.notices)),
        "ai_derived": SafeMarkdown(origin_of(guidance)),
        "outcome": SafeMarkdown(guidance.outcome.name),
        "guidance": SafeMarkdown(guidance.id),
        "title": SafeMarkdown(guidance.title),
        "version": SafeMarkdown(guidance.version),
        "release": facts.release.removeprefix("sha256:")[:12],
    }


def _times(risk: float | None, average: float) -> float | None:
    if risk is None:
        return None
    return risk / average if average > 0 else 0.0


def _reasons(guidance: Guidance, facts: CardFacts) -> str:
    """The main reasons of the first risk; nothing where it was not computed, or was not learned."""
    if facts.risk is None or guidance.model.published is not None:
        return ""
    reasons = reasons_of(guidance, facts.values, facts.contributions)
    return main_reasons([_with_source(guidance, one, facts.sources) for one in reasons])


def _with_source(guidance: Guidance, one: Reason, sources: Mapping[str, str]) -> str:
    resources = [escape_markdown(resource) for resource in read_from(guidance, one.name, sources)]
    return f"{one.text} (from {listed(resources)})" if resources else one.text


def _withheld(guidance: Guidance, values: Mapping[str, float | None]) -> str:
    """A published score with an input missing is withheld, and the card says which."""
    sentences = []
    for name, feature in guidance.features.items():
        inputs = [guidance.features.get(given) for given in feature.computed_from]
        own = any(given is not None and not given.is_computed for given in inputs)
        if feature.use == "rule" and own and values.get(name) is None:
            sentences.append(withheld(feature.label, missing_of(guidance.features, name, values)))
    return " ".join(sentences)


def missing_of(features: Mapping[str, Feature], name: str, values: Mapping[str, float | None]) -> list[str]:
    """Labels of the inputs that are not known, each once; a formula's own inputs stand for it."""
    labels: dict[str, None] = {}
    waiting, seen = list(features[name].computed_from), {name}
    while waiting:
        given = waiting.pop(0)
        if given in seen or given not in features:
            continue
        seen.add(given)
        if features[given].is_computed:
            waiting += features[given].computed_from
        elif values.get(given) is None:
            labels[features[given].label] = None
    return list(labels)


def _shown(feature: Feature, value: float | None) -> Shown | None:
    return None if value is None else Shown(value, value_text(feature, value))
