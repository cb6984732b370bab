"""How far each patient's risk would move with other patients to learn from (Riley and Collins 2023): refits on bootstrap samples.

The whole recipe is repeated on patients drawn again; what is compared is the risk of the original rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.guidance.evidence import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class InstabilityBand:
    """Rows whose stated risk is alike: where 95 of 100 refitted models put them."""

    stated: float
    low: float
    high: float
    mean_difference: float
    """Mean absolute difference from the stated risk."""
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instability:
    """Of the kind that was chosen."""

    kind: str
    samples: int
    """Bootstrap samples that it was refitted on: the declared budget."""
    rows: int
    """Rows of which the risks are compared; a seeded part of them where there are many."""
    mean_difference: float
    """Mean over rows and samples of |refitted risk - stated risk| (MAPE, a share)."""
    half_of_rows: float
    nine_in_ten: float
    """Quantiles over the rows of each row's mean difference."""
    changes_side: float
    """Mean share of rows that another sample would put on the other side of the threshold."""
    bands: tuple[InstabilityBand, ...]
    slope: Estimate
    """Calibration slopes of the refitted models on the original rows: median, and where 95 of 100 lie."""
    observed_expected: Estimate
    curves: tuple[tuple[float, ...], ...]
    """What happens at each of `stated`, one line for each refitted model (calibration instability)."""
    stated: tuple[float, ...]
