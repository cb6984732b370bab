"""`knowdo cds database` and `knowdo cds decisions erase`, on both databases."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from services.cds.commands import app
from services.cds.decisions.decision_log import MIGRATIONS, DecisionLog
from services.cds.decisions.records import Entry
from services.guidance.errors import Unavailable
from services.plumbing.database import open_database
from tests.cds.records import decision, feedback
from tests.cds.serving import environment, knowdo

runner = CliRunner()


@pytest.fixture
def here(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, named as an administrator would."""
    monkeypatch.setenv("KNOWDO_CDS_DATABASE_URL", database_url)
    monkeypatch.setenv("KNOWDO_VAR", str(tmp_path))
    return database_url


def test_status_tells_what_an_upgrade_would_change(here: str) -> None:
    """An empty database needs one (exit code 1); afterwards both commands say the same revision."""
    before = runner.invoke(app, ["database", "status", "--json"])
    assert (before.exit_code, json.loads(before.stdout)["revision"]) == (1, None)
    done = runner.invoke(app, ["database", "upgrade", "--json"])
    assert json.loads(done.stdout) == {"before": None, "after": MIGRATIONS.head}
    assert "already" in runner.invoke(app, ["database", "upgrade"]).stdout
    after = runner.invoke(app, ["database", "status", "--json"])
    assert after.exit_code == 0
    said = json.loads(after.stdout)
    assert said["revision"] == said["newest"] == MIGRATIONS.head
    assert said["days"] == (9 if here.startswith("postgresql") else 0)
    assert re.search(rf"revision +{MIGRATIONS.head}", runner.invoke(app, ["database", "status"]).stdout)


def test_a_patient_is_erased_on_request_and_only_the_number_is_kept(here: str, tmp_path: Path) -> None:
    """The row and the line that say so name no patient; a second request finds nothing."""
    log = DecisionLog(open_database(here))
    log.create()
    one = decision(patient="forget-me")
    log.write([Entry(decision=one), Entry(decision=decision()), feedback(card_uuid=one.card_uuid)])

    def typed(*words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        """In a process of its own, for the command sets up the log lines."""
        return subprocess.run(
            knowdo("cds", "decisions", "erase", *words),
            env=environment(tmp_path, KNOWDO_CDS_DATABASE_URL=here, KNOWDO_LOG_LEVEL="info"),
            input=answer, capture_output=True, text=True, check=True,
        )  # fmt: skip

    done = typed("--patient", "Patient/forget-me", "--yes", "--json")
    assert json.loads(done.stdout) == {"decisions": 1, "feedback": 1}
    assert '"action":"erase"' in done.stderr
    assert "forget-me" not in done.stdout + done.stderr
    with log.engine.connect() as connection:
        (row,) = connection.execute(text("SELECT role, action, patient, found FROM accesses")).all()
    assert tuple(row) == ("command line", "erase", "", 1)
    assert [row["patient"] for page in log.export(since=0) for row in page] == ["p1"]
    assert "erased: 0 decisions" in typed("--patient", "forget-me", answer="y\n").stdout
    log.close()


def test_no_log_is_made_where_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped folder is said, not filled with an empty database."""
    monkeypatch.setenv("KNOWDO_VAR", str(tmp_path / "elsewhere"))
    fault = runner.invoke(app, ["database", "status"]).exception
    assert isinstance(fault, Unavailable)
    assert not (tmp_path / "elsewhere").exists()
