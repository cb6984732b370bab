"""What was learned on one demo hospital beside the risks that chance was drawn from in another: nobody is in both."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from statsmodels.nonparametric.smoothers_lowess import lowess

from services.demo.hospital import RISKS, Hospital, write_hospital
from services.guidance.check import load_guidance
from services.guidance.models.model_file import load_model
from services.guidance.release import MODEL_FILE
from services.learner.evidence.metrics import logit
from services.learner.feature_matrix import read_cohort_rows
from services.learner.intake.ingest import ingest
from services.learner.retrain import Trained, train
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from services.timeline.instants import parse_instant

LIBRARY = Path(__file__).resolve().parents[2] / "services" / "guidance" / "library"
ENDS = date(2026, 6, 1)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Estimated risks of discharges beside the true ones."""

    estimated: Numbers
    true: Numbers

    @property
    def slope(self) -> tuple[float, float]:
        """Slope and its standard error: a binomial GLM of the true risk, a fraction, on the logit of the estimate."""
        fit = sm.GLM(self.true, sm.add_constant(logit(self.estimated)), family=sm.families.Binomial()).fit(
            cov_type="HC0"
        )
        return float(fit.params[1]), float(fit.bse[1])

    @property
    def ici(self) -> float:
        """Mean distance of the smooth curve of true risks from what was estimated."""
        smooth = lowess(self.true, self.estimated, it=0, delta=0.01 * float(np.ptp(self.estimated)))
        return float(np.abs(smooth[:, 1] - smooth[:, 0]).mean())


def lived(folder: Path, *, patients: int, seed: int, faults: bool = False) -> EventStore:
    """A hospital, written as FHIR and ingested; its true risks stay beside it, in `truth`."""
    hospital = Hospital.ending(ENDS, seed=seed, patients=patients, faults=faults)
    written = write_hospital(hospital, folder / "hospital", compress=patients > 10_000)
    ingest(written.fhir, folder / "store", terminology=written.terminology, quality=False)
    return EventStore.open(folder / "store")


def learned(
    folder: Path, store: EventStore, *, candidates: str, workers: int = 1, name: str = "readmission-30d"
) -> Trained:
    """A guidance as the library has it, with these kinds of model."""
    guidance = folder / name
    shutil.copytree(LIBRARY / name, guidance)
    text = (guidance / "guidance.yaml").read_text()
    (guidance / "guidance.yaml").write_text(
        text.replace("[logistic, scorecard_additive, scorecard, forest]", f"[{candidates}]")
    )
    return train(guidance, store, folds=5, seed=0, workers=workers)


def compared(trained: Trained, folder: Path, store: EventStore, guidance: Path, *, workers: int = 1) -> Compared:
    """The release on the discharges of a store, beside p / (1 - q): who dies first is not learned from.

    Discharges are told apart by their moment; the few that share one are left out.
    """
    with worker_pool(workers) as pool:
        rows = read_cohort_rows(store, load_guidance(guidance), pool).matured()
    model = load_model(trained.bundle.files[MODEL_FILE])
    estimated = dict(_alone(zip(rows.at.tolist(), model.risk(rows.inputs(model.inputs)).tolist(), strict=True)))
    with (folder / "hospital" / "truth" / RISKS).open(encoding="utf-8", newline="") as table:
        true = dict(
            _alone(
                (parse_instant(row["discharged"]), float(row["readmission_30d"]) / (1 - float(row["death_30d"])))
                for row in csv.DictReader(table)
            )
        )
    both = sorted(estimated.keys() & true.keys())
    assert len(both) > 0.9 * len(rows)
    return Compared(estimated=np.array([estimated[at] for at in both]), true=np.array([true[at] for at in both]))


def _alone(pairs: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """The pairs whose moment no other has."""
    seen: dict[int, list[float]] = {}
    for at, value in pairs:
        seen.setdefault(at, []).append(value)
    return [(at, values[0]) for at, values in seen.items() if len(values) == 1]
