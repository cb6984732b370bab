"""qSOFA, 0-3: breathing 22 or more a minute, systolic pressure 100 mm[Hg] or less, altered mentation."""

from __future__ import annotations

from services.guidance.scores.formula import YES, Formula, Points, total

RESPIRATION_FROM = 22.0
SYSTOLIC_ABOVE = 101.0  # the first whole number that is not "100 or less"

_POINTS = Points(
    (0, (RESPIRATION_FROM,), (0.0, 1.0), 0),
    (1, (SYSTOLIC_ABOVE,), (1.0, 0.0), 0),
    (2, YES, (0.0, 1.0), 4),
)

QSOFA = Formula(
    arguments=("rr", "sbp", "altered"),
    function=total(_POINTS.parts),
    parts=_POINTS.parts,
    one=_POINTS.one,
    source="Singer M et al. JAMA 2016;315:801-810, doi:10.1001/jama.2016.0287",
    published=True,
    unit="{score}",
    range=(0.0, 3.0),
    units={"rr": "/min", "sbp": "mm[Hg]"},
)
