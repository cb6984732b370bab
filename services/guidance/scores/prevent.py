"""PREVENT, base model: 10-year risk of cardiovascular disease (total, atherosclerotic, heart failure), 0 to 1.

`risk = 1 / (1 + exp(-sum of coefficient x term))`, one set of coefficients for each outcome and sex, without race. For
people of 30 to 79 with neither atherosclerotic disease nor heart failure. Outside the published ranges (each value as it
is reported: whole numbers, body mass index to one decimal) the risk is withheld. What has no effect on an outcome cannot
withhold it: body mass index enters heart failure alone, cholesterol and statins everything but heart failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from services.guidance.scores.formula import Formula, Numbers, edge, female, known_sex, yes

SOURCE = "Khan SS et al. Circulation 2024;149:430-449, Table S12, doi:10.1161/CIRCULATIONAHA.123.067626"
MMOL_PER_MG: Final = 0.02586  # PREVENT's own factor for cholesterol

AGE: Final = (30.0, 79.0)
VALID: Final[Mapping[str, tuple[float, float]]] = {
    "total_chol": (130.0, 320.0), "hdl": (20.0, 100.0), "sbp": (90.0, 180.0), "egfr": (15.0, 140.0), "bmi": (18.5, 39.9),
}  # fmt: skip
"""Beside age. Of the two published readings of the ranges of pressure and body mass index, the narrower."""
UNITS: Final[Mapping[str, str]] = {
    "age": "a", "total_chol": "mg/dL", "hdl": "mg/dL", "sbp": "mm[Hg]", "egfr": "mL/min/{1.73_m2}", "bmi": "kg/m2",
}  # fmt: skip
_DECIMALS: Final = {"bmi": 1}

HEALTHY: Final[Mapping[str, float]] = {
    "total_chol": 170.0, "hdl": 55.0, "sbp": 115.0, "egfr": 90.0,
    "diabetes": 0.0, "smoker": 0.0, "bp_treated": 0.0, "statin": 0.0,
}  # fmt: skip
"""Whom the card compares with: the same age and sex, no diabetes, no smoking, no treatment, cholesterol and pressure that
need none (non-HDL cholesterol 115 mg/dL, under the 130 and systolic pressure under the 120 that are called ideal), and
the filtration rate at which the equation's own term is nothing. A woman of 58: 3.3 %, printed as 3 %."""

Coefficients = Mapping[str, tuple[float, float]]
"""Term to the coefficient of men and of women. Terms that are 0 in both are not there."""

