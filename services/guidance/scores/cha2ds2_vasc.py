"""CHA2DS2-VASc, 0-9: stroke risk in atrial fibrillation of adults.

Heart failure 1, hypertension 1, age 65-74 1 and from 75 on 2, diabetes 1, stroke or TIA 2, vascular disease 1, female 1.
"""

from __future__ import annotations

import numpy as np

from services.guidance.scores.formula import YES, Formula, Numbers, Points, known_sex, total

AGE_CUTS = (65.0, 75.0)
AGE_POINTS = (0.0, 1.0, 2.0)
STROKE_POINTS = 2.0
YOUNGEST = 18.0

_POINTS = Points(
    (0, AGE_CUTS, AGE_POINTS, 4),
    (1, YES, (0.0, 1.0), 4),
    (2, YES, (0.0, 1.0), 4),
    (3, YES, (0.0, 1.0), 4),
    (4, YES, (0.0, 1.0), 4),
    (5, YES, (0.0, STROKE_POINTS), 4),
    (6, YES, (0.0, 1.0), 4),
)


def _parts(x: Numbers) -> Numbers:
    points = _POINTS.parts(x)
    points[0, ~(x[0] >= YOUNGEST)] = np.nan
    points[1, ~known_sex(x[1])] = np.nan
    return points


CHA2DS2_VASC = Formula(
    arguments=("age", "sex", "chf", "hypertension", "diabetes", "stroke", "vascular"),
    function=total(_parts),
    parts=_parts,
    source="Lip GYH et al. Chest 2010;137:263-272, doi:10.1378/chest.09-1584",
    published=True,
    unit="{score}",
    range=(0.0, 9.0),
    units={"age": "a"},
    valid={"age": (YOUNGEST, np.inf)},
)
