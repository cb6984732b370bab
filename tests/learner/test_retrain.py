"""Retraining: from the store to a release with evidence, the same every time, and honest about what it found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from services.guidance.errors import BadGuidance, Refused
from services.guidance.evidence import EVALUATION_FILE, Evaluation, decode_report
from services.guidance.models.model_file import load_model
from services.guidance.ready import open_release
from services.guidance.release import MODEL_FILE, pack, unpack
from services.learner.feature_matrix import read_cohort_rows
from services.learner.gate import must_be_proposable, reasons_against
from services.learner.intake.ingest import ingest
from services.learner.retrain import Trained, train
from services.learner.run_log import REPORT_FILE
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput
from tests.learner.made_up_ward import GUIDANCE, creatinine_of, ward, write_guidance, write_ndjson

QUICK = GUIDANCE.replace("[logistic, scorecard_additive, scorecard, forest]", "[logistic]")


def test_a_release_can_speak_and_its_evidence_reads_as_the_gates_read_it(trained: Trained) -> None:
    """The bundle opens, survives packing, and the pack holds an evaluation of this very release."""
    release = open_release(unpack(pack(trained.bundle), expected_digest=trained.bundle.digest))
    assert release.model.inputs == ("age", "male", "creatinine", "creatinines")
    evaluation = decode_report(trained.pack.files[EVALUATION_FILE], Evaluation, place=EVALUATION_FILE)
    assert evaluation == trained.evaluation
    assert evaluation.release == trained.bundle.digest == trained.pack.release
    assert set(evaluation.models) == {"logistic", "scorecard_additive", "scorecard", "forest"}
    assert 0.65 < evaluation.model.auroc < 0.95
    assert release.base_rate == pytest.approx(evaluation.events / evaluation.rows)
    assert release.reference["inputs"]["creatinine"]["median"] > 0


def test_the_result_has_the_shape_that_is_promised(trained: Trained) -> None:
    """`train --json`: models with intervals, the choice, the price of the glass box, the digests."""
    result = json.loads(json.dumps(trained.result()))
    assert {"guidance", "rows", "events", "models", "chosen", "price_of_glass_box", "release", "evidence"} <= set(
        result
    )
    scorecard = result["models"]["scorecard"]
    assert len(scorecard["auroc_ci"]) == 2
    assert set(scorecard["calibration_slope"]) == {"value", "ci"}
    assert set(result["price_of_glass_box"]) == {"auroc", "brier", "sentence"}
    assert result["chosen"] in result["models"]


def test_the_same_data_and_seed_give_the_same_digests(tmp_path: Path, trained: Trained) -> None:
    """Whatever the order of ingestion, the number of buckets' files and of workers: the same release and evidence."""
    resources = ward(700)
    store = None
    for i in range(3):
        ingest(write_ndjson(tmp_path / f"{i}.ndjson", resources[i::3][::-1]), tmp_path / "store", buckets=3)
        store = EventStore.open(tmp_path / "store")
    assert store is not None
    guidance = write_guidance(tmp_path / "made-up-death")
    again = train(guidance, store, folds=3, seed=0)
    assert again.bundle.digest == trained.bundle.digest
    assert again.pack.digest == trained.pack.digest


def test_another_seed_or_another_row_is_another_release(tmp_path: Path, ward_store: EventStore) -> None:
    """The digest is of what was learned."""
    guidance = write_guidance(tmp_path / "made-up-death", QUICK)
    first = train(guidance, ward_store, folds=3)
    fewer = train(guidance, ward_store, folds=3, until=first_of_june())
    assert fewer.evaluation.rows < first.evaluation.rows
    assert fewer.bundle.digest != first.bundle.digest
    assert "outside the period asked for" in fewer.pack.files["cohort.json"].decode()


def first_of_june() -> int:
    """A date in the middle of the ward's year."""
    from services.timeline.instants import parse_instant

    return parse_instant("2024-06-01")


def test_the_evidence_holds_no_patient_and_no_time_of_writing(trained: Trained) -> None:
    """No identifier of a patient, stay or result; nothing that would change the digest from day to day."""
    from datetime import UTC, datetime

    everything = b"".join(trained.pack.files.values()) + b"".join(trained.bundle.files.values())
    for told in (b"Patient/", b"Encounter/", b"Observation/c", b'"p1"', b'"e1"'):
        assert told not in everything
    assert datetime.now(UTC).strftime("%Y-%m-%d").encode() not in everything


def test_the_flow_accounts_for_every_stay(trained: Trained) -> None:
    """What enters is what leaves plus what is analysed, and every state of the outcome is counted."""
    cohort = json.loads(trained.pack.files["cohort.json"])
    here = {step["step"]: step["n"] for step in cohort["steps"] if step["kind"] == "here"}
    out = sum(step["n"] for step in cohort["steps"] if step["kind"] == "left out")
    assert here["stays"] - out == here["in the population"]
    assert sum(cohort["outcomes"].values()) == here["in the population"]
    assert cohort["outcomes"] == trained.evaluation.states


