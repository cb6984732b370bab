"""Several predictions in one training: each learned or weighed on its own, over one matrix and one set of folds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from services.guidance.check import check_guidance, load_guidance
from services.guidance.errors import Refused
from services.guidance.evidence import EVALUATION_FILE, Evaluation, decode_report
from services.guidance.ready import open_release
from services.learner import feature_matrix
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.gate import must_be_proposable, reasons_against
from services.learner.intake.ingest import ingest
from services.learner.models.splits import SharedFolds, patient_folds
from services.learner.retrain import Trained, train
from services.learner.run_log import REPORT_FILE
from services.learner.screen import show_training
from services.learner.workers import worker_pool
from services.plumbing.event_store import EventStore
from tests.learner.made_up_ward import write_guidance, write_ndjson
from tests.learner.several_predictions_ward import SEVERAL, busy_ward


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    """700 made-up patients with more that happens to them."""
    folder = tmp_path_factory.mktemp("busy")
    ingest(write_ndjson(folder / "ward.ndjson", busy_ward(700)), folder / "store", buckets=2)
    return EventStore.open(folder / "store")


@pytest.fixture(scope="module")
def guidance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guidance with four predictions."""
    folder = write_guidance(tmp_path_factory.mktemp("guidance") / "made-up-death", SEVERAL)
    assert check_guidance(folder) == []
    return folder


@pytest.fixture(scope="module")
def several(guidance: Path, store: EventStore) -> Trained:
    """Trained once for all tests here."""
    return train(guidance, store, folds=3, seed=0)


@pytest.fixture(scope="module")
def rows(guidance: Path, store: EventStore) -> CohortRows:
    """The matrix of all predictions."""
    with worker_pool(1) as pool:
        return read_cohort_rows(store, load_guidance(guidance), pool)


def test_each_prediction_has_evidence_of_its_own(several: Trained) -> None:
    """Learned ones with alarms, sample and choice; published ones weighed; the first at the top as ever."""
    evaluation = decode_report(several.pack.files[EVALUATION_FILE], Evaluation, place=EVALUATION_FILE)
    assert evaluation == several.evaluation
    assert set(evaluation.predictions) == {"icu", "fall", "heart"}
    icu, fall = evaluation.predictions["icu"], evaluation.predictions["fall"]
    assert set(icu.models) == {"logistic"}
    assert icu.leaks is not None
    assert icu.sample_size is not None
    assert icu.model is not None
    assert icu.model.auroc > 0.6
    assert icu.label == "intensive care within 3 days"
    assert fall.published is not None
    assert fall.published.observed_expected is not None
    assert fall.model is not None
    assert (fall.leaks, fall.sample_size, fall.price_of_glass_box) == (None, None, None)
    assert set(fall.models) == {"published", "recalibrated", "refitted"}


def test_the_average_of_a_published_score_is_its_mean_over_the_cohort(several: Trained, rows: CohortRows) -> None:
    """Not the share of events that happen to be known yet."""
    release = open_release(several.bundle)
    scores = rows.inputs(("healthy",))[:, 0]
    assert release.average("heart") == pytest.approx(float(np.nanmean(scores)))
    heart = several.evaluation.predictions["heart"].published
    assert heart is not None
    assert (heart.mean_risk, heart.scored) == (release.average("heart"), int(np.isfinite(scores).sum()))
    icu = several.evaluation.predictions["icu"]
    assert release.average("icu") == pytest.approx(icu.events / icu.rows)


def test_a_record_shorter_than_the_horizon_is_said_and_nothing_is_pretended(several: Trained) -> None:
    """Of 10 years nothing is known after one: no figure, one sentence, in report and result."""
    heart = several.evaluation.predictions["heart"]
    assert (heart.rows, heart.events, heart.models, heart.model) == (0, 0, {}, None)
    assert heart.unevaluated == (
        "Not judged here: the record is too short for the 3,650 days in which it may happen; no outcome is known yet."
    )
    assert heart.states["pending"] > 400
    assert heart.unevaluated in several.pack.files[REPORT_FILE].decode()
    assert several.result()["predictions"]["heart"]["unevaluated"] == heart.unevaluated


