"""NEWS2, 0-20: the National Early Warning Score of adults (from 16, not pregnant; unreliable in spinal cord injury).

Vital signs are rounded half up to whole numbers, temperature to 0.1 Cel, before they are held against the chart. Oxygen
saturation is read on scale 1 unless `hypercapnic` says that a clinician recorded hypercapnic respiratory failure with a
target of 88-92 %: scale 2 then, on which high saturation counts only with oxygen. Never inferred from a COPD code.
"""

from __future__ import annotations

import numpy as np

from services.guidance.scores.formula import YES, Formula, Numbers, Points, total, yes

RESPIRATION = (9.0, 12.0, 21.0, 25.0), (3.0, 1.0, 0.0, 2.0, 3.0)
SATURATION_1 = (92.0, 94.0, 96.0), (3.0, 2.0, 1.0, 0.0)
SATURATION_2_LOW = (84.0, 86.0, 88.0), (3.0, 2.0, 1.0, 0.0)
SATURATION_2_HIGH = (93.0, 95.0, 97.0), (0.0, 1.0, 2.0, 3.0)
"""With oxygen only; on air anything from 88 on is 0."""
OXYGEN_POINTS = 2.0
SYSTOLIC = (91.0, 101.0, 111.0, 220.0), (3.0, 2.0, 1.0, 0.0, 3.0)
PULSE = (41.0, 51.0, 91.0, 111.0, 131.0), (3.0, 1.0, 0.0, 1.0, 2.0, 3.0)
NOT_ALERT_POINTS = 3.0
TEMPERATURE = (35.1, 36.1, 38.1, 39.1), (3.0, 1.0, 0.0, 1.0, 2.0)
ARGUMENTS = ("rr", "spo2", "oxygen", "sbp", "pulse", "alert", "temp")
NEITHER = 90.0  # on scale 2 this saturation counts nothing, low or high, with oxygen or without

_POINTS = Points(
    (0, *RESPIRATION, 0),
    (1, *SATURATION_1, 0),
    (2, YES, (0.0, OXYGEN_POINTS), 4),
    (3, *SYSTOLIC, 0),
    (4, *PULSE, 0),
    (5, YES, (NOT_ALERT_POINTS, 0.0), 4),
    (6, *TEMPERATURE, 1),
)
_SCALE_2 = Points((0, *SATURATION_2_LOW, 0), (1, *SATURATION_2_HIGH, 0))


def _parts(x: Numbers) -> Numbers:
    """Points of each vital sign; none for `hypercapnic`, which only says how saturation is read."""
    points = np.empty_like(x)
    points[:7] = _POINTS.parts(x[:7])
    points[7] = 0.0
    scale_2 = yes(x[7]) == 1.0
    if scale_2.any():
        saturation, oxygen = x[1], yes(x[2])
        with_oxygen = np.where(oxygen == 1.0, saturation, NEITHER)
        read = _SCALE_2.parts(np.stack([saturation, with_oxygen])).sum(axis=0)
        points[1] = np.where(scale_2, read, points[1])
    return points


def _largest(x: Numbers) -> Numbers:
    """The most points of any one parameter; withheld with any of them missing, as the score is."""
    most: Numbers = _parts(x).max(axis=0)  # NaN if any is
    return most


_UNITS = {"rr": "/min", "spo2": "%", "sbp": "mm[Hg]", "pulse": "/min", "temp": "Cel"}
_SOURCE = "Royal College of Physicians. National Early Warning Score (NEWS) 2. London: RCP, 2017"

NEWS2 = Formula(
    arguments=ARGUMENTS,
    optional=("hypercapnic",),
    function=total(_parts),
    parts=_parts,
    source=_SOURCE,
    published=True,
    unit="{score}",
    range=(0.0, 20.0),
    units=_UNITS,
)
NEWS2_LARGEST = Formula(
    arguments=ARGUMENTS,
    optional=("hypercapnic",),
    function=_largest,
    source=_SOURCE,
    published=True,
    unit="{score}",
    range=(0.0, 3.0),
    units=_UNITS,
)
