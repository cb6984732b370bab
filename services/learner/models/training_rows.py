"""The rows that a model is fitted on, checked once: labels, patients, inputs and what is known of their direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.guidance.models.explanation import Numbers
from services.timeline.errors import BadInput

# With fewer on either side a fold of a fold may hold none of them.
FEWEST_PATIENTS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """One row for each index: inputs (NaN is missing), label, patient."""

    X: Numbers
    y: NDArray[np.int8]
    patients: NDArray[np.int64]
    inputs: tuple[str, ...]
    directions: tuple[int, ...]
    """Per input +1 (risk may only rise with it), -1 (only fall) or 0."""
    reference: str
    """How the rows are named on cards, e.g. `stays of 2023 and 2024`."""

    @classmethod
    def of(
        cls,
        X: Numbers,
        y: Sequence[int] | NDArray[np.int8],
        patients: Sequence[object] | NDArray[np.int64],
        *,
        inputs: Sequence[str],
        directions: Mapping[str, int] | None = None,
        reference: str,
        fewest: int = FEWEST_PATIENTS,
    ) -> Self:
        """Check the rows; BadInput says what they lack."""
        labels = np.asarray(y)
        if X.shape != (len(labels), len(inputs)) or len(labels) != len(patients):
            raise BadInput(
                f"{X.shape[0]} rows of {X.shape[1]} inputs, {len(labels)} labels, {len(patients)} patients, "
                f"{len(inputs)} names: they do not fit together",
                remedy="Give one label and one patient for each row, and one name for each input",
            )
        if not np.isin(labels, (0, 1)).all():
            raise BadInput("labels are 0 or 1", remedy="Leave out rows whose outcome is pending or censored")
        if np.isinf(X).any():
            raise BadInput("an input is infinite", remedy="Declare its plausible `range` in the guidance")
        own = np.unique(np.asarray(patients), return_inverse=True)[1].astype(np.int64)
        for said, count in (("with", len(np.unique(own[labels == 1]))), ("without", len(np.unique(own[labels == 0])))):
            if count < fewest:
                raise BadInput(
                    f"{count} patients {said} the outcome: too few to fit and test anything",
                    remedy=f"Ingest more: at least {fewest} patients with and without the outcome",
                )
        known = directions or {}
        return cls(
            X=np.ascontiguousarray(X, dtype=np.float64),
            y=labels.astype(np.int8),
            patients=own,
            inputs=tuple(inputs),
            directions=tuple(int(known.get(name, 0)) for name in inputs),
            reference=reference,
        )

    def where(self, chosen: NDArray[np.bool_]) -> TrainingRows:
        """Some of the rows."""
        return replace(self, X=self.X[chosen], y=self.y[chosen], patients=self.patients[chosen])
