"""Who the patients are: age, latent frailty, chronic illnesses and when they set in."""

from __future__ import annotations

from services.demo.catalogue import (
    FAMILY_NAMES,
    GIVEN_NAMES,
    HISPANIC,
    LANGUAGES,
    NOT_HISPANIC,
    RACES,
    SITES,
)
from services.demo.dice import Dice
from services.demo.facts import DAY, YEAR, Person
from services.demo.truth import sigmoid

# illness: (log-odds at 60, per ten years of age, per unit of frailty); prevalences are of a hospital's own patients
PREVALENCE: dict[str, tuple[float, float, float]] = {
    "hypertension": (-0.1, 0.55, 0.25),
    "dyslipidaemia": (-0.5, 0.35, 0.10),
    "diabetes": (-1.5, 0.20, 0.35),
    "coronary": (-2.1, 0.55, 0.30),
    "heart_failure": (-2.8, 0.60, 0.55),
    "copd": (-2.4, 0.30, 0.45),
    "ckd": (-2.4, 0.55, 0.40),
    "dementia": (-5.2, 1.20, 0.50),
    "cancer": (-2.5, 0.35, 0.15),
    "peripheral_artery": (-3.2, 0.45, 0.35),
    "stroke_sequelae": (-3.4, 0.50, 0.35),
    "cirrhosis": (-4.0, 0.05, 0.45),
    "rheumatoid": (-3.9, 0.15, 0.10),
}
INCIDENCE_PER_PREVALENCE = 0.035  # a year: new cases a year as a share of the odds of having it
METASTASIS = 0.22  # of cancers


def draw_person(dice: Dice, *, index: int, begins: int, ends: int) -> Person:
    """Draw one patient as known to the hospital between `begins` and `ends`."""
    female = dice.chance(0.53)
    age = min(max(dice.normal(63.0, 17.0), 18.5), 97.0)
    birth_day = (begins - int(age * YEAR)) // DAY
    frailty = dice.normal(0.0, 0.85) + (age - 62.0) / 35.0
    hispanic = dice.chance(0.16)
    language = LANGUAGES[dice.pick([0.45, 0.55, 0, 0] if hispanic else [share for _, _, share in LANGUAGES])]
    race = RACES[dice.pick([share for _, _, share in RACES])]
    return Person(
        id=f"p{index:06d}",
        birth=birth_day * DAY,
        female=female,
        family=FAMILY_NAMES[int(dice.uniform(0, len(FAMILY_NAMES)))],
        given=GIVEN_NAMES[female][int(dice.uniform(0, 12))],
        race=(race[0], race[1]),
        ethnicity=HISPANIC if hispanic else NOT_HISPANIC,
        language=(language[0], language[1]),
        site=dice.pick([share for _, share in SITES]),
        frailty=frailty,
        smoker=("current", "former", "never")[dice.pick([0.16, 0.31, 0.53])],
        bmi=min(max(dice.normal(28.5, 5.5), 16.5), 55.0),
        illnesses=_draw_illnesses(dice, age=age, frailty=frailty, female=female, begins=begins, ends=ends),
    )


def _draw_illnesses(dice: Dice, *, age: float, frailty: float, female: bool, begins: int, ends: int) -> dict[str, int]:
    """Which chronic illnesses there are at the beginning or set in before the end, and when each did."""
    onsets: dict[str, int] = {}
    for illness, (at_sixty, per_decade, per_frailty) in PREVALENCE.items():
        log_odds = at_sixty + per_decade * (age - 60.0) / 10.0 + per_frailty * frailty
        if illness == "heart_failure" and "coronary" in onsets:
            log_odds += 0.9
        if illness == "ckd" and ("diabetes" in onsets or "heart_failure" in onsets):
            log_odds += 0.8
        share = sigmoid(log_odds)
        if dice.chance(share):
            onset = begins - int(dice.uniform(0.3, min(12.0, age - 17.0)) * YEAR)
        else:
            onset = begins + int(dice.gap(1.0 / (INCIDENCE_PER_PREVALENCE * share / (1.0 - share) + 1e-9)) * YEAR)
            if onset >= ends:
                continue
        onsets[illness] = onset
    if "ckd" in onsets:
        onset = onsets.pop("ckd")
        onsets[("ckd3", "ckd4", "ckd5")[dice.pick([0.76, 0.18, 0.06])]] = onset
        if "diabetes" in onsets and dice.chance(0.6):
            onsets["diabetes_kidney"] = max(onset, onsets.pop("diabetes"))
    if "cancer" in onsets:
        onset = onsets.pop("cancer")
        kinds = ("cancer_breast" if female else "cancer_prostate", "cancer_lung", "cancer_colon")
        onsets[kinds[dice.pick([0.42, 0.28, 0.30])]] = onset
        if dice.chance(METASTASIS):
            onsets["metastasis"] = onset + int(dice.uniform(0.1, 2.0) * YEAR)
    return onsets
