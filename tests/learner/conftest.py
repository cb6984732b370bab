"""A made-up ward, ingested and trained on once for all tests of the learner."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.learner.intake.ingest import ingest
from services.learner.retrain import Trained, train
from services.plumbing.event_store import EventStore
from tests.learner.made_up_ward import ward, write_guidance, write_ndjson


@pytest.fixture(scope="session")
def made_up_guidance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small guidance."""
    return write_guidance(tmp_path_factory.mktemp("guidance") / "made-up-death")


@pytest.fixture(scope="session")
def ward_store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    """An event store of 700 made-up patients."""
    folder = tmp_path_factory.mktemp("ward")
    ingest(write_ndjson(folder / "ward.ndjson", ward(700)), folder / "store", buckets=3)
    return EventStore.open(folder / "store")


@pytest.fixture(scope="session")
def trained(made_up_guidance: Path, ward_store: EventStore) -> Trained:
    """A release of the made-up guidance, with all four models tried."""
    return train(made_up_guidance, ward_store, folds=3, seed=0)
