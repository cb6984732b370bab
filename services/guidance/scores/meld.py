"""MELD 3.0: the severity of end-stage liver disease, 6-40.

`1.33 (female) + 4.56 ln(bilirubin) + 0.82 (137 - Na) - 0.24 (137 - Na) ln(bilirubin) + 9.09 ln(INR) + 11.14 ln(creatinine)
+ 1.85 (3.5 - albumin) - 1.83 (3.5 - albumin) ln(creatinine) + 6`. The published bounds are part of the score, so here,
and only here, values are moved to them. The result is rounded to the nearest whole number, a half away from zero (16.5
is 17), and lies between 6 and 40. Dialysis twice in the week before (or 24 hours of continuous dialysis) sets creatinine
to 3.0 mg/dL. From 12 to 17 years the term of sex counts for both sexes (OPTN policy 9.1.D); under 12 it is not the score
to use; a patient whose age is not given is taken for an adult.
"""

from __future__ import annotations

import numpy as np

from services.guidance.scores.formula import Formula, Numbers, edge, female, known_sex, yes

BILIRUBIN_FROM = 1.0  # mg/dL
INR_FROM = 1.0
CREATININE_BOUNDS = (1.0, 3.0)  # mg/dL; on dialysis, the upper
SODIUM_BOUNDS = (125.0, 137.0)  # mmol/L
ALBUMIN_BOUNDS = (1.5, 3.5)  # g/dL
SCORE_BOUNDS = (6.0, 40.0)
SEX_TERM_FOR_ALL = (12.0, 18.0)  # years: from, below


def _meld(x: Numbers) -> Numbers:
    sex, bilirubin, sodium, inr, creatinine, albumin, dialysis, age = x
    usable = (bilirubin > 0.0) & (inr > 0.0) & (creatinine > 0.0) & (albumin > 0.0) & (sodium > 0.0)
    usable &= known_sex(sex) & ~(age < SEX_TERM_FOR_ALL[0])
    young = age < SEX_TERM_FOR_ALL[1]
    dialysed = np.where(yes(dialysis) == 1.0, CREATININE_BOUNDS[1], creatinine)
    ln_bilirubin = np.log(np.maximum(np.where(usable, bilirubin, 1.0), BILIRUBIN_FROM))
    ln_inr = np.log(np.maximum(np.where(usable, inr, 1.0), INR_FROM))
    ln_creatinine = np.log(np.clip(np.where(usable, dialysed, 1.0), *CREATININE_BOUNDS))
    salt = SODIUM_BOUNDS[1] - np.clip(sodium, *SODIUM_BOUNDS)
    protein = ALBUMIN_BOUNDS[1] - np.clip(albumin, *ALBUMIN_BOUNDS)
    score = (
        1.33 * (female(sex) | young)
        + 4.56 * ln_bilirubin
        + 0.82 * salt
        - 0.24 * salt * ln_bilirubin
        + 9.09 * ln_inr
        + 11.14 * ln_creatinine
        + 1.85 * protein
        - 1.83 * protein * ln_creatinine
        + 6.0
    )
    whole = np.clip(np.floor(score - edge(0.0, 0)), *SCORE_BOUNDS)  # from half a point on, the next
    return np.where(usable, whole, np.nan)


MELD_3_0 = Formula(
    arguments=("sex", "bilirubin", "sodium", "inr", "creatinine", "albumin"),
    optional=("dialysis", "age"),
    function=_meld,
    source="Kim WR et al. Gastroenterology 2021;161:1887-1895, doi:10.1053/j.gastro.2021.08.050; OPTN policy 9.1.D",
    published=True,
    unit="{score}",
    range=SCORE_BOUNDS,
    units={
        "bilirubin": "mg/dL", "sodium": "mmol/L", "inr": "{INR}", "creatinine": "mg/dL", "albumin": "g/dL", "age": "a",
    },
    valid={"age": (SEX_TERM_FOR_ALL[0], np.inf)},
)  # fmt: skip
