"""How each kind of model is fitted: the whole tuning budget, declared before the data.

Nothing is searched over the outcome but two things, both inside the training part: when each bag stops (on its own
held-out patients), and which pairs a scorecard may hold. Figures in the comments are AUROC on SUPPORT2, out of fold;
neighbouring settings differ by less than the spread between folds (0.009).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final, Literal

ModelKind = Literal["logistic", "scorecard_additive", "scorecard", "ebm", "forest"]
KINDS: Final[tuple[ModelKind, ...]] = ("logistic", "scorecard_additive", "scorecard", "forest")
"""What is fitted if nothing else is said; an EBM needs the extra `ebm`."""
FROM_FAST_TO_SLOW: Final[tuple[ModelKind, ...]] = ("logistic", "scorecard_additive", "scorecard", "forest", "ebm")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticRecipe:
    """Median imputation with missing indicators, scaling, ridge."""

    inverse_penalty: float = 1.0
    parts: int = 4
    """Parts of the training rows for the calibration line."""

    def declared(self) -> dict[str, float | int | str]:
        """For the evidence and the run log."""
        return {"algorithm": "logistic regression", **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostingRecipe:
    """Boosted trees on a grid of cuts, averaged over bags that each leave a part of the patients out."""

    interactions: Literal["none", "pairs", "all"]
    leaves: int
    features_share: float
    """Of the inputs, the share that each split may choose from."""
    learning_rate: float
    # 3, 4, 5 and 8 bags: the same to 0.0003; each bag costs one fit.
    bags: int = 3
    # 32 and 255: the same to 0.0005, and pair tables shrink with the square.
    bins: int = 32
    min_leaf: int = 40
    """Rows in a leaf: no step of a score rests on fewer."""
    ridge: float = 1.0
    patience: int = 25
    """Trees without gain on the held-out patients before a bag stops."""
    most_trees: int = 500
    most_pairs: int = 60
    """Pair tables that a scorecard may hold: 0.8394 with 60 of 595, 0.8397 with all, 0.8369 with 20."""
    screening_trees: int = 100
    """Trees that look for the pairs."""

    def declared(self) -> dict[str, float | int | str]:
        """For the evidence and the run log."""
        return {"algorithm": "histogram gradient boosting, averaged over bags", **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class EbmRecipe:
    """interpret-core's explainable boosting machine, one input or pair at a time, in turn."""

    bags: int = 4
    bins: int = 64
    pair_bins: int = 16
    most_pairs: int = 20
    most_rounds: int = 2000
    min_leaf: int = 40
    parts: int = 3
    """Parts of the training rows for the calibration line; each is one fit."""

    def declared(self) -> dict[str, float | int | str]:
        """For the evidence and the run log."""
        return {"algorithm": "explainable boosting machine (interpret-core)", **asdict(self)}


RECIPES: Final[Mapping[ModelKind, LogisticRecipe | BoostingRecipe | EbmRecipe]] = MappingProxyType(
    {
        "logistic": LogisticRecipe(),
        # Learning rates from 0.05 to 0.2: 0.832 and 0.838 to 0.839 throughout; a third of the rate is three times the trees.
        "scorecard_additive": BoostingRecipe(interactions="none", leaves=4, features_share=0.5, learning_rate=0.15),
        "scorecard": BoostingRecipe(interactions="pairs", leaves=4, features_share=0.5, learning_rate=0.15),
        "ebm": EbmRecipe(),
        # 16 leaves 0.844, 8 leaves 0.842; half the learning rate gains nothing and doubles the trees.
        "forest": BoostingRecipe(interactions="all", leaves=16, features_share=0.25, learning_rate=0.1),
    }
)
