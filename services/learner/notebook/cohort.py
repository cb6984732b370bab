"""A guidance's cohort in a notebook: who was counted and who was left out, and the rows as a table by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from services.guidance.check import check_guidance, load_guidance
from services.guidance.definition import PRIMARY, Guidance
from services.guidance.errors import BadGuidance
from services.guidance.folder import LoadedGuidance
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.guidance_names import guidance_folder
from services.learner.train_options import TrainOptions
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMatrix:
    """Rows with a known outcome: one for each moment of prediction."""

    X: pd.DataFrame
    """One column for each input of the model by name; NaN where there is no value."""
    y: pd.Series
    """1 happened, 0 did not."""
    groups: pd.Series
    """Rows of one patient share a number: give it to whatever splits the rows."""
    at: pd.Series
    """The moment of prediction, UTC."""
    directions: dict[str, int]
    """Inputs with which risk may only rise (+1) or fall (-1), as the guidance declares."""
    reference: str
    """How these rows are named on a card."""

    def __len__(self) -> int:
        return len(self.y)

    def between(self, since: str = "", until: str = "") -> FeatureMatrix:
        """The rows whose moment lies from one date to before another."""
        inside = pd.Series(True, index=self.at.index)
        if since:
            inside &= self.at >= pd.Timestamp(since, tz="UTC")
        if until:
            inside &= self.at < pd.Timestamp(until, tz="UTC")
        parts = (part[inside].reset_index(drop=True) for part in (self.X, self.y, self.groups, self.at))
        X, y, groups, at = parts
        return FeatureMatrix(
            X=X, y=y, groups=groups, at=at, directions=self.directions, reference=_name_of(at, self.reference)
        )


class Cohort:
    """The population of a guidance in an event store, read once, by the functions that train and serve."""

    def __init__(
        self,
        guidance: str | Path,
        store: str | Path,
        *,
        since: str = "",
        until: str = "",
        data_until: str = "",
        workers: int = 1,
    ) -> None:
        self._directory = guidance_folder(str(guidance))
        self._store = EventStore.open(Path(store))
        self._options = TrainOptions(workers=workers, since=since, until=until, data_end=data_until)

    @cached_property
    def _loaded(self) -> LoadedGuidance:
        if faults := check_guidance(self._directory):
            raise BadGuidance(faults)
        return load_guidance(self._directory)

    @property
    def guidance(self) -> Guidance:
        """What the guidance declares; BadGuidance names its faults."""
        return self._loaded.definition

    @cached_property
    def rows(self) -> CohortRows:
        """Every row of the population, whatever is known of its outcome."""
        since, until, data_end = self._options.moments()
        with worker_pool(self._options.workers) as pool:
            return read_cohort_rows(self._store, self._loaded, pool, since=since, until=until, data_end=data_end)

    @property
    def flow(self) -> pd.DataFrame:
        """The flow diagram: how many are here after each step, how many left, and of how many a thing is unknown."""
        return pd.DataFrame([{"step": one.step, "kind": one.kind, "n": one.n} for one in self.rows.flow.steps()])

    def outcomes(self, prediction: str = PRIMARY) -> pd.Series:
        """Rows by the state of their outcome."""
        return pd.Series(dict(self.rows.asked(prediction).outcomes), name="rows", dtype="int64")

    def matrix(self, prediction: str = PRIMARY) -> FeatureMatrix:
        """The rows that can be learned from."""
        if prediction not in self.guidance.all_predictions:
            raise BadInput(
                f"the guidance has no prediction {prediction!r}",
                place=self.guidance.id,
                remedy=f"Name one of: {', '.join(self.guidance.all_predictions)}",
            )
        rows = self.rows.asked(prediction).matured()
        features = self.guidance.features
        names = tuple(name for name, feature in features.items() if feature.use == "model")
        at = pd.Series(pd.to_datetime(rows.at, unit="us", utc=True), name="at")
        return FeatureMatrix(
            X=pd.DataFrame(rows.inputs(names), columns=list(names)),
            y=pd.Series(rows.y.astype(np.int64), name=prediction),
            groups=pd.Series(rows.patients, name="patient"),
            at=at,
            directions={name: features[name].direction for name in names if features[name].direction},
            reference=_name_of(at, "no stays"),
        )


def _name_of(at: pd.Series, otherwise: str) -> str:
    return f"stays of {at.min():%Y-%m-%d} to {at.max():%Y-%m-%d}" if len(at) else otherwise