TOTAL_CVD: Final[Coefficients] = {
    "constant": (-3.031168, -3.307728),
    "age": (0.7688528, 0.7939329),
    "non_hdl": (0.0736174, 0.0305239),
    "hdl": (-0.0954431, -0.1606857),
    "sbp_lt110": (-0.4347345, -0.2394003),
    "sbp_ge110": (0.3362658, 0.3600781),
    "diabetes": (0.7692857, 0.8667604),
    "smoking": (0.4386871, 0.5360739),
    "egfr_lt60": (0.5378979, 0.6045917),
    "egfr_ge60": (0.0164827, 0.0433769),
    "bp_treated": (0.288879, 0.3151672),
    "statin": (-0.1337349, -0.1477655),
    "treated_sbp": (-0.0475924, -0.0663612),
    "treated_non_hdl": (0.150273, 0.1197879),
    "age_x_non_hdl": (-0.0517874, -0.0819715),
    "age_x_hdl": (0.0191169, 0.0306769),
    "age_x_sbp": (-0.1049477, -0.0946348),
    "age_x_diabetes": (-0.2251948, -0.27057),
    "age_x_smoking": (-0.0895067, -0.078715),
    "age_x_egfr_lt60": (-0.1543702, -0.1637806),
}
ASCVD: Final[Coefficients] = {
    "constant": (-3.500655, -3.819975),
    "age": (0.7099847, 0.719883),
    "non_hdl": (0.1658663, 0.1176967),
    "hdl": (-0.1144285, -0.151185),
    "sbp_lt110": (-0.2837212, -0.0835358),
    "sbp_ge110": (0.3239977, 0.3592852),
    "diabetes": (0.7189597, 0.8348585),
    "smoking": (0.3956973, 0.4831078),
    "egfr_lt60": (0.3690075, 0.4864619),
    "egfr_ge60": (0.0203619, 0.0397779),
    "bp_treated": (0.2036522, 0.2265309),
    "statin": (-0.0865581, -0.0592374),
    "treated_sbp": (-0.0322916, -0.0395762),
    "treated_non_hdl": (0.114563, 0.0844423),
    "age_x_non_hdl": (-0.0300005, -0.0567839),
    "age_x_hdl": (0.0232747, 0.0325692),
    "age_x_sbp": (-0.0927024, -0.1035985),
    "age_x_diabetes": (-0.2018525, -0.2417542),
    "age_x_smoking": (-0.0970527, -0.0791142),
    "age_x_egfr_lt60": (-0.1217081, -0.1671492),
}
HEART_FAILURE: Final[Coefficients] = {
    "constant": (-3.946391, -4.310409),
    "age": (0.8972642, 0.8998235),
    "sbp_lt110": (-0.6811466, -0.4559771),
    "sbp_ge110": (0.3634461, 0.3576505),
    "diabetes": (0.923776, 1.038346),
    "smoking": (0.5023736, 0.583916),
    "bmi_lt30": (-0.0485841, -0.0072294),
    "bmi_ge30": (0.3726929, 0.2997706),
    "egfr_lt60": (0.6926917, 0.7451638),
    "egfr_ge60": (0.0251827, 0.0557087),
    "bp_treated": (0.2980922, 0.3534442),
    "treated_sbp": (-0.0497731, -0.0981511),
    "age_x_sbp": (-0.1289201, -0.0946663),
    "age_x_diabetes": (-0.3040924, -0.3581041),
    "age_x_smoking": (-0.1401688, -0.1159453),
    "age_x_bmi_ge30": (0.0068126, -0.003878),
    "age_x_egfr_lt60": (-0.1797778, -0.1884289),
}


class _Equation:
    """One outcome's equation over the rows of its arguments, for any number of people at once."""

    def __init__(self, coefficients: Coefficients, arguments: tuple[str, ...]) -> None:
        ranged = [name for name in arguments if name in VALID]
        steps = {name: 10.0 ** -_DECIMALS.get(name, 0) for name in ranged}
        self._terms = tuple(coefficients)
        self._of_men, self._of_women = (np.array([[pair[sex]] for pair in coefficients.values()]) for sex in (0, 1))
        self._arguments = arguments
        self._flags = [place for place, name in enumerate(arguments) if name in _FLAGS]
        self._ranged = [arguments.index(name) for name in ("age", *ranged)]
        # Age is in completed years; the others reach their ends as they are reported.
        lows = [edge(VALID[name][0], _DECIMALS.get(name, 0)) for name in ranged]
        highs = [edge(VALID[name][1] + steps[name], _DECIMALS.get(name, 0)) for name in ranged]
        self._lows = np.array([[AGE[0]], *([low] for low in lows)])
        self._highs = np.array([[AGE[1] + 1.0], *([high] for high in highs)])

    def __call__(self, x: Numbers) -> Numbers:
        """The risk, or NaN where any value is missing or outside the range the equation was published for."""
        sex = x[self._arguments.index("sex")]
        ranged, flags = x[self._ranged], x[self._flags]
        usable = known_sex(sex) & ~np.isnan(flags).any(axis=0)
        usable &= ((ranged >= self._lows) & (ranged < self._highs)).all(axis=0)
        v = np.where(usable, x, 0.0)
        v[self._flags] = yes(v[self._flags])
        terms = _terms(dict(zip(self._arguments, v, strict=True)))
        weights = np.where(female(sex), self._of_women, self._of_men)
        linear = np.zeros_like(sex)
        # One after the other, and not in pairs as `sum` may: the same bits for any number of people.
        for term, weight in zip(self._terms, weights, strict=True):
            linear += weight * terms[term]
        return np.where(usable, 1.0 / (1.0 + np.exp(-linear)), np.nan)


