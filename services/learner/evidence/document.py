"""`evidence.json`: everything that the report shows, as one document with a published schema.

`evaluation.json` stays what the gates read: small, and the same in every guidance. Here is what stands behind it. Nothing
says when or where it was reckoned: the same data, guidance and seed give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from services.guidance.evidence import Judged
from services.learner.cohort import FlowStep
from services.learner.evidence.evaluation import Performance
from services.learner.evidence.looks import Looks
from services.learner.models.tuning import Search

EVIDENCE_FILE: Final = "evidence.json"
SCHEMA_ID: Final = "urn:knowdo:schema:evidence:1"
SCHEMA_FILE: Final = "evidence.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionEvidence:
    """One prediction, learned or published."""

    label: str
    judged: Judged
    """What the gates read of it."""
    performances: dict[str, Performance]
    """By kind of model."""
    recipes: dict[str, dict[str, float | int | str]]
    """By kind, the setting that the model was fitted with."""
    tuning: dict[str, Search]
    """By kind, what was tried within the budget that the guidance declares, and what was not; empty: nothing was searched."""
    looks: Looks | None
    """None: it could not be judged, and `judged` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceDocument:
    """The training evidence of one release."""

    schema: Literal["urn:knowdo:schema:evidence:1"] = SCHEMA_ID
    guidance: str
    version: str
    title: str
    release: str
    """Digest of the release that holds the models."""
    since: str
    """First index time of the rows, RFC 3339."""
    until: str
    split: str
    folds: int
    seed: int
    against: str | None = None
    """Digest of the release that runs now, where one was given to compare with."""
    limits: dict[str, Any]
    """`evidence` of the guidance: what the verdicts were held against, fixed before the data."""
    flow: tuple[FlowStep, ...]
    """Eligible, left out with the reason, analysed (F9)."""
    dataset: dict[str, Any]
    """The store by digest, and how much of each input was there."""
    software: dict[str, str]
    predictions: dict[str, PredictionEvidence]
    """By name; the first is `risk`."""


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of evidence.json."""
    found = msgspec.json.schema(EvidenceDocument)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Knowdo training evidence",
        **found,
    }
