"""Plain arithmetic that guidances share: nobody's score, so each result says only what its inputs say."""

from __future__ import annotations

import numpy as np

from services.guidance.scores.fib4 import DECIMALS
from services.guidance.scores.formula import Flags, Formula, Numbers, edge

FULL_GCS = 15.0


def _preferred_known(x: Numbers) -> Flags:
    """Settled where the first argument is known: it is taken, whatever the others are."""
    flags: Flags = ~np.isnan(x[0])
    return flags


def _mean_arterial(x: Numbers) -> Numbers:
    """Mean arterial pressure: as measured, else a third of the way from diastolic to systolic."""
    mean, systolic, diastolic = x
    cuff: Numbers = (systolic + 2.0 * diastolic) / 3.0
    return np.where(np.isnan(mean), cuff, mean)


def _body_mass(x: Numbers) -> Numbers:
    """As measured, else weight over height squared: 81 kg at 180 cm are 25, so the division comes last."""
    measured, weight, height = x
    usable = (weight > 0.0) & (height > 0.0)
    derived = 10_000.0 * weight / np.where(usable, height * height, 1.0)
    return np.where(np.isnan(measured), np.where(usable, np.round(derived, DECIMALS), np.nan), measured)


def _highest_grade(x: Numbers) -> Numbers:
    """2 if the second grade is there, else 1 if the first is, else 0; unknown only if both are."""
    one, two = x
    grade = np.where(two > 0.0, 2.0, one > 0.0)
    return np.where(np.isnan(one) & np.isnan(two), np.nan, grade)


def _second_there(x: Numbers) -> Flags:
    """Settled where the second grade is there: none is higher."""
    return np.asarray(x[1] > 0.0)


def _any_of(x: Numbers) -> Numbers:
    """1 if any is there, 0 if those that are known are not, unknown if none is known.

    An input that is missing counts like one that is not given: a formula cannot tell them apart.
    """
    return np.where(np.isnan(x).all(axis=0), np.nan, (x > 0.0).any(axis=0))


def _any_there(x: Numbers) -> Flags:
    """Settled where one is there."""
    return np.asarray((x > 0.0).any(axis=0))


def _all_of(x: Numbers) -> Numbers:
    """1 if all are there, 0 if one is not, unknown if one that is not known could be the one that is not."""
    return np.where((x <= 0.0).any(axis=0), 0.0, np.where(np.isnan(x).any(axis=0), np.nan, 1.0))


def _one_lacking(x: Numbers) -> Flags:
    """Settled where one is not there."""
    return np.asarray((x <= 0.0).any(axis=0))


def _first_known(x: Numbers) -> Numbers:
    """The first that is known: what is preferred comes first."""
    one, two = x
    known: Numbers = np.where(np.isnan(one), two, one)
    return known


def _not_alert(x: Numbers) -> Flags:
    """Settled where either scale says so."""
    acvpu, gcs = x
    flags: Flags = (acvpu < edge(1.0, 4)) | (gcs < edge(FULL_GCS, 0))
    return flags


def _alert(x: Numbers) -> Numbers:
    """1 alert, 0 not: not alert if either the ACVPU scale or a Glasgow coma score under 15 says so."""
    return np.where(np.isnan(x).all(axis=0), np.nan, ~_not_alert(x))


MEAN_ARTERIAL_PRESSURE = Formula(
    arguments=(),
    optional=("mean", "systolic", "diastolic"),
    function=_mean_arterial,
    settled=_preferred_known,
    source="Mean arterial pressure as in clinical-content section 3.2: measured, else (systolic + 2 diastolic) / 3",
    published=False,
    unit="mm[Hg]",
    range=(0.0, np.inf),
    units={"mean": "mm[Hg]", "systolic": "mm[Hg]", "diastolic": "mm[Hg]"},
)
BODY_MASS_INDEX = Formula(
    arguments=(),
    optional=("measured", "weight", "height"),
    function=_body_mass,
    settled=_preferred_known,
    source="Body mass index as in clinical-content section 3.3: measured, else weight in kg / (height in m) squared",
    published=False,
    unit="kg/m2",
    range=(0.0, np.inf),
    units={"measured": "kg/m2", "weight": "kg", "height": "cm"},
)
HIGHEST_GRADE = Formula(
    arguments=(),
    optional=("one", "two"),
    function=_highest_grade,
    settled=_second_there,
    source="The higher of two grades of one disease, as cancer in clinical-content section 3.2: none, present, metastatic",
    published=False,
    unit="{grade}",
    range=(0.0, 2.0),
)
ANY_OF = Formula(
    arguments=(),
    optional=("one", "two", "three"),
    function=_any_of,
    settled=_any_there,
    source="Whether any of up to three findings is there: logical or, an unknown finding left out",
    published=False,
    unit="1",
    range=(0.0, 1.0),
)
ALL_OF = Formula(
    arguments=(),
    optional=("one", "two", "three"),
    function=_all_of,
    settled=_one_lacking,
    source="Whether all of three findings are there, as triple whammy in clinical-content section 3.5: logical and",
    published=False,
    unit="1",
    range=(0.0, 1.0),
)
FIRST_KNOWN = Formula(
    arguments=(),
    optional=("one", "two"),
    function=_first_known,
    settled=_preferred_known,
    source="One measurement in place of another, as eGFR in clinical-content section 3.3: the first that is known",
    published=False,
    unit="1",
    range=(-np.inf, np.inf),
)
ALERT = Formula(
    arguments=(),
    optional=("acvpu_alert", "gcs"),
    function=_alert,
    settled=_not_alert,
    source="Alert or not as in clinical-content section 3.2: ACVPU, and a Glasgow coma score under 15 is not alert",
    published=False,
    unit="1",
    range=(0.0, 1.0),
    units={"gcs": "{score}"},
)