def test_the_matrix_is_the_same_with_two_workers(made_up_guidance: Path, ward_store: EventStore) -> None:
    """Bucket by bucket in order, whoever does the work."""
    from services.guidance.check import load_guidance

    loaded = load_guidance(made_up_guidance)
    found = []
    for workers in (1, 2):
        with worker_pool(workers) as pool:
            found.append(read_cohort_rows(ward_store, loaded, pool))
    for name in ("values", "states", "y", "patients", "at"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))
    assert len(np.unique(found[0].patients)) == len(found[0])


def test_an_input_that_tells_the_outcome_rings_the_alarm_and_is_not_proposed(tmp_path: Path) -> None:
    """A leak is found, named in the evidence and on the report, and the learner refuses to propose it."""
    resources = ward(300)
    died = {r["id"][1:] for r in resources if "exp" in json.dumps(r.get("hospitalization", {}))}
    for resource in resources:
        if resource["resourceType"] == "Observation":
            resource["valueQuantity"]["value"] = 9.0 if resource["id"][1:] in died else 1.0
    ingest(write_ndjson(tmp_path / "a.ndjson", resources), tmp_path / "store")
    leaky = train(write_guidance(tmp_path / "made-up-death", QUICK), EventStore.open(tmp_path / "store"), folds=3)
    assert any("creatinine" in alarm for alarm in leaky.evaluation.leaks.found)
    assert reasons_against(leaky.evaluation)
    assert b"Not to be proposed" in leaky.pack.files[REPORT_FILE]
    with pytest.raises(Refused, match="nothing is proposed"):
        must_be_proposable(leaky.evaluation)


def test_what_was_tested_in_no_later_time_is_not_proposed(trained: Trained) -> None:
    """Patients drawn at random are no proof for next year; only what the guidance declares lets it pass, to be accepted."""
    evaluation = trained.evaluation
    assert evaluation.tested_in_later_time
    assert reasons_against(evaluation) == []
    too_few = replace(evaluation.validations[0], auroc=None, unjudged="Too few.")
    said = "It was tested in no later time than it was fitted on: "
    for found, why in (((too_few,), "Too few."), ((), "It was not tried.")):
        untested = replace(evaluation, validations=found)
        assert reasons_against(untested) == [said + why]
        assert reasons_against(replace(untested, no_later_time="The dates are made up.")) == []


def test_what_became_known_later_is_not_read(tmp_path: Path) -> None:
    """A result issued after the moment of prediction is not among the features, however early it was taken."""
    resources = [r for r in ward(100) if r["resourceType"] != "Observation"]
    late = [creatinine_of(i, "2024-01-01", 9.0, issued="2024-12-31T00:00:00Z") for i in range(100)]
    ingest(write_ndjson(tmp_path / "a.ndjson", resources + late), tmp_path / "store")
    from services.guidance.check import load_guidance

    with worker_pool(1) as pool:
        rows = read_cohort_rows(
            EventStore.open(tmp_path / "store"), load_guidance(write_guidance(tmp_path / "g" / "made-up-death")), pool
        )
    assert np.isnan(rows.inputs(("creatinine",))).all()
    assert rows.proof.faults() == ()
    assert rows.proof.rows > 0


def test_the_chosen_model_is_the_one_in_the_release(trained: Trained) -> None:
    """The release's model is of the chosen kind, and its calibrated average is the average of the data."""
    model = load_model(trained.bundle.files[MODEL_FILE])
    assert trained.evaluation.chosen in {"scorecard", "forest"}
    assert model.inputs == ("age", "male", "creatinine", "creatinines")


def test_the_report_can_be_read_and_runs_nothing(trained: Trained) -> None:
    """One page: question, sentence, figures with their numbers, groups, annex; no script, nothing fetched."""
    page = trained.pack.files[REPORT_FILE].decode()
    assert "<script" not in page
    assert "src=" not in page
    assert "@import" not in page
    assert trained.bundle.digest in page
    for heading in (
        "What are we asked",
        "Can the stated risks be believed",
        "more good than harm",
        "worse or unknown",
        "not know",
    ):
        assert heading in page
    for figure in ("tree", "hundred", "calibration", "decision", "groups", "flow"):
        assert f'<figure class="chart" id="{figure}">' in page
    assert "Of 100" in page or " of " in page


def test_each_mistake_is_one_clear_message(tmp_path: Path, made_up_guidance: Path) -> None:
    """An empty store, a faulty guidance, nothing to learn from: said, with what to do."""
    empty = EventStore.open_or_create(tmp_path / "empty")
    with pytest.raises(BadInput, match="the event store is empty"):
        train(made_up_guidance, empty)
    bad = write_guidance(tmp_path / "bad", GUIDANCE.replace("kind: age,", "kind: aged,"))
    with pytest.raises(BadGuidance, match=r"guidance\.yaml"):
        train(bad, empty)
    ingest(
        write_ndjson(tmp_path / "p.ndjson", [{"resourceType": "Patient", "id": "p", "birthDate": "1950"}]),
        tmp_path / "p",
    )
    with pytest.raises(BadInput, match="no row can be learned from"):
        train(made_up_guidance, EventStore.open(tmp_path / "p"))
