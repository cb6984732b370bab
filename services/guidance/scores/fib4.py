"""FIB-4: liver fibrosis from age, transaminases and platelets; under 1.45 low, over 3.25 high in the study it is from."""

from __future__ import annotations

import numpy as np

from services.guidance.scores.formula import Formula, Numbers

DECIMALS = 9
"""The quotient is rounded to this: it prints as 1.45 or 3.25 where decimal arithmetic says so, and no true value moves."""


def _fib4(x: Numbers) -> Numbers:
    age, ast, alt, platelets = x
    usable = (age > 0.0) & (ast > 0.0) & (alt > 0.0) & (platelets > 0.0)
    score = age * ast / np.where(usable, platelets * np.sqrt(np.where(usable, alt, 1.0)), 1.0)
    return np.where(usable, np.round(score, DECIMALS), np.nan)


FIB_4 = Formula(
    arguments=("age", "ast", "alt", "platelets"),
    function=_fib4,
    source="Sterling RK et al. Hepatology 2006;43:1317-1325, doi:10.1002/hep.21178",
    published=True,
    unit="{score}",
    range=(0.0, np.inf),
    units={"age": "a", "ast": "U/L", "alt": "U/L", "platelets": "10*3/uL"},
)
