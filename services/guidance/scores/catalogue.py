"""Every formula that a guidance may name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from services.guidance.scores import (
    arithmetic,
    cha2ds2_vasc,
    charlson,
    ckd_epi,
    fib4,
    hospital,
    kdigo,
    lace,
    meld,
    news2,
    prevent,
    qsofa,
)
from services.guidance.scores.formula import Formula

FORMULAS: Mapping[str, Formula] = MappingProxyType(
    {
        "ckd-epi-2021": ckd_epi.CKD_EPI_2021,
        "charlson-1987": charlson.CHARLSON_1987,
        "charlson-quan-2011": charlson.CHARLSON_QUAN_2011,
        "charlson-lace": charlson.CHARLSON_LACE,
        "hospital-2016": hospital.HOSPITAL_2016,
        "hospital-2013": hospital.HOSPITAL_2013,
        "lace": lace.LACE,
        "lace-expected-percent": lace.LACE_EXPECTED_PERCENT,
        "meld-3.0": meld.MELD_3_0,
        "fib-4": fib4.FIB_4,
        "prevent-total-cvd": prevent.PREVENT_TOTAL_CVD,
        "prevent-total-cvd-healthy": prevent.PREVENT_TOTAL_CVD_HEALTHY,
        "prevent-ascvd": prevent.PREVENT_ASCVD,
        "prevent-heart-failure": prevent.PREVENT_HEART_FAILURE,
        "cha2ds2-vasc": cha2ds2_vasc.CHA2DS2_VASC,
        "news2": news2.NEWS2,
        "news2-largest": news2.NEWS2_LARGEST,
        "qsofa": qsofa.QSOFA,
        "kdigo-aki-stage": kdigo.KDIGO_AKI_STAGE,
        "map": arithmetic.MEAN_ARTERIAL_PRESSURE,
        "body-mass-index": arithmetic.BODY_MASS_INDEX,
        "highest-grade": arithmetic.HIGHEST_GRADE,
        "first-known": arithmetic.FIRST_KNOWN,
        "any-of": arithmetic.ANY_OF,
        "all-of": arithmetic.ALL_OF,
        "alert": arithmetic.ALERT,
    }
)
