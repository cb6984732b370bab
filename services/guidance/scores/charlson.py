"""Charlson's comorbidity index over Quan's 17 groups, with three sets of weights: 1987, Quan 2011, and LACE's own.

The severer of two grades of one disease hides the milder. Which diagnosis codes make a group is for value sets to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, nan

import numpy as np

from services.guidance.scores.formula import Formula, Numbers, total

WEIGHTS_1987 = {
    "mi": 1.0, "chf": 1.0, "pvd": 1.0, "cevd": 1.0, "dementia": 1.0, "cpd": 1.0, "rheumd": 1.0, "pud": 1.0,
    "mld": 1.0, "diab": 1.0, "diabwc": 2.0, "hp": 2.0, "rend": 2.0, "canc": 2.0, "msld": 3.0, "metacanc": 6.0,
    "aids": 6.0,
}  # fmt: skip
WEIGHTS_QUAN_2011 = {
    "mi": 0.0, "chf": 2.0, "pvd": 0.0, "cevd": 0.0, "dementia": 2.0, "cpd": 1.0, "rheumd": 1.0, "pud": 0.0,
    "mld": 2.0, "diab": 0.0, "diabwc": 1.0, "hp": 2.0, "rend": 1.0, "canc": 2.0, "msld": 4.0, "metacanc": 6.0,
    "aids": 4.0,
}  # fmt: skip
# LACE does not use the 1987 weights. The two printed tables disagree on renal disease (4 and 2; 2 is used) and on
# peptic ulcer (0 and 1; 0 is used): the committee is asked to confirm.
WEIGHTS_LACE = {
    "mi": 1.0, "chf": 2.0, "pvd": 1.0, "cevd": 1.0, "dementia": 3.0, "cpd": 2.0, "rheumd": 3.0, "pud": 0.0,
    "mld": 2.0, "diab": 1.0, "diabwc": 2.0, "hp": 0.0, "rend": 2.0, "canc": 2.0, "msld": 4.0, "metacanc": 6.0,
    "aids": 4.0,
}  # fmt: skip

GROUPS = tuple(WEIGHTS_QUAN_2011)
HIERARCHY = (("msld", "mld"), ("diabwc", "diab"), ("metacanc", "canc"))
"""The first, if present, sets the second to nothing."""

_SEVERER = [GROUPS.index(severe) for severe, _ in HIERARCHY]
_MILDER = [GROUPS.index(mild) for _, mild in HIERARCHY]


def _parts(weights: Mapping[str, float]) -> Callable[[Numbers], Numbers]:
    """Points of each group: its weight if it is present and not hidden by a severer grade."""
    column = np.array([[weights[group]] for group in GROUPS])

    def parts(x: Numbers) -> Numbers:
        present = (x > 0.0).astype(np.float64)
        present[_MILDER] *= 1.0 - present[_SEVERER]
        points: Numbers = column * present + 0.0 * x
        return points

    return parts


def _sum_of_one(weights: Mapping[str, float]) -> Callable[[Sequence[float]], float]:
    """The same sum for one patient."""
    points = [weights[group] for group in GROUPS]
    hidden = list(zip(_SEVERER, _MILDER, strict=True))

    def one(x: Sequence[float]) -> float:
        if not all(map(isfinite, x)):
            return nan
        total = sum([weight for weight, present in zip(points, x, strict=True) if present > 0.0])
        return total - sum([points[mild] for severe, mild in hidden if x[severe] > 0.0 and x[mild] > 0.0])

    return one


def _index(weights: Mapping[str, float], source: str) -> Formula:
    parts = _parts(weights)
    most = sum(weights.values()) - sum(min(weights[severe], weights[mild]) for severe, mild in HIERARCHY)
    return Formula(
        arguments=GROUPS,
        function=total(parts),
        parts=parts,
        one=_sum_of_one(weights),
        source=source,
        published=True,
        unit="{score}",
        range=(0.0, most),
    )


CHARLSON_1987 = _index(
    WEIGHTS_1987,
    "Charlson ME et al. J Chronic Dis 1987;40:373-383, doi:10.1016/0021-9681(87)90171-8; groups as in Quan H et al. "
    "Med Care 2005;43:1130-1139, doi:10.1097/01.mlr.0000182534.19832.83",
)
CHARLSON_QUAN_2011 = _index(WEIGHTS_QUAN_2011, "Quan H et al. Am J Epidemiol 2011;173:676-682, doi:10.1093/aje/kwq433")
CHARLSON_LACE = _index(
    WEIGHTS_LACE, "BMC Cardiovasc Disord 2014;14:97, Table 1; weights of the LACE index, doi:10.1503/cmaj.091117"
)
