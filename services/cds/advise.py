"""Read the features, ask the model, find the band the risk falls in. Pure: no clock, no database, no network.

What is unknown is never taken for "no": an inclusion that is unknown does not include, an exclusion that is unknown
does not exclude, and both are recorded; required data that is unknown stops the call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from services.cds.site_policy import SitePolicy
from services.guidance.definition import Band, Guidance
from services.guidance.errors import MissingPatientData, Unavailable
from services.guidance.features import UNKNOWN, VALUE, FeatureMatrix, read_features
from services.guidance.ready import Release
from services.timeline.timeline import IndexRows, Timeline

STATES: Final = ("value", "absent", "unknown")
"""The names of `features.VALUE`, `ABSENT` and `UNKNOWN` in a decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The features of one patient now: values (None where there is none), what is known of each, and where it stands."""

    values: Mapping[str, float | None]
    states: Mapping[str, str]
    sources: Mapping[str, str]

    def unknown(self, names: tuple[str, ...]) -> list[str]:
        """Those of `names` about which nobody can say anything."""
        return [name for name in names if self.states[name] == STATES[UNKNOWN]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the guidance has to say of one patient. `verdict` is `card` when a band with a card holds."""

    verdict: Literal["card", "below-band", "outside", "abstained"]
    reason: str
    facts: Facts
    risk: float | None = None
    log_odds: float | None = None
    band: Band | None = None
    contributions: Mapping[str, float] = field(default_factory=dict)


def read_facts(release: Release, timeline: Timeline, rows: IndexRows) -> Facts:
    """The features of the one row."""
    matrix: FeatureMatrix = read_features(release.plan, timeline, rows)
    values = matrix.values[0].tolist()
    states = matrix.states[0].tolist()
    words, resource = timeline.resource_words, timeline.resource
    return Facts(
        values={
            name: value if state == VALUE else None
            for name, value, state in zip(matrix.names, values, states, strict=True)
        },
        states={name: STATES[state] for name, state in zip(matrix.names, states, strict=True)},
        sources={
            name: words[resource[row]]
            for name, row in zip(matrix.names, matrix.sources[0].tolist(), strict=True)
            if row >= 0
        },
    )


def advise(release: Release, here: SitePolicy, facts: Facts, *, hook: str) -> Advice:
    """The advice for one patient; MissingPatientData if what the guidance requires has no value."""
    if reason := _certainly_outside(release, facts, hook):
        return Advice(verdict="outside", reason=reason, facts=facts)
    guidance = release.guidance
    # Not there is as bad as not asked: without a birth date nobody can say that this is an adult.
    missing = [name for name, feature in guidance.features.items() if feature.required and facts.values[name] is None]
    if missing:
        # Silence would read as "no risk"; the specification asks for 412 instead.
        raise MissingPatientData([guidance.features[name].label for name in missing])
    if reason := _perhaps_outside(release, facts, hook):
        return Advice(verdict="outside", reason=reason, facts=facts)
    if reason := _too_much_unknown(release, here, facts):
        return Advice(verdict="abstained", reason=reason, facts=facts)
    inputs = [math.nan if (value := facts.values[name]) is None else value for name in release.model.inputs]
    explained = release.model.explain(np.array(inputs, dtype=np.float64))
    if not math.isfinite(explained.risk) or not 0.0 <= explained.risk <= 1.0:
        raise Unavailable("the model's answer is no risk", place=guidance.id, remedy="Stop this release and look at it")
    band, reason = _band(release, here, facts, explained.risk)
    notes = _unknown_exclusions(release, facts)
    return Advice(
        verdict="card" if band is not None and band.card is not None else "below-band",
        reason="; ".join(note for note in (reason, *notes) if note),
        facts=facts,
        risk=explained.risk,
        log_odds=explained.log_odds,
        band=band,
        contributions=dict(zip(release.model.inputs, explained.contributions, strict=True)),
    )


def _when(guidance: Guidance, hook: str) -> str | None:
    return next((entry.when for entry in guidance.hooks if entry.hook == hook), None)


def _certainly_outside(release: Release, facts: Facts, hook: str) -> str:
    """Why this patient, or this moment, is surely not meant; empty if it may be."""
    truth = release.conditions
    population = release.guidance.population
    for text in population.exclude:
        if truth[text].evaluate_one(facts.values) is True:
            return f"excluded: {text}"
    for text in population.include:
        if truth[text].evaluate_one(facts.values) is False:
            return f"not included: {text}"
    when = _when(release.guidance, hook)
    if when is not None and truth[when].evaluate_one(facts.values) is False:
        return f"not the moment: {when}"
    return ""


def _perhaps_outside(release: Release, facts: Facts, hook: str) -> str:
    """Which inclusion cannot be decided; empty if all hold."""
    when = _when(release.guidance, hook)
    for text in (*release.guidance.population.include, *([when] if when is not None else [])):
        if release.conditions[text].evaluate_one(facts.values) is None:
            return f"not known whether: {text}"
    return ""


def _unknown_exclusions(release: Release, facts: Facts) -> list[str]:
    exclusions = release.guidance.population.exclude
    return [
        f"exclusion not known: {text}"
        for text in exclusions
        if release.conditions[text].evaluate_one(facts.values) is None
    ]


def _too_much_unknown(release: Release, here: SitePolicy, facts: Facts) -> str:
    """Why nothing can be computed in earnest; empty if it can."""
    inputs = release.model.inputs
    unknown = facts.unknown(inputs)
    if unknown and here.policy.when_unknown == "abstain":
        return f"unknown: {', '.join(unknown)}"
    if len(unknown) > here.policy.max_unknown_share * len(inputs):
        return f"{len(unknown)} of {len(inputs)} inputs unknown"
    return ""


def _band(release: Release, here: SitePolicy, facts: Facts, risk: float) -> tuple[Band | None, str]:
    """The first band whose condition holds, and what could not be decided on the way."""
    row: dict[str, float | None] = {**facts.values, "risk": risk, "base_rate": release.base_rate}
    undecided: list[str] = []
    for band, condition in here.bands:
        truth = condition.evaluate_one(row)
        if truth:
            return band, "; ".join(undecided)
        if truth is None:
            undecided.append(f"not known whether: {band.when}")
    return None, "; ".join(undecided)
