"""services/learner/evidence/document.py: evidence.json, as a machine reads it; and the release that runs now beside the new one."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from services.guidance.evidence import EVALUATION_FILE
from services.guidance.release import ReleaseBundle
from services.learner.evidence.document import EVIDENCE_FILE, EvidenceDocument, schema
from services.learner.evidence.files import as_json
from services.learner.retrain import Trained, train
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from tests.learner.made_up_ward import GUIDANCE, write_guidance

QUICK = GUIDANCE.replace("[logistic, scorecard_additive, scorecard, forest]", "[logistic]").replace(
    "refits: 3", "refits: 0"
)


@pytest.fixture(scope="module")
def document(trained: Trained) -> EvidenceDocument:
    """The document of a real training run."""
    return msgspec.json.decode(trained.pack.files[EVIDENCE_FILE], type=EvidenceDocument)


def test_the_document_keeps_its_published_schema(trained: Trained, document: EvidenceDocument) -> None:
    """Every byte is valid by the schema, and reading and writing it again gives the same bytes."""
    told = trained.pack.files[EVIDENCE_FILE]
    jsonschema_rs.validator_for(schema()).validate(json.loads(told))
    assert as_json(document) == told


def test_the_document_says_what_the_gates_read(trained: Trained, document: EvidenceDocument) -> None:
    """The same counts and AUROC as evaluation.json, the limits of the guidance, the flow of the cohort."""
    gates = json.loads(trained.pack.files[EVALUATION_FILE])
    first = document.predictions["risk"]
    assert document.release == gates["release"] == trained.bundle.digest
    assert first.judged.rows == gates["rows"]
    assert first.performances[first.judged.chosen].auroc.value == gates["models"][gates["chosen"]]["auroc"]
    assert document.limits["refits"] == 3
    assert document.flow[0].step == "patients in the event store"
    assert first.looks is not None
    assert first.looks.instability is not None
    assert first.looks.instability.samples == 3
    assert first.looks.instability.kind == first.judged.chosen


def test_what_was_tried_within_the_budget_stands_in_the_document(tmp_path: Path, ward_store: EventStore) -> None:
    """Settings with their inner scores, the one that the model was fitted with."""
    text = QUICK.replace("  candidates: [logistic]\n", "  candidates: [logistic]\n  tuning: {settings: 2}\n")
    folder = write_guidance(tmp_path / "made-up-death", text)
    trained = train(folder, ward_store, folds=2)
    told = trained.pack.files[EVIDENCE_FILE]
    jsonschema_rs.validator_for(schema()).validate(json.loads(told))
    first = msgspec.json.decode(told, type=EvidenceDocument).predictions["risk"]
    found = first.tuning["logistic"]
    assert len(found.tried) == 2
    assert len(found.chosen_in_folds) == 2
    assert found.ended_by == "settings"
    taken = found.tried[found.chosen].setting.get("inverse_penalty", 1.0)
    assert first.recipes["logistic"]["inverse_penalty"] == taken


def test_nothing_in_the_document_says_when_it_was_made(trained: Trained) -> None:
    """No time of writing, run or duration: the digest is of what was found."""
    keys = set[str]()

    def walk(part: object) -> None:
        if isinstance(part, dict):
            keys.update(part)
        for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            walk(one)

    walk(json.loads(trained.pack.files[EVIDENCE_FILE]))
    assert not keys & {"seconds", "duration", "run", "run_id", "created", "written", "timestamp", "host"}


def test_the_release_that_runs_now_stands_beside_the_new_one(
    trained: Trained, ward_store: EventStore, tmp_path: Path
) -> None:
    """Given what runs, the evidence holds the new model against it, names it by digest, and says what flatters it."""
    new = train(write_guidance(tmp_path / "made-up-death", QUICK), ward_store, folds=3, running=trained.bundle)
    document = msgspec.json.decode(new.pack.files[EVIDENCE_FILE], type=EvidenceDocument)
    assert document.against == trained.bundle.digest
    looks = document.predictions["risk"].looks
    assert looks is not None
    assert looks.instability is None
    assert looks.old_and_new[0].kind == "incumbent"
    assert [line.kind for line in looks.benefit.lines][:3] == ["model", "everyone", "incumbent"]
    assert "flatters" in looks.rivals[0].made
    assert "incumbent" not in {one.kind for one in looks.not_compared}


def test_a_release_of_another_guidance_is_refused(trained: Trained, ward_store: EventStore, tmp_path: Path) -> None:
    """What runs for another purpose is no comparison; it is said before anything is read."""
    other = ReleaseBundle(guidance="another", version="1.0.0", files=trained.bundle.files)
    with pytest.raises(BadInput, match="is of another"):
        train(write_guidance(tmp_path / "made-up-death", QUICK), ward_store, running=other)
