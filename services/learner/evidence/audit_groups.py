"""Who is looked at apart: sex, age bands, and whatever a guidance reads for audit only. Words, not codes.

Nothing here enters a model; a group that is not recorded is a group of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.conditions import parse
from services.guidance.definition import PRIMARY, Feature, Guidance, average_of
from services.guidance.features import UNKNOWN, VALUE
from services.learner.evidence.workload import threshold_for
from services.learner.feature_matrix import CohortRows

AGE_BANDS: Final = ((0, "under 18"), (18, "18 to 44"), (45, "45 to 64"), (65, "65 to 79"), (80, "80 and over"))
SAID_BY_PATIENT: Final = ("Patient.gender", "Patient.race", "Patient.ethnicity", "Patient.language")

Numbers = NDArray[np.float64]


def attributes_of(guidance: Guidance, rows: CohortRows) -> dict[str, list[str | None]]:
    """Attribute → each row's group, None where it is not recorded."""
    found: dict[str, list[str | None]] = {}
    for name, feature in guidance.features.items():
        place = rows.names.index(name)
        column = [
            value if state == VALUE else None
            for value, state in zip(rows.values[:, place].tolist(), rows.states[:, place].tolist(), strict=True)
        ]
        if feature.kind == "age":
            found.setdefault("age", [None if value is None else _band(value) for value in column])
        elif feature.levels and (feature.use == "audit" or feature.source in SAID_BY_PATIENT):
            words = _words(feature)
            found[feature.label] = [None if value is None else words.get(value, "other") for value in column]
    return found


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
    return threshold_for(risk, share=guidance.policy.alert_budget)


def _band(age: float) -> str:
    return next((name for least, name in reversed(AGE_BANDS) if age >= least), AGE_BANDS[0][1])


def _words(feature: Feature) -> Mapping[float, str]:
    """Level → the word for it."""
    said: Mapping[str, str] = getattr(feature, "words", None) or {}
    return {level: said.get(code, code.rpartition("|")[2]) for code, level in feature.levels.items()}
