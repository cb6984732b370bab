"""The training evidence as files: the report that gates read, the flow, the data, and what a statistician asks for.

What was found, not when: no time of writing, no run id, no duration, so the same data and seed give the same digest.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from services.guidance.definition import PRIMARY, Guidance
from services.guidance.evidence import EVALUATION_FILE, Evaluation, JudgedPrediction, encode_report
from services.guidance.features import ABSENT, UNKNOWN, VALUE
from services.learner.evidence.document import EVIDENCE_FILE, EvidenceDocument, PredictionEvidence
from services.learner.feature_matrix import CohortRows
from services.plumbing.event_store import EventStore

if TYPE_CHECKING:  # what is written here is found there, with the help of this file
    from services.learner.learn import Found

COHORT_FILE: Final = "cohort.json"
DATASET_FILE: Final = "dataset.json"
CARD_FILE: Final = "model_card.json"
PACKAGES: Final = ("knowdo", "numpy", "scikit-learn", "scipy", "statsmodels", "pyarrow")


def evidence_files(
    *,
    evaluation: Evaluation,
    guidance: Guidance,
    store: EventStore,
    found: Mapping[str, Found],
    folds: int,
    seed: int,
    against: str | None = None,
) -> dict[str, bytes]:
    """Every file of the pack but the readable report."""
    first, rows, inputs = found[PRIMARY], found[PRIMARY].rows, _inputs(guidance, found)
    dataset = dataset_manifest(evaluation, store, rows, inputs)
    document = EvidenceDocument(
        guidance=guidance.id,
        version=guidance.version,
        title=guidance.title,
        release=evaluation.release,
        since=evaluation.since,
        until=evaluation.until,
        split=evaluation.split,
        folds=folds,
        seed=seed,
        against=against,
        limits=guidance.evidence.model_dump(mode="json"),
        flow=tuple(first.rows.flow.steps()),
        dataset=dataset,
        software={name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        predictions={
            name: PredictionEvidence(
                label=guidance.all_predictions[name].label,
                judged=one.judged,
                performances=dict(one.performances),
                recipes={kind: dict(recipe) for kind, recipe in one.recipes.items()},
                tuning=dict(one.tuning),
                looks=one.looks,
            )
            for name, one in found.items()
        },
    )
    return {
        EVALUATION_FILE: encode_report(evaluation),
        COHORT_FILE: as_json({"steps": rows.flow.steps(), "outcomes": dict(rows.outcomes)}),
        DATASET_FILE: as_json(dataset),
        EVIDENCE_FILE: as_json(document),
        CARD_FILE: as_json(model_card(evaluation, guidance, inputs)),
    }


def _inputs(guidance: Guidance, found: Mapping[str, Found]) -> tuple[str, ...]:
    """What any of the models reads, in the order of the guidance."""
    read = {name for one in found.values() for name in one.model.inputs}
    return tuple(name for name in guidance.features if name in read)


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
        "values_from_the_future": rows.proof.future.total(),
        "rows_with_canaries": rows.proof.rows,
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
        "auroc": None if model is None else {"value": model.auroc, "ci": model.auroc_ci},
        "brier": None if model is None else model.brier,
        "calibration_slope": None if model is None else model.calibration_slope,
        "price_of_glass_box": evaluation.price_of_glass_box and evaluation.price_of_glass_box.sentence,
        **({"not_evaluated": evaluation.unevaluated} if evaluation.unevaluated else {}),
        **(
            {"predictions": {name: _of_other(one) for name, one in others.items()}}
            if (others := evaluation.predictions)
            else {}
        ),
        "known_limits": [
            "Tested on other patients of the same data, not on another site or a later time.",
            "Patients were treated as usual; the risk is that under such care, not the risk if nothing is done.",
        ],
        "risk_tier": guidance.policy.risk_tier,
    }


def _of_other(judged: JudgedPrediction) -> dict[str, Any]:
    """A further prediction on the card."""
    model = judged.model
    return {
        "outcome": judged.label,
        "kind": judged.chosen,
        "rows": judged.rows,
        "auroc": None if model is None else {"value": model.auroc, "ci": model.auroc_ci},
        "not_evaluated": judged.unevaluated or None,
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
