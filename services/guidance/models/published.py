"""A published score as a model: its value is the risk, unchanged, or with a level and slope of the site's own; nothing else is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import msgspec
import numpy as np

from services.guidance.models.explanation import CalibrationMap, Explanation, Numbers, matrix, sigmoid
from services.guidance.models.model_json import must_be_names, read_json, write_json

# A risk of exactly 0 or 1 has no log-odds; no published equation states one.
_NEARLY_ZERO: Final = 1e-12


class PublishedFile(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="published",
):
    """The whole of a published score's model.json: which feature holds it, and the line in log-odds if there is one."""

    feature: str
    calibration: CalibrationMap = CalibrationMap()

    def __post_init__(self) -> None:
        must_be_names((self.feature,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The score that a feature holds, 0 to 1. Where it has no value it is withheld, and so is the risk (NaN)."""

    file: PublishedFile

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read model.json; BadRelease if any part of it is not as it must be."""
        return cls(file=read_json(data, PublishedFile))

    def to_json(self) -> bytes:
        """The bytes of model.json: the same model, the same bytes."""
        return write_json(self.file)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The one column that it reads."""
        return (self.file.feature,)

    @property
    def method(self) -> str:
        """How contributions are reckoned, for the card and the evidence page."""
        return "the published score as a whole" + ("" if self._as_printed else ", recalibrated")

    def log_odds(self, X: Numbers) -> Numbers:
        """Log-odds of every row; NaN where the score is withheld."""
        safe = np.clip(self._printed(X), _NEARLY_ZERO, 1 - _NEARLY_ZERO)
        said: Numbers = np.log(safe) - np.log1p(-safe)
        return said if self._as_printed else self.file.calibration.log_odds(said)

    def risk(self, X: Numbers) -> Numbers:
        """The risk of every row; what is no risk at all is withheld as well."""
        # As printed it is never taken to log-odds and back: the very number stands on the card.
        return self._printed(X) if self._as_printed else sigmoid(self.log_odds(X))

    @property
    def _as_printed(self) -> bool:
        return self.file.calibration == CalibrationMap()

    def _printed(self, X: Numbers) -> Numbers:
        said = matrix(X, self.inputs)[:, 0]
        with np.errstate(invalid="ignore"):
            return np.where((said >= 0.0) & (said <= 1.0), said, np.nan)

    def explain(self, x: Numbers) -> Explanation:
        """One row: its risk, and the whole of its log-odds as the one contribution.

        A published equation has products of its arguments (age times cholesterol), so no share of one argument alone
        would be exact; the card shows the arguments themselves.
        """
        row = x[None, :]
        log_odds = float(self.log_odds(row)[0])
        return Explanation(risk=float(self.risk(row)[0]), log_odds=log_odds, base=0.0, contributions=(log_odds,))
