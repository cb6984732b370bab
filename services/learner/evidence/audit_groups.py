"""Who is looked at apart: by what a guidance reads for audit, and by what the record says besides. Words, not codes.

Nothing here enters a model; a group that is not recorded is a group of its own. Sex, age, race, ethnicity, language, site
and payer are looked at in every guidance; where nothing tells them apart, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.guidance.conditions import parse
from services.guidance.definition import PRIMARY, Feature, Guidance, average_of
from services.guidance.features import UNKNOWN, VALUE
from services.learner.evidence.subgroups import NotLookedAt
from services.learner.evidence.workload import threshold_for
from services.learner.setting import WARD, Setting, Told
from services.learner.sites import Sites

AGE_BANDS: Final = ((0, "under 18"), (18, "18 to 44"), (45, "45 to 64"), (65, "65 to 79"), (80, "80 and over"))
ALWAYS: Final = ("sex", "age", "race", "ethnicity", "language", "site", "payer")
CALLED: Final = {"Patient.gender": "sex", "Patient.race": "race", "Patient.ethnicity": "ethnicity"} | {
    "Patient.language": "language", "Coverage.type": "payer", "Encounter.serviceProvider": "site"
}  # fmt: skip
SPOKEN: Final = {
    # OMB categories of race and ethnicity (CDC race and ethnicity code system)
    "1002-5": "American Indian or Alaska Native", "2028-9": "Asian", "2054-5": "Black or African American",
    "2076-8": "Native Hawaiian or Other Pacific Islander", "2106-3": "White", "2131-1": "Other race",
    "2135-2": "Hispanic or Latino", "2186-5": "not Hispanic or Latino",
    # kinds of Coverage (v3-ActCode)
    "PUBLICPOL": "public healthcare", "EHCPOL": "extended healthcare", "HIP": "health insurance plan policy",
}  # fmt: skip
OTHER: Final = "all others"
_MOST_GROUPS: Final = 12
SAID_BY_PATIENT: Final = ("Patient.gender", "Patient.race", "Patient.ethnicity", "Patient.language")

Numbers = NDArray[np.float64]


class Rows(Protocol):
    """What is read of rows to tell them apart: those of a cohort, or those of a silent period."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features, in the order of the columns."""

    @property
    def values(self) -> Numbers:
        """N x F; NaN where there is no value."""

    @property
    def states(self) -> NDArray[np.uint8]:
        """N x F: what is known of each value."""

    @property
    def setting(self) -> Setting:
        """What the record says besides."""

    @property
    def sites(self) -> Sites:
        """At which site each row was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Attribute → each row's group, None where it is not recorded; and those by which nobody can be told apart."""

    groups: Mapping[str, list[str | None]]
    missing: tuple[NotLookedAt, ...]


def attributes_of(guidance: Guidance, rows: Rows) -> Attributes:
    """What the guidance reads of them first, then what else the record says."""
    found: dict[str, list[str | None]] = {}
    for name, feature in guidance.features.items():
        if feature.kind == "age":
            found.setdefault("age", [None if value is None else _band(value) for value in _column(rows, name)])
        elif feature.levels and (feature.use == "audit" or feature.source in SAID_BY_PATIENT):
            words = _words(feature)
            label = CALLED.get(feature.source or "", feature.label)
            found.setdefault(
                label, [None if value is None else words.get(value, "other") for value in _column(rows, name)]
            )
    for name, told in _told(rows).items():
        if name not in found and len(told.words) > 1:
            found[name] = _most_common(told)
    return Attributes(groups=found, missing=tuple(_missing(found, rows)))


def features_of(guidance: Guidance, attribute: str) -> tuple[str, ...]:
    """The features that tell the groups of an attribute, in the guidance's order."""
    return tuple(
        name
        for name, feature in guidance.features.items()
        if (feature.kind == "age" and attribute == "age")
        or CALLED.get(feature.source or "", feature.label) == attribute
    )


def _told(rows: Rows) -> dict[str, Told]:
    """What the record says besides, but for the ward: of wards there are too many."""
    sites = {"site": Told(words=rows.sites.names, of=rows.sites.of)} if rows.sites.names else {}
    return {**sites, **{name: told for name, told in rows.setting.told.items() if name != WARD}}


def _column(rows: Rows, name: str) -> list[float | None]:
    place = rows.names.index(name)
    pairs = zip(rows.values[:, place].tolist(), rows.states[:, place].tolist(), strict=True)
    return [value if state == VALUE else None for value, state in pairs]


def _most_common(told: Told) -> list[str | None]:
    """The groups that are in the rows, largest first; of very many the rest is one."""
    present, counts = np.unique(told.of[told.of >= 0], return_counts=True)
    kept = set(present[np.argsort(-counts, kind="stable")][:_MOST_GROUPS].tolist())
    words = [_spoken(word) for word in told.words]
    return [None if place < 0 else words[place] if place in kept else OTHER for place in told.of.tolist()]


def _missing(found: Mapping[str, object], rows: Rows) -> Iterator[NotLookedAt]:
    for name in ALWAYS:
        if name not in found:
            told = _told(rows).get(name)
            one = told is not None and len(told.words) == 1
            yield NotLookedAt(attribute=name, why="The record knows one only." if one else "The record does not say.")


def _spoken(token: str) -> str:
    """A code as a word; of several the first, which is the broader one."""
    first = token.partition("\n")[0]
    code = first.rpartition("|")[2].rpartition("/")[2]
    return SPOKEN.get(code, code)


def alert_threshold(guidance: Guidance, risk: Numbers, average: float, *, prediction: str = PRIMARY) -> float:
    """The lowest risk that alone brings a card by the guidance's bands; without one, what fills the alert budget."""
    flagged = np.zeros(len(risk), dtype=bool)
    settled = np.zeros(len(risk), dtype=bool)
    known = np.full(len(risk), VALUE, dtype=np.uint8)
    nobody = (np.full(len(risk), np.nan), np.full(len(risk), UNKNOWN, dtype=np.uint8))
    for band in guidance.policy.bands:
        condition = parse(band.when)
        columns = dict.fromkeys(condition.names, nobody)
        columns |= {prediction: (risk, known), average_of(prediction): (np.full(len(risk), average), known)}
        holds = (condition.evaluate(columns) == 1) & ~settled
        settled |= holds
        if band.card is not None:
            flagged |= holds
    if flagged.any():
        return float(risk[flagged].min())
    # Where even the highest risk is too many, no risk is high enough.
    return min(threshold_for(risk, share=guidance.policy.alert_budget), 1.0)


def _band(age: float) -> str:
    return next((name for least, name in reversed(AGE_BANDS) if age >= least), AGE_BANDS[0][1])


def _words(feature: Feature) -> Mapping[float, str]:
    """Level → the word for it."""
    said: Mapping[str, str] = getattr(feature, "words", None) or {}
    return {level: said.get(code, code.rpartition("|")[2]) for code, level in feature.levels.items()}
