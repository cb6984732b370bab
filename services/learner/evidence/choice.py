"""Which model is proposed: the one whose every step can be read, unless a forest gains more than clarity is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.guidance.evidence import Estimate, Price
from services.guidance.words.evidence_wording import glass_box_price
from services.learner.evidence.evaluation import Performance
from services.learner.models.recipes import ModelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The kind chosen, and what clarity costs: forest minus glass box."""

    chosen: ModelKind
    price: Price


def choose(performances: Mapping[ModelKind, Performance], *, limit: float) -> Choice:
    """The scorecard, unless the forest's AUROC is higher by more than the limit."""
    readable = [kind for kind in performances if kind != "forest"]
    if not readable:
        return Choice(
            chosen="forest", price=Price(auroc=0.0, brier=0.0, sentence="No model that can be read was tried.")
        )
    with_pairs = [kind for kind in readable if kind in ("scorecard", "ebm")]
    glass = max(with_pairs or readable, key=lambda kind: _auroc(performances[kind]))
    if "forest" not in performances:
        return Choice(chosen=glass, price=Price(auroc=0.0, brier=0.0, sentence="No forest was tried."))
    box, forest = performances[glass], performances["forest"]
    gain = _auroc(forest) - _auroc(box)
    return Choice(
        chosen="forest" if gain > limit else glass,
        price=Price(
            auroc=gain,
            brier=forest.brier.value - box.brier.value,
            sentence=glass_box_price(
                scorecard_auroc=_auroc(box),
                forest_auroc=_auroc(forest),
                scorecard_brier=box.brier.value,
                forest_brier=forest.brier.value,
                limit=limit,
            ),
        ),
    )


def _auroc(performance: Performance) -> float:
    found: Estimate = performance.auroc
    return found.value
