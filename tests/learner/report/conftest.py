"""The first prediction of the made-up ward, found once: one kind of model, no refits."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.guidance.check import load_guidance
from services.guidance.definition import PRIMARY, Guidance
from services.guidance.evidence import Evaluation
from services.learner.cohort import FlowStep
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.learn import Fitting, Found, find
from services.learner.models.splits import SharedFolds
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from tests.learner.made_up_ward import GUIDANCE, write_guidance

ADDITIVE = GUIDANCE.replace("[logistic, scorecard_additive, scorecard, forest]", "[scorecard_additive]")


@pytest.fixture(scope="session")
def guidance(tmp_path_factory: pytest.TempPathFactory) -> Guidance:
    """With one kind of model."""
    folder: Path = write_guidance(tmp_path_factory.mktemp("guidance") / "made-up-death", ADDITIVE)
    return load_guidance(folder).definition


@pytest.fixture(scope="session")
def everyone(ward_store: EventStore, tmp_path_factory: pytest.TempPathFactory) -> CohortRows:
    """All rows of the ward."""
    folder = write_guidance(tmp_path_factory.mktemp("guidance") / "made-up-death", ADDITIVE)
    with worker_pool(1) as pool:
        return read_cohort_rows(ward_store, load_guidance(folder), pool)


@pytest.fixture(scope="session")
def found(guidance: Guidance, everyone: CohortRows) -> Found:
    """Learned, weighed and looked at."""
    fitting = Fitting(folds=SharedFolds(3, seed=0), count=3, seed=0, workers=1, progress=lambda *_: None)
    return find(guidance, PRIMARY, everyone, fitting)


@pytest.fixture(scope="session")
def steps(everyone: CohortRows) -> list[FlowStep]:
    """The flow."""
    return everyone.flow.steps()


@pytest.fixture(scope="session")
def evaluation(found: Found) -> Evaluation:
    """What the pack would say."""
    judged = {name: getattr(found.judged, name) for name in found.judged.__struct_fields__}
    return Evaluation(
        **judged, guidance="made-up-death", release=f"sha256:{'a' * 64}", since="2024-01-01T00:00:00Z",
        until="2025-12-31T00:00:00Z", split="3-fold cross-validation, grouped by patient",
    )  # fmt: skip
