"""The LACE index, 0-19: length of stay, acute admission, comorbidity, emergency visits; death or readmission in 30 days.

Comorbidity is LACE's own sum (`charlson-lace`), not that of 1987; the visit that led to this stay does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from services.guidance.scores.formula import YES, Formula, Numbers, Points, total, within

DAYS_CUTS = (1.0, 2.0, 3.0, 4.0, 7.0, 14.0)
DAYS_POINTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0)
EMERGENT_POINTS = 3.0
COMORBIDITY_CUTS = (1.0, 2.0, 3.0, 4.0)
COMORBIDITY_POINTS = (0.0, 1.0, 2.0, 3.0, 5.0)
VISITS_CUTS = (1.0, 2.0, 3.0, 4.0)
VISITS_POINTS = (0.0, 1.0, 2.0, 3.0, 4.0)
EXPECTED_PERCENT = (
    2.0, 2.5, 3.0, 3.5, 4.3, 5.1, 6.1, 7.3, 8.7, 10.3, 12.2, 14.4, 17.0, 19.8, 23.0, 26.6, 30.4, 34.6, 39.1, 43.7,
)  # fmt: skip
SOURCE = "van Walraven C et al. CMAJ 2010;182:551-557, doi:10.1503/cmaj.091117"

_POINTS = Points(
    (0, DAYS_CUTS, DAYS_POINTS, 4),
    (1, YES, (0.0, EMERGENT_POINTS), 4),
    (2, COMORBIDITY_CUTS, COMORBIDITY_POINTS, 4),
    (3, VISITS_CUTS, VISITS_POINTS, 4),
)
_EXPECTED = np.array(EXPECTED_PERCENT)


def _expected(x: Numbers) -> Numbers:
    """Of 100 with this LACE index, how many died or came back unplanned within 30 days in the derivation cohort."""
    lace = x[0]
    usable = within(lace, (0.0, 19.0), 0) & (lace == np.floor(lace))
    return np.where(usable, _EXPECTED[np.where(usable, lace, 0.0).astype(np.int64)], np.nan)


def _expected_of_one(x: Sequence[float]) -> float:
    lace = x[0]
    return EXPECTED_PERCENT[int(lace)] if 0.0 <= lace <= 19.0 and lace.is_integer() else nan


LACE = Formula(
    arguments=("los_days", "emergent", "charlson", "ed_visits_6m"),
    function=total(_POINTS.parts),
    parts=_POINTS.parts,
    one=_POINTS.one,
    source=SOURCE,
    published=True,
    unit="{score}",
    range=(0.0, 19.0),
    units={"los_days": "d", "charlson": "{score}", "ed_visits_6m": "{visits}"},
)
LACE_EXPECTED_PERCENT = Formula(
    arguments=("lace",),
    function=_expected,
    one=_expected_of_one,
    source=SOURCE,
    published=True,
    unit="%",
    range=(EXPECTED_PERCENT[0], EXPECTED_PERCENT[-1]),
    units={"lace": "{score}"},
    valid={"lace": (0.0, 19.0)},
)
