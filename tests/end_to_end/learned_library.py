"""Two shipped guidances, really learned on a small demo hospital: for what is disclosed of them, and for the way to general use.

Their words, limits and inputs are the library's; of kinds of model and of refits there are fewer, so that it stays quick.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from services.demo.hospital import Hospital, write_hospital
from services.guidance.checking.transparency import read_transparency
from services.guidance.definition import Guidance
from services.guidance.ready import read_definition
from services.guidance.transparency.disclosure import Transparency
from services.guidance.transparency.readings import Dated, Facts
from services.learner.feature_matrix import CohortRows
from services.learner.intake.ingest import ingest
from services.learner.learn import Fitting, Found, find
from services.learner.models.fitting import fit_candidates
from services.learner.retrain import Trained, train
from services.plumbing.event_store import EventStore

LIBRARY = Path(__file__).resolve().parents[2] / "services" / "guidance" / "library"
PATIENTS = 1200
FOLDS = 3
NAMES = ("readmission-30d", "in-hospital-mortality")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A guidance as it was learned, with the rows that it was learned from."""

    trained: Trained
    text: Mapping[str, Any]
    """`guidance.yaml` as it stands in the release, read by nobody but a YAML parser."""
    found: Mapping[str, Found]
    """By prediction."""
    risks: Mapping[str, Numbers] = field(default_factory=dict)
    """By prediction, the risk of each row by the model that was fitted without it."""

    @property
    def guidance(self) -> Guidance:
        """Its definition."""
        return read_definition(self.trained.bundle)

    @property
    def facts(self) -> Facts:
        """What is known of it with this evidence alone, proposed on a made-up day."""
        return Facts(
            guidance=self.guidance,
            release=self.trained.bundle.digest,
            disclosed=read_transparency(self.trained.bundle.files) or Transparency(),
            packs={"training": self.trained.pack},
            dates=(Dated(version=self.guidance.version, day="2026-06-02"),),
        )

    def file(self, name: str) -> Any:
        """A JSON file of the training pack."""
        return json.loads(self.trained.pack.files[name])


def lived(folder: Path) -> EventStore:
    """The hospital, written as FHIR and ingested."""
    hospital = Hospital.ending(date(2026, 6, 1), seed=7, patients=PATIENTS, faults=False)
    written = write_hospital(hospital, folder / "hospital", workers=1)
    ingest(written.fhir, folder / "store", terminology=written.terminology, quality=False, buckets=2)
    return EventStore.open(folder / "store")


def learned(name: str, folder: Path, store: EventStore) -> Learned:
    """The shipped guidance with two kinds of model and two refits."""
    guidance = folder / name
    shutil.copytree(LIBRARY / name, guidance)
    text = (guidance / "guidance.yaml").read_text(encoding="utf-8")
    text = text.replace("[logistic, scorecard_additive, scorecard, forest]", "[logistic, scorecard_additive]")
    text = text.replace("\nevidence:\n", "\nevidence:\n  refits: 2\n")
    (guidance / "guidance.yaml").write_text(text, encoding="utf-8")
    kept: dict[str, Found] = {}
    risks: dict[str, Numbers] = {}

    def finder(definition: Guidance, prediction: str, everyone: CohortRows, fitting: Fitting) -> Found:
        found = kept[prediction] = find(definition, prediction, everyone, fitting)
        risks[prediction] = _out_of_fold(definition, prediction, found, fitting)
        return found

    predictions = ["risk", *yaml.safe_load(text).get("predictions", {})]
    trained = train(guidance, store, folds=FOLDS, seed=0, finders=dict.fromkeys(predictions, finder))
    return Learned(trained=trained, text=yaml.safe_load(text), found=kept, risks=risks)


def _out_of_fold(guidance: Guidance, prediction: str, found: Found, fitting: Fitting) -> Numbers:
    """The chosen kind fitted once more on the same folds: what a report must come from, and nothing of the report."""
    rows = found.rows
    inputs = tuple(name for name, one in guidance.features.items() if one.use == "model")
    kind = found.judged.chosen
    candidates = fit_candidates(
        rows.inputs(inputs), rows.y, rows.patients, inputs,
        reference="the same rows", directions={name: guidance.features[name].direction for name in inputs},
        kinds=(kind,), folds=FOLDS, fold=fitting.folds.of(rows.y, rows.patients), seed=0, workers=1,
        tuning=guidance.all_predictions[prediction].model.tuning,
    )  # fmt: skip
    return candidates[kind].risk