def _terms(v: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """The terms of Table S12 that the given values allow."""
    age = (v["age"] - 55.0) / 10.0
    pressure = (np.maximum(v["sbp"], 110.0) - 130.0) / 20.0
    filtration = (np.minimum(v["egfr"], 60.0) - 60.0) / -15.0
    terms = {
        "constant": np.ones_like(age),
        "age": age,
        "sbp_lt110": (np.minimum(v["sbp"], 110.0) - 110.0) / 20.0,
        "sbp_ge110": pressure,
        "diabetes": v["diabetes"],
        "smoking": v["smoker"],
        "egfr_lt60": filtration,
        "egfr_ge60": (np.maximum(v["egfr"], 60.0) - 90.0) / -15.0,
        "bp_treated": v["bp_treated"],
        "treated_sbp": pressure * v["bp_treated"],
        "age_x_sbp": age * pressure,
        "age_x_diabetes": age * v["diabetes"],
        "age_x_smoking": age * v["smoker"],
        "age_x_egfr_lt60": age * filtration,
    }
    if "bmi" in v:
        heavy = (np.maximum(v["bmi"], 30.0) - 30.0) / 5.0
        terms["bmi_lt30"] = (np.minimum(v["bmi"], 30.0) - 25.0) / 5.0
        terms["bmi_ge30"] = heavy
        terms["age_x_bmi_ge30"] = age * heavy
    if "total_chol" in v:
        non_hdl = (v["total_chol"] - v["hdl"]) * MMOL_PER_MG - 3.5
        hdl = (v["hdl"] * MMOL_PER_MG - 1.3) / 0.3
        terms["non_hdl"] = non_hdl
        terms["hdl"] = hdl
        terms["statin"] = v["statin"]
        terms["treated_non_hdl"] = non_hdl * v["statin"]
        terms["age_x_non_hdl"] = age * non_hdl
        terms["age_x_hdl"] = age * hdl
    return terms


_FLAGS: Final = ("diabetes", "smoker", "bp_treated", "statin")
_WITH_LIPIDS: Final = ("age", "sex", "total_chol", "hdl", "sbp", "egfr", "diabetes", "smoker", "bp_treated", "statin")
_WITH_BODY_MASS: Final = ("age", "sex", "sbp", "bmi", "egfr", "diabetes", "smoker", "bp_treated")

_TOTAL_CVD = _Equation(TOTAL_CVD, _WITH_LIPIDS)
_OF_HEALTHY = np.array([[HEALTHY[name]] for name in _WITH_LIPIDS[2:]])


def _healthy(x: Numbers) -> Numbers:
    """Total CVD of somebody of this age and sex with the values of `HEALTHY`."""
    return _TOTAL_CVD(np.concatenate([x, np.broadcast_to(_OF_HEALTHY, (len(_OF_HEALTHY), x.shape[1]))]))


def _formula(function: Callable[[Numbers], Numbers], arguments: tuple[str, ...]) -> Formula:
    return Formula(
        arguments=arguments,
        function=function,
        source=SOURCE,
        published=True,
        unit="1",
        range=(0.0, 1.0),
        units={name: unit for name, unit in UNITS.items() if name in arguments},
        valid={"age": AGE, **{name: span for name, span in VALID.items() if name in arguments}},
    )


PREVENT_TOTAL_CVD = _formula(_TOTAL_CVD, _WITH_LIPIDS)
PREVENT_ASCVD = _formula(_Equation(ASCVD, _WITH_LIPIDS), _WITH_LIPIDS)
PREVENT_HEART_FAILURE = _formula(_Equation(HEART_FAILURE, _WITH_BODY_MASS), _WITH_BODY_MASS)
PREVENT_TOTAL_CVD_HEALTHY = _formula(_healthy, ("age", "sex"))
