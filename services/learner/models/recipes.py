"""How each kind of model is fitted, and what else may be tried of it: declared before the data.

Every fit looks for two things inside the training part: when each bag stops (on its own held-out patients), and which
pairs a scorecard may hold. Which setting of `GRIDS` is used is searched only as far as the guidance's `model.tuning`
goes; without it the first one is. Figures in the comments are AUROC on SUPPORT2, out of fold; neighbouring settings
differ by less than the spread between folds (0.009).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
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


Recipe = LogisticRecipe | BoostingRecipe | EbmRecipe

_LOGISTIC: Final = LogisticRecipe()
# Learning rates from 0.05 to 0.2: 0.832 and 0.838 to 0.839 throughout; a third of the rate is three times the trees.
_ADDITIVE: Final = BoostingRecipe(interactions="none", leaves=4, features_share=0.5, learning_rate=0.15)
_PAIRS: Final = BoostingRecipe(interactions="pairs", leaves=4, features_share=0.5, learning_rate=0.15)
_EBM: Final = EbmRecipe()
# 16 leaves 0.844, 8 leaves 0.842; half the learning rate gains nothing and doubles the trees.
_FOREST: Final = BoostingRecipe(interactions="all", leaves=16, features_share=0.25, learning_rate=0.1)

GRIDS: Final[Mapping[ModelKind, tuple[Recipe, ...]]] = MappingProxyType(
    {
        # The first decades of the penalty either way: with few events for each input a stronger one is worth most.
        "logistic": (_LOGISTIC, *(replace(_LOGISTIC, inverse_penalty=one) for one in (0.1, 0.01, 10.0, 0.3, 0.03, 3.0, 0.001))),
        # What smooths comes first: the steps of a score are read one by one. No leaf is smaller than the first setting's.
        "scorecard_additive": (
            _ADDITIVE,
            replace(_ADDITIVE, min_leaf=100),
            replace(_ADDITIVE, leaves=3),
            replace(_ADDITIVE, ridge=10.0),
            replace(_ADDITIVE, features_share=0.25),
            replace(_ADDITIVE, leaves=8),
            replace(_ADDITIVE, features_share=1.0),
            replace(_ADDITIVE, learning_rate=0.07, most_trees=1000),
        ),
        "scorecard": (
            _PAIRS,
            replace(_PAIRS, min_leaf=100),
            replace(_PAIRS, most_pairs=20),
            replace(_PAIRS, ridge=10.0),
            replace(_PAIRS, features_share=0.25),
            replace(_PAIRS, leaves=8),
            replace(_PAIRS, most_pairs=120),
            replace(_PAIRS, learning_rate=0.07, most_trees=1000),
        ),
        "ebm": (
            _EBM,
            replace(_EBM, min_leaf=100),
            replace(_EBM, most_pairs=0),
            replace(_EBM, bins=32),
            replace(_EBM, most_pairs=40),
        ),
        "forest": (
            _FOREST,
            replace(_FOREST, leaves=8),
            replace(_FOREST, min_leaf=100),
            replace(_FOREST, features_share=0.5),
            replace(_FOREST, ridge=10.0),
            replace(_FOREST, leaves=31),
            replace(_FOREST, features_share=0.1),
            replace(_FOREST, learning_rate=0.05, most_trees=1000),
        ),
    }
)  # fmt: skip
"""Per kind, the settings in the order in which a budget takes them; the first is used where nothing is searched."""
RECIPES: Final[Mapping[ModelKind, Recipe]] = MappingProxyType({kind: grid[0] for kind, grid in GRIDS.items()})
"""The first setting of each kind."""