def test_only_rows_whose_horizon_has_passed_are_judged(guidance: Path, store: EventStore) -> None:
    """Events are known early and their absence late: to take them at once would make every risk look too low."""
    with worker_pool(1) as pool:
        early = read_cohort_rows(store, load_guidance(guidance), pool, data_end=moment("2024-07-20T00:00:00Z"))
    falls = early.by_prediction["fall"]
    assert falls.states["horizon-not-passed"] > 0
    settled = early.at[falls.y >= 0]
    assert int(settled.max()) + 10 * 86_400_000_000 <= moment("2024-07-20T00:00:00Z")


def moment(text: str) -> int:
    """An instant."""
    from services.timeline.instants import parse_instant

    return parse_instant(text)


def test_what_a_prediction_needs_decides_its_rows(rows: CohortRows) -> None:
    """Who is under 30, or without a score, is in the cohort and in none of these rows; each is counted by why."""
    age = rows.inputs(("age",))[:, 0]
    assert rows.by_prediction["icu"].computed.tolist() == (age >= 30).tolist()
    assert rows.by_prediction["icu"].states["not-meant"] == int((age < 30).sum())
    withheld = ~np.isfinite(rows.inputs(("healthy",))[:, 0])
    assert rows.by_prediction["fall"].states["score-withheld"] == int(withheld.sum()) > 0
    assert (rows.by_prediction["fall"].y[withheld] == -1).all()
    assert all(sum(one.states.values()) == len(rows) for one in rows.by_prediction.values())


def test_the_matrix_is_read_once(guidance: Path, store: EventStore) -> None:
    """Three more outcomes are three more columns of labels, not three more readings of the record."""
    read: list[int] = []
    train(
        guidance,
        store,
        folds=3,
        progress=lambda stage, done, _: read.append(done) if stage == "reading features" else None,
    )
    assert read == list(range(1, store.buckets + 1))
    assert feature_matrix.rows_of_bucket.__doc__ is not None


