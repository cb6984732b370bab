"""How often an input would be missing if a row were treated as all rows with the same recorded needs at the same site.

Needs are what the guidance reads of age, sex, stay, illnesses, procedures and medicines; never a measurement or its order,
who pays, or what is read for audit only. A linear model of classes (each value, or tenths) gives the share expected: its mean over many
rows is right for any way in which single needs act, and is found without searching, so the same rows give the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Guidance
from services.guidance.features import VALUE
from services.guidance.models.explanation import Numbers
from services.learner.feature_matrix import CohortRows
from services.learner.sites import Sites

NEED_FIELDS: Final = frozenset({
    "Patient.birthDate", "Patient.gender", "Encounter.class", "Encounter.type", "Encounter.serviceType", "Encounter.priority",
    "Encounter.admitSource", "Encounter.dischargeDisposition", "Encounter.diagnosis", "Encounter.classHistory",
    "Encounter.reasonCode", "Encounter.location", "Condition.code", "Procedure.code", "MedicationRequest.medication",
    "MedicationAdministration.medication", "MedicationStatement.medication", "AllergyIntolerance.code",
    "FamilyMemberHistory.condition",
})  # fmt: skip
"""Event fields that may tell a need: a feature that reads another one too tells none."""
SITE: Final = "site"
"""In the place of a feature's name: the columns that tell sites apart."""
_FEWEST: Final = 20  # rows of a class; of fewer its share is chance
_CLASSES: Final = 10
_AT_ONCE: Final = 65_536  # rows that are held as numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The classes of every row, and of which feature each is."""

    of: tuple[str, ...]
    """Feature (or `site`) of each column; the first column is of nobody, and always there."""
    columns: NDArray[np.bool_]
    """N x K."""

    @classmethod
    def of_rows(cls, guidance: Guidance, rows: CohortRows) -> Self:
        """Every need that the guidance reads, and the site."""
        return cls.of_features(need_features(guidance), rows, np.ones(len(rows), dtype=np.bool_))

    @classmethod
    def of_features(cls, names: Collection[str], rows: CohortRows, chosen: NDArray[np.bool_]) -> Self:
        """These features and the site, of the chosen rows."""
        of, columns = [""], [np.ones(int(chosen.sum()), dtype=np.bool_)]
        for name in names:
            place = rows.names.index(name)
            for column in _classes(rows.values[chosen, place], rows.states[chosen, place] == VALUE):
                of.append(name)
                columns.append(column)
        for column in _of_sites(rows.sites.where(chosen)):
            of.append(SITE)
            columns.append(column)
        return cls(of=tuple(of), columns=np.column_stack(columns))

    def expected(
        self, told: NDArray[np.bool_] | Numbers, inputs: Collection[str], *, without: Collection[str]
    ) -> Numbers:
        """N x J: what to expect of each input (a column of `told`: whether it is missing, or its value), not knowing `without`.

        An input that is itself a need is not told by itself.
        """
        kept = np.array([name not in without for name in self.of])
        gram = np.zeros((len(self.of), len(self.of)))
        moments = np.zeros((len(self.of), len(inputs)))
        for part in self._parts():
            numbers = self.columns[part].astype(np.float64)
            gram += numbers.T @ numbers
            moments += numbers.T @ told[part].astype(np.float64)
        weights = np.zeros_like(moments)
        for place, name in enumerate(inputs):
            chosen = np.flatnonzero(kept & np.array([of != name for of in self.of]))
            # Classes that say the same (a stay of no day, no procedure) share one weight: the shortest solution.
            weights[chosen, place] = np.linalg.lstsq(gram[np.ix_(chosen, chosen)], moments[chosen, place], rcond=1e-9)[
                0
            ]
        return np.concatenate([self.columns[part].astype(np.float64) @ weights for part in self._parts()])

    def _parts(self) -> Iterator[slice]:
        for start in range(0, len(self.columns), _AT_ONCE):
            yield slice(start, start + _AT_ONCE)


def need_features(guidance: Guidance) -> tuple[str, ...]:
    """What the guidance reads of a patient's needs, in its order."""
    return tuple(
        name
        for name, feature in guidance.features.items()
        if feature.source and feature.use != "audit" and NEED_FIELDS.issuperset(feature.source.split("|"))
    )


def _classes(values: Numbers, known: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """A column for each value but the first, or for each tenth if there are many; and one where there is none."""
    found = np.unique(values[known])
    if len(found) <= _CLASSES:
        columns = [known & (values == one) for one in found[1:]]
    else:
        edges = np.unique(np.quantile(values[known], np.arange(1, _CLASSES) / _CLASSES))
        tenth = np.digitize(values, edges)
        columns = [known & (tenth == place) for place in range(1, len(edges) + 1)]
    for column in (*columns, ~known):
        if column.sum() >= _FEWEST:
            yield column


def _of_sites(sites: Sites) -> Iterator[NDArray[np.bool_]]:
    """A column for each site but the first that is there; rows of no site are one."""
    for place in np.unique(sites.of)[1:]:
        column = sites.of == place
        if column.sum() >= _FEWEST:
            yield column
