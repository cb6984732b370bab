"""A published score with a level and slope of the site's own: two numbers, tested on patients that they were not fitted to."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from services.guidance.check import check_guidance, load_guidance
from services.guidance.models.model_file import load_model
from services.guidance.models.published import Published, PublishedFile
from services.guidance.ready import open_release
from services.guidance.release import model_file
from services.learner.evidence.document import EVIDENCE_FILE, EvidenceDocument
from services.learner.feature_matrix import read_cohort_rows
from services.learner.intake.ingest import ingest
from services.learner.retrain import Trained, train
from services.learner.run_log import REPORT_FILE
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from tests.learner.made_up_ward import write_guidance, write_ndjson
from tests.learner.several_predictions_ward import SEVERAL, busy_ward

TEXT = SEVERAL.replace("      published: healthy\n", "      published: healthy\n      recalibrate: true\n", 1)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path, EventStore]:
    """A run of whose predictions one is a recalibrated score."""
    folder = tmp_path_factory.mktemp("busy")
    ingest(write_ndjson(folder / "ward.ndjson", busy_ward(500)), folder / "store", buckets=2)
    guidance = write_guidance(folder / "made-up-death", TEXT)
    assert check_guidance(guidance) == []
    store = EventStore.open(folder / "store")
    return train(guidance, store, folds=3), guidance, store


def test_it_is_right_on_average_and_keeps_the_publishers_order(found: tuple[Trained, Path, EventStore]) -> None:
    """Beside the score as printed, whose ranking is the same; the evidence says what was fitted."""
    trained, guidance, store = found
    evaluation = trained.evaluation.predictions["fall"]
    assert evaluation.chosen == "recalibrated"
    assert set(evaluation.models) == {"recalibrated", "published", "refitted"}
    ratio = evaluation.published.observed_expected
    assert ratio.ci[0] < 1 < ratio.ci[1]
    assert "level and slope fitted here" in trained.pack.files[REPORT_FILE].decode()
    model = load_model(trained.bundle.files[model_file("fall")])
    assert isinstance(model, Published)
    assert open_release(trained.bundle).models["fall"] == model
    with worker_pool(1) as pool:
        stated = read_cohort_rows(store, load_guidance(guidance), pool).asked("fall").inputs(("healthy",))
    risk, printed = model.risk(stated), Published(file=PublishedFile(feature="healthy")).risk(stated)
    assert (np.diff(risk[np.argsort(printed)]) >= 0).all()
    assert float(risk.mean()) == pytest.approx(evaluation.events / evaluation.rows, abs=0.02)
    explained = model.explain(stated[0])
    assert explained.risk == risk[0]
    assert explained.contributions == (explained.log_odds,)


def test_its_own_inputs_refitted_stand_beside_it_and_do_not_speak(found: tuple[Trained, Path, EventStore]) -> None:
    """A regression on what the score reads, out of fold, told as no longer the published score; of a score as printed too."""
    trained, _, _ = found
    document = msgspec.json.decode(trained.pack.files[EVIDENCE_FILE], type=EvidenceDocument)
    recipe = document.predictions["fall"].recipes["refitted"]
    assert (recipe["inputs"], recipe["score"]) == ("age, female", "healthy")
    performance = document.predictions["fall"].performances["refitted"]
    assert performance.observed_expected.ci[0] < 1 < performance.observed_expected.ci[1]
    assert performance.rows == document.predictions["fall"].judged.rows
    page = trained.pack.files[REPORT_FILE].decode()
    assert "Beside it, to compare and not to speak: refitted: a regression on the inputs of the score" in page


def test_nothing_published_is_nothing_to_recalibrate(tmp_path: Path) -> None:
    """A fault of the guidance, with its place."""
    text = SEVERAL.replace("\n  candidates: [logistic]\n", "\n  candidates: [logistic]\n  recalibrate: true\n")
    faults = check_guidance(write_guidance(tmp_path / "made-up-death", text))
    assert [fault.path for fault in faults] == ["model.recalibrate"]