def test_fits_share_their_folds() -> None:
    """Whoever is tested in one outcome's fold is in the same fold of every other; alone they are the folds of before."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 2)
    first, second = (rng.integers(0, 2, 120).astype(np.int8) for _ in range(2))
    shared = SharedFolds(5, seed=3)
    some = patients < 40
    fold = shared.of(first[some], patients[some])
    assert fold.tolist() == patient_folds(first[some], patients[some], 5, seed=3).tolist()
    all_of_them = shared.of(second, patients)
    assert all_of_them[some].tolist() == fold.tolist()
    assert set(all_of_them.tolist()) == set(range(5))
    of_patient = {(int(p), int(f)) for p, f in zip(patients, all_of_them, strict=True)}
    assert len(of_patient) == 60


def test_an_alarm_of_any_prediction_stops_the_release(several: Trained) -> None:
    """A leak in one of several is a leak."""
    assert reasons_against(several.evaluation) == []
    must_be_proposable(several.evaluation)
    icu = several.evaluation.predictions["icu"]
    assert icu.leaks is not None
    leaking = msgspec.structs.replace(icu, leaks=msgspec.structs.replace(icu.leaks, found=("It rang.",)))
    evaluation = msgspec.structs.replace(
        several.evaluation, predictions=several.evaluation.predictions | {"icu": leaking}
    )
    assert reasons_against(evaluation) == ["icu: It rang."]
    with pytest.raises(Refused, match="icu: It rang"):
        must_be_proposable(evaluation)


def test_the_report_and_the_screen_show_each_prediction(several: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    """Calibration, benefit and groups of each that could be judged; the sentence of the one that could not."""
    page = several.pack.files[REPORT_FILE].decode()
    for heading in ("And the risk of intensive care within 3 days?", "And the risk of a fall in 10 days?"):
        assert heading in page
    for judged in ("", "icu-", "fall-"):  # three of four predictions could be judged
        assert f'<figure class="chart" id="{judged}calibration">' in page
        assert f'<figure class="chart" id="{judged}groups">' in page
    assert "nothing was learned or adjusted" in page
    show_training(several.result() | {"mlflow": None, "run": "r"})
    shown = capsys.readouterr().out
    assert "icu (intensive care within 3 days)" in shown
    assert "Not judged here" in shown
    assert {"icu.logistic.auroc", "fall.published.brier", "logistic.auroc"} <= set(several.metrics())


def test_the_evidence_tells_by_group_of_whom_it_was_looked_for(several: Trained, rows: CohortRows) -> None:
    """All first, then every group, on the page and in evidence.json; a prediction that names no test has no such table."""
    evidence = json.loads(several.pack.files["evidence.json"])["predictions"]
    told = evidence["fall"]["looks"]["tested"]
    judged = rows.asked("fall").matured()
    assert 0 < judged.looked_for.mean() < 1
    assert told[0]["value"] == "all"
    assert told[0]["rows"] == len(judged)
    assert told[0]["share"]["value"] == pytest.approx(judged.looked_for.mean())
    assert {one["attribute"] for one in told[1:]} >= {"age", "sex"}
    assert evidence["icu"]["looks"]["tested"] == []
    page = several.pack.files[REPORT_FILE].decode()
    assert page.count("Tested within the horizon, by group") == 1
    assert "Who was tested: a fall in 10 days" in page


def test_a_single_prediction_has_the_evidence_of_before(trained: Trained) -> None:
    """No new key in the report of a guidance that predicts one thing."""
    told = json.loads(trained.pack.files[EVALUATION_FILE])
    assert set(told) == {
        "guidance", "release", "from", "to", "rows", "events", "patients", "split", "models", "chosen",
        "price_of_glass_box", "leaks", "sample_size", "states", "validations",
    }  # fmt: skip


def test_a_guidance_may_learn_nothing_at_all(tmp_path: Path, store: EventStore) -> None:
    """A published score as the first prediction: weighed where it can be, else said; and its release opens."""
    text = SEVERAL.replace("\nmodel:\n  candidates: [logistic]\n", "\nmodel:\n  published: healthy\n")
    text = without_predictions(text).replace(
        "  kind: death-in-stay\n", "  kind: event\n  horizon_days: 3650\n  death: counts\n"
    )
    for feature in (
        "age: {kind: age,",
        "creatinines:\n    kind: count",
        "creatinine:\n    kind: last",
        "  male:\n    kind: last",
    ):
        text = text.replace(
            feature, feature.replace("kind:", "use: rule, kind:" if "{" in feature else "use: rule\n    kind:")
        )
    folder = write_guidance(
        tmp_path / "made-up-death", text.replace("    direction: 1\n", "").replace('detail: "{{', 'detail: "Look. {{')
    )
    assert check_guidance(folder) == []
    trained = train(folder, store, folds=3)
    assert trained.evaluation.unevaluated
    assert (trained.evaluation.chosen, trained.evaluation.leaks) == ("published", None)
    assert "a reviewer must accept that with a reason" in trained.pack.files[REPORT_FILE].decode()
    assert open_release(trained.bundle).model.inputs == ("healthy",)
    assert reasons_against(trained.evaluation) == []
    card: Mapping[str, Any] = json.loads(trained.pack.files["model_card.json"])
    assert card["not_evaluated"] == trained.evaluation.unevaluated


def without_predictions(text: str) -> str:
    """The guidance with its first prediction only."""
    start, end = text.index("predictions:\n"), text.index("\nmodel:\n") + 1
    return text[:start] + text[end:]
