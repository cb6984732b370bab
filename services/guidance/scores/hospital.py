"""The HOSPITAL score, 0-13: potentially avoidable readmission within 30 days of a medical patient's discharge.

The variants of 2013 and 2016 differ in how admissions of the year before count. Haemoglobin or sodium missing: withheld.
"""

from __future__ import annotations

from services.guidance.scores.formula import YES, Formula, Points, total

HB_BELOW = 12.0  # g/dL
SODIUM_BELOW = 135.0  # mmol/L
LOS_FROM = 5.0  # days
ADMISSIONS_CUTS = {"2016": (2.0, 6.0), "2013": (1.0, 6.0)}
ADMISSIONS_POINTS = (0.0, 2.0, 5.0)
POINTS = {"hb": 1.0, "oncology": 2.0, "sodium": 1.0, "procedure": 1.0, "urgent": 1.0, "los_days": 2.0}


def _score(variant: str, source: str) -> Formula:
    points = Points(
        (0, (HB_BELOW,), (POINTS["hb"], 0.0), 2),
        (1, YES, (0.0, POINTS["oncology"]), 4),
        (2, (SODIUM_BELOW,), (POINTS["sodium"], 0.0), 1),
        (3, YES, (0.0, POINTS["procedure"]), 4),
        (4, YES, (0.0, POINTS["urgent"]), 4),
        (5, ADMISSIONS_CUTS[variant], ADMISSIONS_POINTS, 4),
        (6, (LOS_FROM,), (0.0, POINTS["los_days"]), 4),
    )
    return Formula(
        arguments=("hb", "oncology", "sodium", "procedure", "urgent", "admissions_prior_year", "los_days"),
        function=total(points.parts),
        parts=points.parts,
        one=points.one,
        source=source,
        published=True,
        unit="{score}",
        range=(0.0, 13.0),
        units={"hb": "g/dL", "sodium": "mmol/L", "admissions_prior_year": "{admissions}", "los_days": "d"},
    )


HOSPITAL_2013 = _score("2013", "Donzé J et al. JAMA Intern Med 2013;173:632-638, doi:10.1001/jamainternmed.2013.3023")
HOSPITAL_2016 = _score("2016", "Donzé JD et al. JAMA Intern Med 2016;176:496-502, doi:10.1001/jamainternmed.2015.8462")
