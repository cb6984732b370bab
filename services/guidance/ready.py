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
from services.guidance.definition import PRIMARY, Guidance, Prediction, average_of
from services.guidance.errors import BadGuidance, BadRelease
from services.guidance.folder import GUIDANCE_FILE, RESOURCES, LoadedGuidance
from services.guidance.models.model_file import RiskModel, load_model
from services.guidance.models.published import Published
from services.guidance.prefetch import Query, derive_queries, feature_queries
from services.guidance.reading.plan import FeaturePlan, compile_features
from services.guidance.release import ReleaseBundle, model_file, reference_file
from services.guidance.words.card_text import CardText, compile_cards
from services.timeline.codes import ValueSets
from services.timeline.errors import BadInput
from services.timeline.terminology import NOTHING, Terminology

_REBUILD = "Mend the guidance, run `knowdo guidance check`, and build the release again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release, compiled: what the bedside and the learner run."""

    digest: str
    guidance: Guidance
    value_sets: ValueSets
    queries: Mapping[str, Query]
    plan: FeaturePlan
    predictions: Mapping[str, Prediction]
    """By name, the first (`risk`) first."""
    models: Mapping[str, RiskModel]
    """By prediction, the first (`risk`) first."""
    references: Mapping[str, Mapping[str, Any]]
    """By prediction: `name`, `base_rate`, `n`, `events`, and per input its `mean` and `median`."""
    conditions: Mapping[str, ConditionExpr] = field(repr=False)
    """Every condition of the guidance by its text."""
    cards: Mapping[str, CardText] = field(repr=False)
    resources: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """Suggestion resources by file name, without the `resources/` before it."""
    required: tuple[str, ...] = ()
    """The features without which there is no answer."""
    terminology: Terminology = NOTHING
    """What the codes of this site mean: no part of the release, its digest does not know it."""

    @property
    def model(self) -> RiskModel:
        """The model of the first prediction."""
        return self.models[PRIMARY]

    @property
    def reference(self) -> Mapping[str, Any]:
        """The reference population of the first prediction."""
        return self.references[PRIMARY]

    @property
    def base_rate(self) -> float:
        """The average risk of the reference population."""
        return self.average(PRIMARY)

    def average(self, prediction: str) -> float:
        """The average risk of a prediction's reference population."""
        return float(self.references[prediction]["base_rate"])

    def row_of(self, values: Mapping[str, float | None], risks: Mapping[str, float | None]) -> dict[str, float | None]:
        """What bands, suggestions and suppressions are asked of: features, risks (None = not computed), averages."""
        averages = {average_of(name): self.average(name) for name in self.models}
        return {**values, **averages, **{name: risks.get(name) for name in self.models}}


def open_release(bundle: ReleaseBundle, *, terminology: Terminology = NOTHING) -> Release:
    """Compile a verified bundle; BadRelease names the file that does not do what it must.

    `terminology`: what the codes of the site that opens it mean.
    """
    loaded = _loaded(bundle)
    guidance, value_sets = loaded.definition, loaded.value_sets
    if (guidance.id, guidance.version) != (bundle.guidance, bundle.version):
        raise BadRelease(
            f"it is {guidance.id} {guidance.version}, and the manifest says {bundle.guidance} {bundle.version}",
            place=GUIDANCE_FILE,
            remedy=_REBUILD,
        )
    try:
        queries = derive_queries(guidance, value_sets, hook=None, terminology=terminology)
        plan = compile_features(guidance, value_sets, feature_queries(guidance, value_sets))
        conditions = {text: parse(text) for text in conditions_of(guidance)}
        cards = compile_cards(guidance)
    except BadInput as fault:
        raise BadRelease(fault.message, place=fault.place or GUIDANCE_FILE, remedy=fault.remedy or _REBUILD) from fault
    predictions = guidance.all_predictions
    _no_strangers(bundle, predictions)
    return Release(
        digest=bundle.digest,
        guidance=guidance,
        value_sets=value_sets,
        queries=queries,
        plan=plan,
        predictions=predictions,
        models={name: _model(bundle, name, one, plan) for name, one in predictions.items()},
        references={name: _reference(bundle, name) for name in predictions},
        conditions=conditions,
        cards=cards,
        resources=_resources(bundle, guidance),
        required=tuple(name for name, feature in guidance.features.items() if feature.required),
        terminology=terminology,
    )


def read_definition(bundle: ReleaseBundle) -> Guidance:
    """The guidance.yaml of a bundle as types, and nothing else of it."""
    return _loaded(bundle).definition


def conditions_of(guidance: Guidance) -> Iterator[str]:
    """Every condition that stands in the guidance."""
    yield from (hook.when for hook in guidance.hooks if hook.when)
    yield from guidance.population.include
    yield from guidance.population.exclude
    yield from (one.model.needs for one in guidance.all_predictions.values() if one.model.needs)
    yield from (band.when for band in guidance.policy.bands)
    yield from (suppression.when for suppression in guidance.policy.suppressions)
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


def _no_strangers(bundle: ReleaseBundle, predictions: Mapping[str, Prediction]) -> None:
    """Every prediction has its model and reference, and no model belongs to none."""
    wanted = {file for name in predictions for file in (model_file(name), reference_file(name))}
    for file in sorted(wanted - bundle.files.keys()):
        raise BadRelease("a prediction of the guidance has no such file", place=file, remedy=_REBUILD)
    for file in bundle.files:
        if file.startswith(("models/", "references/")) and file not in wanted:
            raise BadRelease("the guidance has no such prediction", place=file, remedy=_REBUILD)


def _model(bundle: ReleaseBundle, name: str, prediction: Prediction, plan: FeaturePlan) -> RiskModel:
    """The model of a prediction: of its kind, and reading features only."""
    place = model_file(name)
    try:
        model = load_model(bundle.files[place])
    except BadRelease as fault:
        raise BadRelease(fault.message, place=place, remedy=fault.remedy) from fault
    published = model.file.feature if isinstance(model, Published) else None
    if published != prediction.model.published:
        said, asked = published or "a learned model", prediction.model.published or "a learned model"
        raise BadRelease(f"it is {said}, and the guidance asks for {asked}", place=place, remedy=_REBUILD)
    if unknown := [feature for feature in model.inputs if feature not in plan.names]:
        raise BadRelease(
            f"the model reads what is no feature of the guidance: {', '.join(unknown)}", place=place, remedy=_REBUILD
        )
    return model


def _reference(bundle: ReleaseBundle, name: str) -> dict[str, Any]:
    place = reference_file(name)
    reference = _json(bundle, place)
    base_rate = reference.get("base_rate")
    if not isinstance(base_rate, int | float) or not 0 < base_rate < 1:
        raise BadRelease("`base_rate` is a share between 0 and 1", place=place, remedy=_REBUILD)
    return reference


def _resources(bundle: ReleaseBundle, guidance: Guidance) -> dict[str, dict[str, Any]]:
    found = {name.removeprefix(RESOURCES): _json(bundle, name) for name in bundle.files if name.startswith(RESOURCES)}
    for card in guidance.cards.values():
        of_buttons = [action for suggestion in card.suggestions for action in suggestion.actions]
        for action in (*of_buttons, *card.system_actions):
            if action.resource is not None and action.resource not in found:
                raise BadRelease(
                    "a card names this resource, and it is missing", place=RESOURCES + action.resource, remedy=_REBUILD
                )
    return found
