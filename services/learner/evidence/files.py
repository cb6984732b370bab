"""The training evidence as files: the report that gates read, the flow, the data, and what a statistician asks for.

What was found, not when: no time of writing, no run id, no duration, so the same data and seed give the same digest.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec
import numpy as np

from services.guidance.definition import Guidance
from services.guidance.evidence import EVALUATION_FILE, Evaluation, encode_report
from services.guidance.features import ABSENT, UNKNOWN, VALUE
from services.learner.evidence.decision_curve import NetBenefit
from services.learner.evidence.evaluation import Performance
from services.learner.evidence.subgroups import SubgroupTable
from services.learner.evidence.workload import Workload
from services.learner.feature_matrix import CohortRows
from services.learner.models.recipes import ModelKind
from services.plumbing.event_store import EventStore

COHORT_FILE: Final = "cohort.json"
DATASET_FILE: Final = "dataset.json"
DETAILS_FILE: Final = "details.json"
CARD_FILE: Final = "model_card.json"
PACKAGES: Final = ("knowdo", "numpy", "scikit-learn", "scipy", "statsmodels", "pyarrow")


def evidence_files(
    *,
    evaluation: Evaluation,
    guidance: Guidance,
    store: EventStore,
    rows: CohortRows,
    inputs: tuple[str, ...],
    performances: Mapping[ModelKind, Performance],
    recipes: Mapping[ModelKind, Mapping[str, Any]],
    work: Workload,
    curve: tuple[NetBenefit, ...],
    groups: SubgroupTable,
    folds: int,
    seed: int,
) -> dict[str, bytes]:
    """Every file of the pack but the readable report."""
    return {
        EVALUATION_FILE: encode_report(evaluation),
        COHORT_FILE: as_json({"steps": rows.flow.steps(), "outcomes": dict(rows.outcomes)}),
        DATASET_FILE: as_json(dataset_manifest(evaluation, store, rows, inputs)),
        DETAILS_FILE: as_json(
            {
                "performances": performances,
                "recipes": recipes,
                "workload": work,
                "decision_curve": curve,
                "subgroups": groups,
                "folds": folds,
                "seed": seed,
                "software": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
            }
        ),
        CARD_FILE: as_json(model_card(evaluation, guidance, inputs)),
    }


def dataset_manifest(
    evaluation: Evaluation, store: EventStore, rows: CohortRows, inputs: tuple[str, ...]
) -> dict[str, Any]:
    """What the model was learned from: the store by digest, the period, and how much of each input was there."""
    shares = {}
    for name in inputs:
        states = rows.states[:, rows.names.index(name)]
        shares[name] = {
            said: round(float((states == state).mean()), 6)
            for said, state in (("value", VALUE), ("absent", ABSENT), ("unknown", UNKNOWN))
        }
    return {
        "store": store.digest,
        "events_in_store": store.rows,
        "patients_in_store": store.patients,
        "from": evaluation.since,
        "to": evaluation.until,
        "rows": evaluation.rows,
        "events": evaluation.events,
        "patients": evaluation.patients,
        "inputs": shares,
        "problems": dict(sorted(rows.problems.items())),
        "values_from_the_future": rows.future,
    }


def model_card(evaluation: Evaluation, guidance: Guidance, inputs: tuple[str, ...]) -> dict[str, Any]:
    """The basics of a model card, in the order of Model Facts; people write the rest in guidance.yaml."""
    model = evaluation.model
    return {
        "name": guidance.title,
        "guidance": guidance.id,
        "version": guidance.version,
        "release": evaluation.release,
        "kind": evaluation.chosen,
        "about": guidance.about.model_dump(mode="json"),
        "outcome": guidance.outcome.name,
        "population": guidance.population.model_dump(mode="json"),
        "inputs": {name: guidance.features[name].label for name in inputs},
        "trained_on": {"from": evaluation.since, "to": evaluation.until, "rows": evaluation.rows},
        "tested": evaluation.split,
        "auroc": {"value": model.auroc, "ci": model.auroc_ci},
        "brier": model.brier,
        "calibration_slope": model.calibration_slope,
        "price_of_glass_box": evaluation.price_of_glass_box.sentence,
        "known_limits": [
            "Tested on other patients of the same data, not on another site or a later time.",
            "Patients were treated as usual; the risk is that under such care, not the risk if nothing is done.",
        ],
        "risk_tier": guidance.policy.risk_tier,
    }


def reference_of(rows: CohortRows, inputs: tuple[str, ...], name: str) -> dict[str, Any]:
    """Whom a patient is compared with: the average risk, and each input's mean and median."""
    values = rows.inputs(inputs)
    summary = {}
    for place, feature in enumerate(inputs):
        known = values[~np.isnan(values[:, place]), place]
        summary[feature] = {
            "mean": float(known.mean()) if len(known) else None,
            "median": float(np.median(known)) if len(known) else None,
        }
    return {
        "name": name,
        "base_rate": float(rows.y.mean()),
        "n": len(rows),
        "events": int(rows.y.sum()),
        "inputs": summary,
    }


def as_json(content: object) -> bytes:
    """Readable JSON, the same bytes for the same content; what is not finite is null."""
    plain = msgspec.to_builtins(content, enc_hook=_plain, str_keys=True)
    return msgspec.json.format(msgspec.json.encode(_finite(plain), order="sorted"), indent=1)


def _plain(thing: object) -> object:
    if isinstance(thing, np.generic):
        return thing.item()
    raise TypeError(f"{type(thing).__name__} has no place in evidence")


def _finite(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: _finite(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_finite(value) for value in thing]
    return None if isinstance(thing, float) and not math.isfinite(thing) else thing
