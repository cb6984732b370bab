"""Published scores and formulas: vectorised, exact at their boundaries, each with its source.

A formula takes one row of numbers per argument (NaN = missing) and gives one number per column, the same bits
whether it is asked for one patient or for a million. Numbers are compared with a cut as if rounded half up to a stated
number of decimals, finer than any laboratory reports: that removes the noise of binary arithmetic and moves no true value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance import formula_tables as tables
from services.timeline.errors import BadInput

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Formula:
    """A published formula: its arguments in order, which of them may be missing, and where it was printed."""

    arguments: tuple[str, ...]
    optional: tuple[str, ...] = ()
    function: Callable[[Numbers], Numbers]
    source: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """All arguments in the order of the rows that `function` takes: the required, then the optional ones."""
        return self.arguments + self.optional

    def __call__(self, **given: Numbers | float) -> Numbers:
        """The formula by argument name; what is not given is missing (NaN)."""
        unknown = set(given) - set(self.inputs)
        if unknown:
            raise BadInput(
                f"The formula has no argument {', '.join(sorted(unknown))}",
                remedy=f"Its arguments are {', '.join(self.inputs)}",
            )
        columns = np.broadcast_arrays(*(np.asarray(given.get(name, np.nan), np.float64) for name in self.inputs))
        result: Numbers = self.function(np.stack([np.atleast_1d(column) for column in columns]))
        return result


def edge(cut: float, decimals: int) -> float:
    """Where a number, rounded half up to some decimals, begins to reach the cut: 11.995 is 12.00, though not in binary."""
    return cut - 0.5 / 10.0**decimals - 1e-9


Band = tuple[int, tuple[float, ...], tuple[float, ...], int]
"""Argument number, cuts, points (`points[i]` from `cuts[i - 1]` on), and the decimals to which it is compared."""


class _Points:
    """A sum of points, each of the band that one argument is in: as steps, taken all at once."""

    def __init__(self, *bands: Band) -> None:
        steps = [
            (argument, edge(cut, decimals), points[place + 1] - points[place])
            for argument, cuts, points, decimals in bands
            for place, cut in enumerate(cuts)
        ]
        self._arguments = np.array([argument for argument, _, _ in steps])
        self._edges = np.array([[where] for _, where, _ in steps])
        self._heights = np.array([height for _, _, height in steps])
        self._ground = sum(points[0] for _, _, points, _ in bands)

    def __call__(self, x: Numbers) -> Numbers:
        # Whole numbers far below 2**53: any order of summation gives the same bits.
        total: Numbers = self._ground + self._heights @ (x[self._arguments] >= self._edges).astype(np.float64)
        return total


_YES = (1.0,)


def _withheld(x: Numbers, score: Numbers) -> Numbers:
    """A score with any input missing is withheld, never imputed."""
    result: Numbers = score + 0.0 * x.sum(axis=0)  # nothing, or NaN
    return result


def _egfr(x: Numbers) -> Numbers:
    """Estimated glomerular filtration rate, mL/min/{1.73_m2}; adults, sex 1 female and 0 male."""
    creatinine, age, sex = x
    table = tables.CKD_EPI_2021
    female = sex == 1.0
    usable = (creatinine > 0.0) & (age >= table.youngest) & (female | (sex == 0.0))
    own = female.astype(np.int64)
    ratio = np.where(usable, creatinine, 1.0) / _KAPPA[own]
    # min(ratio, 1)^alpha * max(ratio, 1)^-1.2: one of the two is always 1.
    cleared = np.power(ratio, np.where(ratio < 1.0, _ALPHA[own], table.max_exponent))
    aged = np.power(table.age_base, np.where(usable, age, 0.0))
    return np.where(usable, table.constant * cleared * aged * _FACTOR[own], np.nan)


_KAPPA, _ALPHA, _FACTOR = (
    np.array(column) for column in (tables.CKD_EPI_2021.kappa, tables.CKD_EPI_2021.alpha, tables.CKD_EPI_2021.factor)
)


def _charlson(weights: Mapping[str, float]) -> Callable[[Numbers], Numbers]:
    """A comorbidity index over the 17 groups: the severer of two grades of one disease hides the milder."""
    groups = tables.CHARLSON_GROUPS
    column = np.array([weights[group] for group in groups])
    severer = [groups.index(severe) for severe, _ in tables.CHARLSON_HIERARCHY]
    milder = [groups.index(mild) for _, mild in tables.CHARLSON_HIERARCHY]

    def index(x: Numbers) -> Numbers:
        present = (x > 0.0).astype(np.float64)
        present[milder] *= 1.0 - present[severer]
        # Whole numbers far below 2**53: any order of summation gives the same bits.
        return _withheld(x, column @ present)

    return index


_HOSPITAL_ARGUMENTS = ("hb", "oncology", "sodium", "procedure", "urgent", "admissions_prior_year", "los_days")


def _hospital(variant: str) -> Callable[[Numbers], Numbers]:
    """The HOSPITAL score, 0-13; the variants differ in how prior admissions count."""
    point = tables.HOSPITAL_POINTS
    total = _Points(
        (0, (tables.HOSPITAL_HB_BELOW,), (point["hb"], 0.0), 2),
        (1, _YES, (0.0, point["oncology"]), 4),
        (2, (tables.HOSPITAL_SODIUM_BELOW,), (point["sodium"], 0.0), 1),
        (3, _YES, (0.0, point["procedure"]), 4),
        (4, _YES, (0.0, point["urgent"]), 4),
        (5, tables.HOSPITAL_ADMISSIONS_CUTS[variant], tables.HOSPITAL_ADMISSIONS_POINTS, 4),
        (6, (tables.HOSPITAL_LOS_FROM,), (0.0, point["los_days"]), 4),
    )
    return lambda x: _withheld(x, total(x))


_LACE = _Points(
    (0, tables.LACE_DAYS_CUTS, tables.LACE_DAYS_POINTS, 4),
    (1, _YES, (0.0, tables.LACE_EMERGENT_POINTS), 4),
    (2, tables.LACE_COMORBIDITY_CUTS, tables.LACE_COMORBIDITY_POINTS, 4),
)


def _lace(x: Numbers) -> Numbers:
    """The LACE index, 0-19: length of stay, acute admission, comorbidity (LACE's own Charlson), emergency visits."""
    visits: Numbers = np.minimum(x[3], tables.LACE_VISITS_MAXIMUM)
    return _withheld(x, _LACE(x) + visits)


_EXPECTED = np.array(tables.LACE_EXPECTED_PERCENT)


def _lace_expected(x: Numbers) -> Numbers:
    """Of 100 with this LACE index, how many died or came back unplanned within 30 days in the derivation cohort."""
    lace = x[0]
    usable = (lace >= 0.0) & (lace <= 19.0) & (lace == np.floor(lace))
    return np.where(usable, _EXPECTED[np.where(usable, lace, 0.0).astype(np.int64)], np.nan)


def _mean_arterial(x: Numbers) -> Numbers:
    """Mean arterial pressure: as measured, else a third of the way from diastolic to systolic."""
    mean, systolic, diastolic = x
    cuff: Numbers = (systolic + 2.0 * diastolic) / 3.0
    return np.where(np.isnan(mean), cuff, mean)


FORMULAS: dict[str, Formula] = {
    "ckd-epi-2021": Formula(arguments=("creatinine", "age", "sex"), function=_egfr, source=tables.CKD_EPI_2021_SOURCE),
    "charlson-quan-2011": Formula(
        arguments=tables.CHARLSON_GROUPS,
        function=_charlson(tables.CHARLSON_QUAN_2011),
        source=tables.CHARLSON_QUAN_2011_SOURCE,
    ),
    "charlson-lace": Formula(
        arguments=tables.CHARLSON_GROUPS,
        function=_charlson(tables.CHARLSON_LACE),
        source=tables.CHARLSON_LACE_SOURCE,
    ),
    "hospital-2016": Formula(
        arguments=_HOSPITAL_ARGUMENTS, function=_hospital("2016"), source=tables.HOSPITAL_2016_SOURCE
    ),
    "hospital-2013": Formula(
        arguments=_HOSPITAL_ARGUMENTS, function=_hospital("2013"), source=tables.HOSPITAL_2013_SOURCE
    ),
    "lace": Formula(
        arguments=("los_days", "emergent", "charlson", "ed_visits_6m"), function=_lace, source=tables.LACE_SOURCE
    ),
    "lace-expected-percent": Formula(arguments=("lace",), function=_lace_expected, source=tables.LACE_SOURCE),
    "map": Formula(
        arguments=(),
        optional=("mean", "systolic", "diastolic"),
        function=_mean_arterial,
        source="Mean arterial pressure as in clinical-content section 3.2: measured, else (systolic + 2 diastolic) / 3",
    ),
}
"""Every formula that a guidance may name."""
