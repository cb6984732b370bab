"""What a card is filled with: the facts of one call, and the reasons for its risk with the resources they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

import msgspec

from services.guidance.definition import Feature, Guidance
from services.guidance.words.prediction_variables import Stated
from services.guidance.words.wording import AI_DERIVED, SCORE_DERIVED, reason


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One call, computed: what the card is filled with."""

    risk: float | None
    """None = not computed, and a rule speaks alone."""
    base_rate: float
    release: str
    values: Mapping[str, float | None]
    contributions: Mapping[str, float] = msgspec.field(default_factory=dict)
    sources: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The resource that each feature was read from, where it is a single one."""
    gender: str | None = None
    others: Mapping[str, Stated] = msgspec.field(default_factory=dict)
    """The further predictions by name."""
    not_computed: Sequence[str] = ()
    """A sentence for each risk that was not computed."""
    ordered: Mapping[str, Sequence[str]] = msgspec.field(default_factory=dict)
    """Feature of this very order → the names of the orders that it counts."""
    notices: Sequence[str] = ()
    ward: bool = False
    """True if the base rate is that of the patient's ward; else the card says `average`, not `ward average`."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One input that raised the risk of this patient above that of the reference."""

    name: str
    text: str
    contribution: float


def origin_of(guidance: Guidance) -> str:
    """The sentence that says what computed the card: a learned model, or published scores and rules alone."""
    learned = any(one.model.published is None for one in guidance.all_predictions.values())
    return AI_DERIVED if learned else SCORE_DERIVED


class Reasons:
    """How the reasons of one guidance are told: its inputs in their order, and how many at most."""

    def __init__(self, guidance: Guidance) -> None:
        # A published score has none: it was not learned from entries, and its own arguments stand on the card.
        learned = guidance.model.published is None
        self._inputs = {name: one for name, one in guidance.features.items() if learned and one.use == "model"}
        self._most = guidance.policy.reasons

    def of(self, values: Mapping[str, float | None], contributions: Mapping[str, float]) -> tuple[Reason, ...]:
        """The inputs that raised the risk most; ties in the order of the guidance."""
        raised = [(own, name) for name in self._inputs if (own := contributions.get(name, 0.0)) > 0]
        raised.sort(key=itemgetter(0), reverse=True)
        return tuple(
            Reason(name=name, text=reason(self._inputs[name], values.get(name)), contribution=own)
            for own, name in raised[: self._most]
        )


def reasons_of(
    guidance: Guidance, values: Mapping[str, float | None], contributions: Mapping[str, float]
) -> tuple[Reason, ...]:
    """The inputs that raised the risk most, at most as many as the policy says; ties in the order of the guidance."""
    return Reasons(guidance).of(values, contributions)


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
