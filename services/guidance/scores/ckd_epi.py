"""CKD-EPI 2021: filtration rate of adults from creatinine, age and sex, without race.

`142 min(creatinine/kappa, 1)^alpha max(creatinine/kappa, 1)^-1.2 0.9938^age (1.012 if female)`; creatinine in mg/dL and
in a steady state: not in acute kidney injury, not on dialysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from services.guidance.scores.formula import Formula, Numbers, female, known_sex

CONSTANT = 142.0
MAX_EXPONENT = -1.2
AGE_BASE = 0.9938
KAPPA = np.array([0.9, 0.7])  # of men, of women; so are the next two
ALPHA = np.array([-0.302, -0.241])
FACTOR = np.array([1.0, 1.012])
YOUNGEST = 18.0
_KAPPA, _ALPHA, _FACTOR = KAPPA.tolist(), ALPHA.tolist(), FACTOR.tolist()


def _egfr(x: Numbers) -> Numbers:
    creatinine, age, sex = x
    usable = (creatinine > 0.0) & (age >= YOUNGEST) & known_sex(sex)
    own = female(sex).astype(np.int64)
    ratio = np.where(usable, creatinine, 1.0) / KAPPA[own]
    # min(ratio, 1)^alpha * max(ratio, 1)^-1.2: one of the two is always 1.
    cleared = np.power(ratio, np.where(ratio < 1.0, ALPHA[own], MAX_EXPONENT))
    aged = np.power(AGE_BASE, np.where(usable, age, 0.0))
    return np.where(usable, CONSTANT * cleared * aged * FACTOR[own], np.nan)


def _egfr_of_one(x: Sequence[float]) -> float:
    creatinine, age, sex = x
    if not (creatinine > 0.0 and age >= YOUNGEST and sex in (0.0, 1.0)):
        return nan
    own = int(sex)
    ratio = creatinine / _KAPPA[own]
    # Numpy's own powers, of arrays as above: others may differ in the last bit.
    cleared, aged = np.power(
        np.array([ratio, AGE_BASE]), np.array([_ALPHA[own] if ratio < 1.0 else MAX_EXPONENT, age])
    ).tolist()
    return float(CONSTANT * cleared * aged * _FACTOR[own])


CKD_EPI_2021 = Formula(
    arguments=("creatinine", "age", "sex"),
    function=_egfr,
    one=_egfr_of_one,
    source="Inker LA et al. N Engl J Med 2021;385:1737-1749, doi:10.1056/NEJMoa2102953",
    published=True,
    unit="mL/min/{1.73_m2}",
    range=(0.0, np.inf),
    units={"creatinine": "mg/dL", "age": "a"},
    valid={"age": (YOUNGEST, np.inf)},
)
