"""A real training on the made-up ward, of one kind of model: what stands in its pack is what is opened."""

from __future__ import annotations

import pytest

from services.learner.intake.ingest import ingest
from services.learner.retrain import Trained, train
from services.plumbing.event_store import EventStore
from tests.learner.made_up_ward import GUIDANCE, ward, write_guidance, write_ndjson

ADDITIVE = GUIDANCE.replace("[logistic, scorecard_additive, scorecard, forest]", "[scorecard_additive]")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """600 made-up patients, named as such."""
    folder = tmp_path_factory.mktemp("browser")
    ingest(write_ndjson(folder / "ward.ndjson", ward(600)), folder / "store", buckets=1)
    guidance = write_guidance(folder / "made-up-death", ADDITIVE)
    return train(guidance, EventStore.open(folder / "store"), folds=3, seed=0, data="synthetic")
