"""The commands: exit codes, JSON that is JSON, and messages that say what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.learner.commands import app
from services.timeline.errors import BadInput, KnowdoError
from tests.learner.made_up_ward import GUIDANCE, day_of, ward, write_guidance, write_ndjson

runner = CliRunner()
QUICK = GUIDANCE.replace("[logistic, scorecard_additive, scorecard, forest]", "[logistic]")


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for everything that the commands keep."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture(autouse=True)
def _environment(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands read their settings from the environment."""
    monkeypatch.setenv("KNOWDO_VAR", str(var))
    monkeypatch.setenv("USER", "ada")


def run(*words: object, fails: bool = False) -> Result:
    """Run a command; a fault of ours is raised, as `knowdo` would print it."""
    result = runner.invoke(app, [str(w) for w in words])
    if isinstance(result.exception, KnowdoError):
        raise result.exception
    assert (result.exit_code != 0) == fails, result.output
    return result


@pytest.fixture(scope="module")
def result(var: Path) -> dict[str, Any]:
    """Ingest and train, once, by command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KNOWDO_VAR", str(var))
        write_ndjson(var / "ward.ndjson", ward(300))
        report = json.loads(run("ingest", var / "ward.ndjson", "--json").stdout)
        assert report["patients"] == 300
        write_guidance(var / "made-up-death", QUICK)
        told: dict[str, Any] = json.loads(
            run("train", var / "made-up-death", "--folds", 3, "--workers", 1, "--json").stdout
        )
    return told


def test_train_prints_json_and_nothing_else(result: dict[str, Any], var: Path) -> None:
    """Standard output is the result; the run, its files and the MLflow version are there."""
    assert result["release"].startswith("sha256:")
    assert result["mlflow"]["model"] == "made-up-death"
    assert result["mlflow"]["version"] == "1"
    folder = var / "learner" / "runs" / result["run"]
    assert {p.name for p in folder.iterdir()} == {"release.zip", "evidence.zip", "report.html", "result.json"}
    assert json.loads((folder / "result.json").read_bytes()) == result


def test_runs_are_listed_and_the_report_is_written(result: dict[str, Any], tmp_path: Path) -> None:
    """The newest first, with digests; the page as it was made."""
    listed = json.loads(run("runs", "--json").stdout)
    assert [r["release"] for r in listed if r["state"] == "done"] == [result["release"]]
    run("report", "last", "--out", tmp_path / "evidence.html")
    assert result["release"] in (tmp_path / "evidence.html").read_text()
    assert "made-up-death" in run("runs").stdout


def test_ingest_says_what_it_skipped_and_fails_for_what_is_missing(tmp_path: Path) -> None:
    """Bad lines are warnings (exit 0); an archive that is cut short is exit 1, after what was good was kept."""
    path = write_ndjson(tmp_path / "a.ndjson", ward(3))
    path.write_text(path.read_text() + '{"resourceType": \n')
    assert "broken JSON" in run("ingest", path, "--store", tmp_path / "s").stdout
    import gzip

    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(path.read_bytes())[:-20])
    told = run("ingest", tmp_path / "b.ndjson.gz", "--store", tmp_path / "s2", fails=True).stdout
    assert "truncated" in told
    with pytest.raises(BadInput, match="no such file"):
        run("ingest", tmp_path / "c.ndjson")


def test_each_mistake_names_its_place_and_its_remedy(tmp_path: Path, var: Path, result: dict[str, Any]) -> None:
    """No store, no guidance, no date, no release that runs, no registry, no run."""
    with pytest.raises(KnowdoError, match="no event store here"):
        run("train", "readmission-30d", "--store", tmp_path)
    with pytest.raises(KnowdoError, match="no such guidance"):
        run("train", "nothing-of-the-kind")
    with pytest.raises(KnowdoError, match="--from: no date"):
        run("train", "readmission-30d", "--from", "yesterday")
    with pytest.raises(KnowdoError, match="--against: no run here made this release"):
        run("train", var / "made-up-death", "--against", f"sha256:{'0' * 64}")
    with pytest.raises(KnowdoError, match="no registry is named"):
        run("propose", "last")
    with pytest.raises(KnowdoError, match="no registry is named"):
        run("train", "readmission-30d", "--propose")
    with pytest.raises(KnowdoError, match="no such run"):
        run("propose", "20200101-000000-abcdef")
    (tmp_path / "d.ndjson").write_text("")
    with pytest.raises(KnowdoError, match=r"made-up-death|no such guidance"):
        run("silent", "readmission-30d", "--decisions", tmp_path / "d.ndjson", "--release", result["release"])


def test_a_silent_period_is_weighed_from_a_file_and_says_what_was_not_counted(
    result: dict[str, Any], var: Path, tmp_path: Path
) -> None:
    """Decisions come from a file or from the service, one of them; the sentences name source, burden and what was left out."""
    words = ("silent", var / "made-up-death", "--release", result["release"])
    with pytest.raises(KnowdoError, match="from --decisions or from --cds, one of them"):
        run(*words)
    with pytest.raises(KnowdoError, match="one of them"):
        run(*words, "--decisions", tmp_path, "--cds", "https://cds.example.org")
    with pytest.raises(KnowdoError, match="without TLS"):
        run(*words, "--cds", "http://cds.example.org")
    lines = [
        {
            "decision": f"d{i}", "at": f"{day_of(i)}T20:00:00Z", "index_at": f"{day_of(i)}T20:00:00Z", "stage": "silent",
            "guidance": "made-up-death", "release": result["release"] if i else "sha256:old", "patient": f"p{i}",
            "encounter": f"e{i}", "status": "below-band", "risk": 0.1, "user": f"Practitioner/u{i % 3}",
        }
        for i in range(60)
    ]  # fmt: skip
    (tmp_path / "d.ndjson").write_text("".join(json.dumps(line) + "\n" for line in [*lines, lines[-1]]))
    shown = " ".join(run(*words, "--decisions", tmp_path / "d.ndjson").stdout.split())
    assert "59 decisions that the CDS service made and kept as the calls came" in shown
    assert "Not counted: 1 exported twice, 1 of other releases" in shown
    told = json.loads(run(*words, "--decisions", tmp_path / "d.ndjson", "--json").stdout)
    assert (told["repeated"], told["other_releases"]) == (1, {"sha256:old": 1})
    assert told["silent"]["bedside"]["clinicians"] == 3


def test_a_failed_run_is_logged_with_its_reason() -> None:
    """What went wrong can be read later, too."""
    listed = json.loads(run("runs", "--json").stdout)
    assert any(r["state"] == "failed" and "no date" in (r["fault"] or "") for r in listed)
