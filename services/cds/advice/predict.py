"""Every risk of one patient, each computed on its own; what cannot be computed is None with its reason, never a guess."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from services.cds.governed.site_policy import SitePolicy
from services.cds.patient.facts import Facts
from services.guidance.definition import Prediction
from services.guidance.errors import Unavailable
from services.guidance.models.explanation import Explanation
from services.guidance.models.model_file import RiskModel
from services.guidance.models.published import Published
from services.guidance.ready import Release
from services.guidance.words.card_text import missing_of
from services.guidance.words.wording import not_computed, not_meant, score_withheld, too_little_known


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """One risk; None with the reason for the log and the sentence for the card."""

    risk: float | None = None
    log_odds: float | None = None
    contributions: Mapping[str, float] = msgspec.field(default_factory=dict)
    reason: str = ""
    said: str = ""


NOTHING: Final = Predicted()


def predict(release: Release, here: SitePolicy, facts: Facts) -> dict[str, Predicted]:
    """Each prediction of the guidance by its name, the first (`risk`) first."""
    return {
        name: _predict(release, here, facts, prediction, release.models[name])
        for name, prediction in release.predictions.items()
    }


def _predict(release: Release, here: SitePolicy, facts: Facts, prediction: Prediction, model: RiskModel) -> Predicted:
    if (obstacle := _not_meant(release, facts, prediction) or _unknown(release, here, facts, model)) is not None:
        reason, why = obstacle
        return Predicted(reason=reason, said=not_computed(prediction.label, why))
    row = [math.nan if (value := facts.values[name]) is None else value for name in model.inputs]
    explained: Explanation = model.explain(np.array(row, dtype=np.float64))
    if not math.isfinite(explained.risk) or not 0.0 <= explained.risk <= 1.0:
        raise Unavailable(
            "the model's answer is no risk", place=release.guidance.id, remedy="Stop this release and look at it"
        )
    return Predicted(
        risk=explained.risk,
        log_odds=explained.log_odds,
        contributions=dict(zip(model.inputs, explained.contributions, strict=True)),
    )


def _not_meant(release: Release, facts: Facts, prediction: Prediction) -> tuple[str, str] | None:
    """What the prediction needs and does not surely have."""
    needs = prediction.model.needs
    if needs is None or (truth := release.conditions[needs].evaluate_one(facts.values)) is True:
        return None
    return f"{'not known whether' if truth is None else 'does not hold'}: {needs}", not_meant(surely=truth is False)


def _unknown(release: Release, here: SitePolicy, facts: Facts, model: RiskModel) -> tuple[str, str] | None:
    """Why nothing can be computed in earnest."""
    features, inputs = release.guidance.features, model.inputs
    if isinstance(model, Published):
        score = model.file.feature
        if facts.values[score] is None:
            return f"score withheld: {score}", score_withheld(missing_of(features, score, facts.values))
        return None
    unknown = facts.unknown(inputs)
    labels = [features[name].label for name in unknown]
    if unknown and here.policy.when_unknown == "abstain":
        return f"unknown: {', '.join(unknown)}", too_little_known(labels, inputs=len(inputs))
    if len(unknown) > here.policy.max_unknown_share * len(inputs):
        return f"{len(unknown)} of {len(inputs)} inputs unknown", too_little_known(labels, inputs=len(inputs))
    return None
