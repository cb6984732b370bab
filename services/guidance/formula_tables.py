"""The numbers of the published scores, as data: points, cuts and weights with where they were printed.

Facts only, no arithmetic: `formulas` does that. A cut is the first value of the next band (`low <= x < next`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CkdEpi:
    """constant * min(creatinine/kappa, 1)^alpha * max(creatinine/kappa, 1)^max_exponent * age_base^age * factor."""

    constant: float
    max_exponent: float
    age_base: float
    kappa: tuple[float, float]
    """Of men, of women; so are `alpha` and `factor`."""
    alpha: tuple[float, float]
    factor: tuple[float, float]
    youngest: float


CKD_EPI_2021 = CkdEpi(
    constant=142.0, max_exponent=-1.2, age_base=0.9938, kappa=(0.9, 0.7), alpha=(-0.302, -0.241), factor=(1.0, 1.012),
    youngest=18.0,
)  # fmt: skip
CKD_EPI_2021_SOURCE = "Inker LA et al. N Engl J Med 2021;385:1737-1749, doi:10.1056/NEJMoa2102953"

HOSPITAL_POINTS = {"hb": 1.0, "oncology": 2.0, "sodium": 1.0, "procedure": 1.0, "urgent": 1.0, "los_days": 2.0}
HOSPITAL_HB_BELOW = 12.0  # g/dL
HOSPITAL_SODIUM_BELOW = 135.0  # mmol/L
HOSPITAL_LOS_FROM = 5.0  # days
HOSPITAL_ADMISSIONS_CUTS = {"2016": (2.0, 6.0), "2013": (1.0, 6.0)}
HOSPITAL_ADMISSIONS_POINTS = (0.0, 2.0, 5.0)
HOSPITAL_2013_SOURCE = "Donzé J et al. JAMA Intern Med 2013;173:632-638, doi:10.1001/jamainternmed.2013.3023"
HOSPITAL_2016_SOURCE = "Donzé JD et al. JAMA Intern Med 2016;176:496-502, doi:10.1001/jamainternmed.2015.8462"

LACE_DAYS_CUTS = (1.0, 2.0, 3.0, 4.0, 7.0, 14.0)
LACE_DAYS_POINTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0)
LACE_EMERGENT_POINTS = 3.0
LACE_COMORBIDITY_CUTS = (1.0, 2.0, 3.0, 4.0)
LACE_COMORBIDITY_POINTS = (0.0, 1.0, 2.0, 3.0, 5.0)
LACE_VISITS_MAXIMUM = 4.0
LACE_EXPECTED_PERCENT = (
    2.0, 2.5, 3.0, 3.5, 4.3, 5.1, 6.1, 7.3, 8.7, 10.3, 12.2, 14.4, 17.0, 19.8, 23.0, 26.6, 30.4, 34.6, 39.1, 43.7,
)  # fmt: skip
LACE_SOURCE = "van Walraven C et al. CMAJ 2010;182:551-557, doi:10.1503/cmaj.091117"

CHARLSON_QUAN_2011 = {
    "mi": 0.0, "chf": 2.0, "pvd": 0.0, "cevd": 0.0, "dementia": 2.0, "cpd": 1.0, "rheumd": 1.0, "pud": 0.0,
    "mld": 2.0, "diab": 0.0, "diabwc": 1.0, "hp": 2.0, "rend": 1.0, "canc": 2.0, "msld": 4.0, "metacanc": 6.0,
    "aids": 4.0,
}  # fmt: skip
CHARLSON_QUAN_2011_SOURCE = "Quan H et al. Am J Epidemiol 2011;173:676-682, doi:10.1093/aje/kwq433"

# LACE does not use the 1987 weights. The two printed tables disagree on renal disease (4 and 2; 2 is used) and on
# peptic ulcer (0 and 1; 0 is used): the committee is asked to confirm.
CHARLSON_LACE = {
    "mi": 1.0, "chf": 2.0, "pvd": 1.0, "cevd": 1.0, "dementia": 3.0, "cpd": 2.0, "rheumd": 3.0, "pud": 0.0,
    "mld": 2.0, "diab": 1.0, "diabwc": 2.0, "hp": 0.0, "rend": 2.0, "canc": 2.0, "msld": 4.0, "metacanc": 6.0,
    "aids": 4.0,
}  # fmt: skip
CHARLSON_LACE_SOURCE = "BMC Cardiovasc Disord 2014;14:97, Table 1; weights of the LACE index, doi:10.1503/cmaj.091117"

CHARLSON_GROUPS = tuple(CHARLSON_QUAN_2011)
CHARLSON_HIERARCHY = (("msld", "mld"), ("diabwc", "diab"), ("metacanc", "canc"))
"""The first, if present, sets the second to nothing."""
