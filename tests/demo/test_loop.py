"""The whole loop, as `make demo ONCE=1` runs it, on a small hospital."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from services.demo.loop import DemoOptions, run_demo
from services.demo.telling import Telling, how_to_call
from services.guidance.release import unpack
from services.timeline.errors import BadInput
from tests.demo.whole_run import DemoRun, demo_run


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """The demo run to its card, in a process of its own."""
    return demo_run(tmp_path_factory)


def test_the_demo_ends_with_a_card_of_the_release_it_trained(ran: DemoRun) -> None:
    """The card's source names the digest of the release that was trained in this very run."""
    var, said = ran.var, ran.said
    trained = re.search(r"Release (sha256:[0-9a-f]{64})", said)
    assert trained
    releases = list((var / "learner" / "runs").glob("*/release.zip"))
    assert [unpack(path.read_bytes()).digest for path in releases] == [trained[1]]
    assert f"/registry/releases/{trained[1]}/page" in said
    assert "30-day readmission risk" in said


def test_it_says_loudly_that_it_is_a_demonstration(ran: DemoRun) -> None:
    """The policy named demo is said first, and stands on the card."""
    assert ran.said.index("DEMONSTRATION") < ran.said.index("1 of 8")
    assert "Demonstration policy" in ran.said


def test_silence_came_before_the_pilot(ran: DemoRun) -> None:
    """The silent period was called through the real hooks, weighed, and filed before the votes for pilot."""
    said = ran.said
    steps = ["→ development", "→ silent", "no card shown", "decisions kept", "→ pilot", "of 13, LACE", "accepted, kept"]
    places = [said.index(step) for step in steps]
    assert places == sorted(places)


def test_wrong_units_are_said_and_the_sites_own_codes_are_known_to_both_sides(ran: DemoRun) -> None:
    """Ingest asks after the creatinine of Harbour; whoever goes on is told of the folder by which CDS knows local codes."""
    var, said = ran.var, ran.said
    assert re.search(
        r"Ask the laboratory: \d+ values .*2160-0 of Organization/site-1 say mg/dL .* look like umol/L", said
    )
    assert f"KNOWDO_CDS_TERMINOLOGY={var / 'hospital' / 'terminology'}" in said


def test_the_call_is_kept_to_be_made_again(ran: DemoRun) -> None:
    """The hook request that got the card lies in the folder, with all its prefetch."""
    request = json.loads((ran.var / "discharge.json").read_text(encoding="utf-8"))
    assert request["hook"] == "encounter-discharge"
    assert request["prefetch"]["encounter"]["status"] == "in-progress"


def test_nothing_else_talks_while_the_story_is_told(ran: DemoRun) -> None:
    """What the services log is in a file that is named at the end; MLflow's own lines are nowhere."""
    var, said, aside = ran.var, ran.said, ran.aside
    assert "Successfully registered" not in said + aside
    assert '"event"' not in aside
    lines = (var / "demo.log").read_text(encoding="utf-8").splitlines()
    assert {"registry", "cds"} <= {json.loads(line).get("service") for line in lines}
    assert str(var / "demo.log") in said


def test_what_is_to_be_typed_works_where_it_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By name if the shell finds it, else by its path from the current folder."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "my venv" / "bin" / "python"))
    (tmp_path / "my venv" / "bin").mkdir(parents=True)
    (tmp_path / "my venv" / "bin" / "knowdo").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert how_to_call() == "'my venv/bin/knowdo'"
    monkeypatch.chdir("/")
    assert how_to_call() == f"'{str(tmp_path).removeprefix('/')}/my venv/bin/knowdo'"


def test_the_truth_is_not_where_the_learner_reads(ran: DemoRun) -> None:
    """True risks lie beside the FHIR folder, not in it."""
    hospital = ran.var / "hospital"
    assert (hospital / "truth" / "true_risks.csv").is_file()
    assert {path.suffix for path in (hospital / "fhir").iterdir()} == {".ndjson"}


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    """The demo never clears away what it did not make."""
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "registry.sqlite").write_text("a real one")
    with pytest.raises(BadInput, match="not a demo"):
        run_demo(DemoOptions(var=tmp_path, patients=200, once=True), _silent())
    assert (tmp_path / "registry" / "registry.sqlite").read_text() == "a real one"


def test_a_taken_port_is_said_before_anything_is_done(tmp_path: Path) -> None:
    """That nothing can be served there is known in the first second, not after the training."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match="cannot listen"):
            run_demo(DemoOptions(var=tmp_path / "var", patients=200, port=port), _silent())
    assert not (tmp_path / "var").exists()


def test_a_small_hospital_is_silent_for_longer() -> None:
    """A month for 10,000 patients; with fewer, as long as it takes to have something to weigh."""
    assert DemoOptions(var=Path("var"), patients=10_000).silent_days == 30
    assert DemoOptions(var=Path("var"), patients=1_000).silent_days == 240


def _silent() -> Telling:
    from rich.console import Console

    return Telling(Console(quiet=True))
