"""Ask the models, find the band that holds, and whether anything silences it. Pure: no clock, no database, no network.

What is unknown is never taken for "no": an inclusion that is unknown does not include, an exclusion that is unknown
does not exclude, and both are recorded; required data that is unknown stops the call; a card whose band cannot be decided
is an abstention, not silence; a suppression that is unknown does not silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

import msgspec

from services.cds.advice.predict import NOTHING, Predicted, predict
from services.cds.governed.site_policy import SitePolicy
from services.cds.patient.facts import Facts
from services.guidance.definition import PRIMARY, Band, Guidance
from services.guidance.errors import MissingPatientData
from services.guidance.ready import Release

Row = Mapping[str, float | None]


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What the guidance has to say of one patient. `verdict` is `card` when a band with a card holds."""

    verdict: Literal["card", "below-band", "outside", "abstained"]
    reason: str
    facts: Facts
    predicted: Mapping[str, Predicted] = msgspec.field(default_factory=dict)
    """Every risk by its name; empty when none was asked for."""
    band: Band | None = None
    suppressed: str = ""
    """Why the card is not shown although it is computed."""

    @property
    def first(self) -> Predicted:
        """The first prediction."""
        return self.predicted.get(PRIMARY, NOTHING)

    @property
    def risk(self) -> float | None:
        """The first risk."""
        return self.first.risk

    @property
    def log_odds(self) -> float | None:
        """The first risk as log-odds."""
        return self.first.log_odds

    @property
    def contributions(self) -> Mapping[str, float]:
        """What each input adds to the first risk, in log-odds."""
        return self.first.contributions

    @property
    def risks(self) -> dict[str, float | None]:
        """Every risk; None where it was not computed."""
        return {name: one.risk for name, one in self.predicted.items()}


def advise(release: Release, here: SitePolicy, facts: Facts, *, hook: str) -> Advice:
    """The advice for one patient; MissingPatientData if what the guidance requires has no value."""
    population = _Population.of(release, facts, hook)
    if reason := population.certainly_outside():
        return Advice(verdict="outside", reason=reason, facts=facts)
    guidance = release.guidance
    # Not there is as bad as not asked: without a birth date nobody can say that this is an adult.
    missing = [name for name in release.required if facts.values[name] is None]
    if missing:
        # Silence would read as "no risk"; the specification asks for 412 instead.
        raise MissingPatientData([guidance.features[name].label for name in missing])
    if reason := population.perhaps_outside():
        return Advice(verdict="outside", reason=reason, facts=facts)
    predicted = predict(release, here, facts)
    notes = [
        one.reason if name == PRIMARY else f"{name}: {one.reason}" for name, one in predicted.items() if one.reason
    ]
    if predicted[PRIMARY].risk is None and here.policy.without_risk == "abstain":
        return Advice(verdict="abstained", reason="; ".join(notes), facts=facts, predicted=predicted)
    row = release.row_of(facts.values, {name: one.risk for name, one in predicted.items()})
    band, undecided, abstains = _band(here, row)
    notes = [*undecided, *notes, *population.unknown_exclusions()]
    if band is None or band.card is None:
        return Advice(
            verdict="abstained" if abstains else "below-band",
            reason="; ".join(notes),
            facts=facts,
            predicted=predicted,
            band=None if abstains else band,
        )
    suppressed, unsure = _suppressed(here, row)
    return Advice(
        verdict="card",
        reason="; ".join([*notes, *unsure]),
        facts=facts,
        predicted=predicted,
        band=band,
        suppressed=suppressed,
    )


def _when(guidance: Guidance, hook: str) -> str | None:
    return next((entry.when for entry in guidance.hooks if entry.hook == hook), None)


class _Population(msgspec.Struct, frozen=True):
    """Whether the patient, and the moment, are meant: each condition with its truth, None = nobody can say."""

    excluded: Sequence[tuple[str, bool | None]]
    included: Sequence[tuple[str, bool | None]]
    when: str | None
    moment: bool | None = True

    @classmethod
    def of(cls, release: Release, facts: Facts, hook: str) -> Self:
        """Every condition is asked once."""
        truth, values, population = release.conditions, facts.values, release.guidance.population
        when = _when(release.guidance, hook)
        return cls(
            [(text, truth[text].evaluate_one(values)) for text in population.exclude],
            [(text, truth[text].evaluate_one(values)) for text in population.include],
            when,
            truth[when].evaluate_one(values) if when is not None else True,
        )

    def certainly_outside(self) -> str:
        """Why they are surely not meant; empty if they may be."""
        for text, truth in self.excluded:
            if truth is True:
                return f"excluded: {text}"
        for text, truth in self.included:
            if truth is False:
                return f"not included: {text}"
        return f"not the moment: {self.when}" if self.moment is False else ""

    def perhaps_outside(self) -> str:
        """Which inclusion cannot be decided; empty if all hold."""
        for text, truth in self.included:
            if truth is None:
                return f"not known whether: {text}"
        return f"not known whether: {self.when}" if self.moment is None else ""

    def unknown_exclusions(self) -> list[str]:
        """What to note of those that do not exclude because nobody can say."""
        return [f"exclusion not known: {text}" for text, truth in self.excluded if truth is None]


def _band(here: SitePolicy, row: Row) -> tuple[Band | None, list[str], bool]:
    """The first band whose condition holds, what could not be decided on the way, and whether that means an abstention.

    It does where a card might have been due: a band with a card was undecided before a silent one held, or none held.
    """
    undecided: list[str] = []
    card_undecided = False
    for band, condition in here.bands:
        truth = condition.evaluate_one(row)
        if truth:
            return band, undecided, card_undecided and band.card is None
        if truth is None:
            undecided.append(f"not known whether: {band.when}")
            card_undecided = card_undecided or band.card is not None
    return None, undecided, bool(undecided)


def _suppressed(here: SitePolicy, row: Row) -> tuple[str, list[str]]:
    """The reason of the first suppression that surely holds, else empty; and those that cannot be decided."""
    unsure: list[str] = []
    for suppression, condition in here.suppressions:
        truth = condition.evaluate_one(row)
        if truth:
            return suppression.reason, unsure
        if truth is None:
            unsure.append(f"suppression not known: {suppression.when}")
    return "", unsure
