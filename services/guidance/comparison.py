"""Several predictions of the same outcome for the same rows, as the evidence keeps them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.guidance.estimate import Estimate

Count = Annotated[int, msgspec.Meta(ge=0)]


class Predictor(msgspec.Struct, frozen=True, kw_only=True):
    """One of several that predicted the same outcome for the same rows."""

    name: str
    """A kind of model, or whose prediction it is."""
    caveat: str
    ours: bool
    auroc: Estimate
    brier: Estimate
    calibration_intercept: Estimate
    calibration_slope: Estimate
    auroc_more: Estimate
    """AUROC more than the model that was chosen, drawn on the same patients."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned (on patients it had not seen) and the predictions of others, on the rows that all of them have."""

    rows: Count
    events: Count
    patients: Count
    predictors: tuple[Predictor, ...] = ()
    unjudged: str = ""
    """The sentence that says why there are no numbers."""
