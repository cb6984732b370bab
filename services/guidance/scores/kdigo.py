"""KDIGO 2012: stage 0-3 of acute kidney injury by creatinine; urine output is not used.

Stage 1: 1.5 times the baseline within 7 days, or 0.3 mg/dL above the lowest of the last 48 hours. Stage 2: twice.
Stage 3: three times, or 4.0 mg/dL once it is an injury at all, or renal replacement therapy. The windows are for the
features to keep. The rise is compared to 0.01 mg/dL, the ratio to 4 decimals: `4.0 - 3.7` reaches 0.3 here. Without a
baseline the stage is unknown, never 0; without `lowest_48h` the rise is not looked at; without `rrt` there is none.
"""

from __future__ import annotations

import numpy as np

from services.guidance.scores.formula import Flags, Formula, Numbers, edge, yes

STAGE_1_RATIO = 1.5
STAGE_1_RISE = 0.3  # mg/dL
STAGE_2_RATIO = 2.0
STAGE_3_RATIO = 3.0
STAGE_3_CREATININE = 4.0  # mg/dL


def _stage(x: Numbers) -> Numbers:
    current, baseline, lowest_48h, rrt = x
    usable = (current > 0.0) & (baseline > 0.0)
    ratio = current / np.where(usable, baseline, 1.0)
    injured = (ratio >= edge(STAGE_1_RATIO, 4)) | (current - lowest_48h >= edge(STAGE_1_RISE, 2))
    severe = (ratio >= edge(STAGE_3_RATIO, 4)) | (injured & (current >= edge(STAGE_3_CREATININE, 2)))
    stage = np.where(ratio >= edge(STAGE_2_RATIO, 4), 2.0, injured)
    return np.where(usable, np.where(severe | (yes(rrt) == 1.0), 3.0, stage), np.nan)


def _highest_stage(x: Numbers) -> Flags:
    """Settled at stage 3: neither a rise nor replacement therapy can add to it."""
    flags: Flags = _stage(x) == 3.0
    return flags


KDIGO_AKI_STAGE = Formula(
    arguments=("current", "baseline"),
    optional=("lowest_48h", "rrt"),
    function=_stage,
    settled=_highest_stage,
    source="KDIGO AKI Work Group. Kidney Int Suppl 2012;2:1-138, Table 2, doi:10.1038/kisup.2012.1",
    published=True,
    unit="{stage}",
    range=(0.0, 3.0),
    units={"current": "mg/dL", "baseline": "mg/dL", "lowest_48h": "mg/dL"},
)
