"""A score for one patient, and the steps around a cut."""

from __future__ import annotations

import math
from decimal import Decimal

from services.guidance.scores.catalogue import FORMULAS


def compute(formula: str, **given: float) -> float:
    """One formula for one patient."""
    return float(FORMULAS[formula](**given)[0])


def around(cut: str) -> tuple[list[float], list[float]]:
    """Values that are under a cut and that have reached it: a decimal step, half of one, and a breath of binary noise."""
    exact = Decimal(cut)
    step = Decimal(1).scaleb(int(exact.as_tuple().exponent))
    under = [float(exact - step), float(exact - step * Decimal("0.51"))]
    noisy = math.nextafter(float(exact), 0.0)
    return under, [
        float(exact - step / 2),
        noisy,
        float(exact),
        math.nextafter(float(exact), math.inf),
        float(exact + step),
    ]
