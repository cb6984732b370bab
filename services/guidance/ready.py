"""A release ready to run: everything that can be compiled once is compiled here, so that a call only computes.

Opening it is the proof that it can speak: whatever is missing or does not compile is BadRelease, with the file named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.guidance.check import load_files
from services.guidance.conditions import ConditionExpr, parse
from services.guidance.definition import Guidance
from services.guidance.errors import BadGuidance, BadRelease
from services.guidance.folder import GUIDANCE_FILE, RESOURCES, LoadedGuidance
from services.guidance.models.forest import Forest
from services.guidance.models.model_file import load_model
from services.guidance.models.scorecard import Scorecard
from services.guidance.prefetch import Query, derive_queries, feature_queries
from services.guidance.reading.plan import FeaturePlan, compile_features
from services.guidance.release import MODEL_FILE, REFERENCE_FILE, ReleaseBundle
from services.guidance.words.card_text import CardText, compile_cards
from services.timeline.codes import ValueSets
from services.timeline.errors import BadInput

_REBUILD = "Mend the guidance, run `knowdo guidance check`, and build the release again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release, compiled: what the bedside and the learner run."""

    digest: str
    guidance: Guidance
    value_sets: ValueSets
    queries: Mapping[str, Query]
    plan: FeaturePlan
    model: Scorecard | Forest
    reference: Mapping[str, Any]
    """`name`, `base_rate`, `n`, `events`, and per input its `mean` and `median`."""
    conditions: Mapping[str, ConditionExpr] = field(repr=False)
    """Every condition of the guidance by its text."""
    cards: Mapping[str, CardText] = field(repr=False)
    resources: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """Suggestion resources by file name, without the `resources/` before it."""

    @property
    def base_rate(self) -> float:
        """The average risk of the reference population."""
        return float(self.reference["base_rate"])


def open_release(bundle: ReleaseBundle) -> Release:
    """Compile a verified bundle; BadRelease names the file that does not do what it must."""
    loaded = _loaded(bundle)
    guidance, value_sets = loaded.definition, loaded.value_sets
    if (guidance.id, guidance.version) != (bundle.guidance, bundle.version):
        raise BadRelease(
            f"it is {guidance.id} {guidance.version}, and the manifest says {bundle.guidance} {bundle.version}",
            place=GUIDANCE_FILE,
            remedy=_REBUILD,
        )
    try:
        queries = derive_queries(guidance, value_sets, hook=None)
        plan = compile_features(guidance, value_sets, feature_queries(guidance, value_sets))
        model = load_model(bundle.files[MODEL_FILE])
        conditions = {text: parse(text) for text in conditions_of(guidance)}
        cards = compile_cards(guidance)
    except BadInput as fault:
        raise BadRelease(fault.message, place=fault.place or GUIDANCE_FILE, remedy=fault.remedy or _REBUILD) from fault
    if unknown := [name for name in model.inputs if name not in plan.names]:
        raise BadRelease(
            f"the model reads what is no feature of the guidance: {', '.join(unknown)}",
            place=MODEL_FILE,
            remedy=_REBUILD,
        )
    return Release(
        digest=bundle.digest,
        guidance=guidance,
        value_sets=value_sets,
        queries=queries,
        plan=plan,
        model=model,
        reference=_reference(bundle),
        conditions=conditions,
        cards=cards,
        resources=_resources(bundle, guidance),
    )


def read_definition(bundle: ReleaseBundle) -> Guidance:
    """The guidance.yaml of a bundle as types, and nothing else of it."""
    return _loaded(bundle).definition


def conditions_of(guidance: Guidance) -> Iterator[str]:
    """Every condition that stands in the guidance."""
    yield from (hook.when for hook in guidance.hooks if hook.when)
    yield from guidance.population.include
    yield from guidance.population.exclude
    yield from (band.when for band in guidance.policy.bands)
    for card in guidance.cards.values():
        yield from (suggestion.when for suggestion in card.suggestions if suggestion.when)


def _loaded(bundle: ReleaseBundle) -> LoadedGuidance:
    """The guidance as `knowdo guidance check` reads it: one reader of YAML, so both see the same thing."""
    try:
        return load_files(bundle.files)
    except BadGuidance as fault:
        raise BadRelease(fault.message, place=fault.faults[0].file, remedy=_REBUILD) from fault


def _json(bundle: ReleaseBundle, name: str) -> dict[str, Any]:
    try:
        content = json.loads(bundle.files[name])
    except ValueError as fault:
        raise BadRelease(f"not JSON: {fault}", place=name, remedy=_REBUILD) from fault
    if not isinstance(content, dict):
        raise BadRelease("not a JSON object", place=name, remedy=_REBUILD)
    return content


def _reference(bundle: ReleaseBundle) -> dict[str, Any]:
    reference = _json(bundle, REFERENCE_FILE)
    base_rate = reference.get("base_rate")
    if not isinstance(base_rate, int | float) or not 0 < base_rate < 1:
        raise BadRelease("`base_rate` is a share between 0 and 1", place=REFERENCE_FILE, remedy=_REBUILD)
    return reference


def _resources(bundle: ReleaseBundle, guidance: Guidance) -> dict[str, dict[str, Any]]:
    found = {name.removeprefix(RESOURCES): _json(bundle, name) for name in bundle.files if name.startswith(RESOURCES)}
    for card in guidance.cards.values():
        for suggestion in card.suggestions:
            for action in suggestion.actions:
                if action.resource not in found:
                    raise BadRelease(
                        "a suggestion names this resource, and it is missing",
                        place=RESOURCES + action.resource,
                        remedy=_REBUILD,
                    )
    return found
