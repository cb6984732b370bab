"""The `knowdo` command as a person types it: rooms, faults in one line, what is missing named, nothing loaded in vain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.command import EXTRAS, ROOMS

PROJECT = Path(__file__).resolve().parents[1]
READMISSION = PROJECT / "services" / "guidance" / "library" / "readmission-30d"
STUDY = PROJECT / "infra" / "demo" / "support2-hospital-death"
WITHOUT = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without())
from services.command import main
main()
"""
"""The command where some packages cannot be found, as after an install without an extra."""


def knowdo(*words: object, program: tuple[str, ...] = ("-m", "services.command")) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with none of our settings around it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KNOWDO_")}
    return subprocess.run(
        [sys.executable, *program, *map(str, words)], capture_output=True, text=True, check=False, timeout=120,
        cwd=PROJECT, env={**environment, "COLUMNS": "120"},
    )  # fmt: skip


def test_help_lists_every_room() -> None:
    """`knowdo --help` names the rooms and the platform's own verbs."""
    told = knowdo("--help")
    assert told.returncode == 0
    for word in (*ROOMS, "up", "version"):
        assert f"│ {word} " in told.stdout


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_opens(room: str) -> None:
    """The help of each room lists verbs of its own."""
    told = knowdo(room, "--help")
    assert told.returncode == 0, told.stderr
    assert f" {room} [OPTIONS] COMMAND [ARGS]..." in told.stdout


def test_a_fault_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """What a person can act on is said in one line on standard error, without a traceback."""
    told = knowdo("learner", "ingest", "/nonexistent", "--store", tmp_path / "store")
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.startswith("knowdo: /nonexistent: ")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("learner", "--help"), ("learner", "runs"), ("demo", "run", "--once")], ids=" ".join)
def test_a_missing_extra_is_named(words: tuple[str, ...], tmp_path: Path) -> None:
    """Where only the base is installed, one line says what is missing and how to get it, even if missed late."""
    more = ("--var", tmp_path / "var", "--patients", 200) if "run" in words else ()
    told = knowdo(*words, *more, program=("-c", WITHOUT.format(absent=set(EXTRAS))))
    assert told.returncode == 1
    assert told.stderr.startswith("knowdo: this needs the package ")
    assert told.stderr.endswith("pip install 'knowdo[learner]'\n")
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "var").exists()


def test_what_comes_with_the_base_is_not_asked_of_an_extra() -> None:
    """A broken install of the base is told apart from a missing extra."""
    told = knowdo("learner", "runs", program=("-c", WITHOUT.format(absent={"sqlalchemy"})))
    assert told.stderr == "knowdo: this needs the package sqlalchemy. Install it with: pip install 'knowdo'\n"


def test_the_schema_is_a_json_schema_that_knows_the_shipped_guidance() -> None:
    """`knowdo guidance schema` prints JSON; its keys are those of the grammar, and every reference in it leads somewhere."""
    told = knowdo("guidance", "schema")
    assert told.returncode == 0
    schema = json.loads(told.stdout)
    assert schema["type"] == "object"
    assert {"id", "version", "features", "outcome", "model"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    named = {line.split('"')[3] for line in told.stdout.splitlines() if '"$ref":' in line}
    assert named
    assert {name.removeprefix("#/$defs/") for name in named} <= set(schema["$defs"])


def test_shipped_guidance_has_no_faults() -> None:
    """`knowdo guidance check` has nothing to say about what is shipped."""
    for directory in (READMISSION, STUDY):
        told = knowdo("guidance", "check", directory)
        assert told.returncode == 0, told.stderr
        assert "no faults" in told.stdout


def test_an_unknown_key_is_named_with_its_line(tmp_path: Path) -> None:
    """A misspelt key is a fault with its line, for people and as JSON, and exit code 1."""
    lines = (STUDY / "guidance.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if line.startswith("title:"))
    lines.insert(place, "tittle: misspelt\n")
    (tmp_path / "guidance.yaml").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "value_sets.json").write_bytes((STUDY / "value_sets.json").read_bytes())
    told = knowdo("guidance", "check", tmp_path)
    assert told.returncode == 1
    assert f"guidance.yaml:{place + 1}: tittle: " in told.stderr
    assert "Traceback" not in told.stderr
    told = knowdo("guidance", "check", tmp_path, "--json")
    assert told.returncode == 1
    assert [(fault["line"], fault["path"]) for fault in json.loads(told.stdout)] == [(place + 1, "tittle")]


def test_the_bedside_command_loads_nothing_of_the_workshop() -> None:
    """`knowdo cds --help` imports neither mlflow nor scikit-learn, nor any other package of the learner."""
    program = (
        "import sys\nfrom services.command import main\n"
        "try:\n    main()\nfinally:\n    print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    told = knowdo("cds", "--help", program=("-c", program))
    assert told.returncode == 0
    loaded = set(told.stderr.split())
    assert "typer" in loaded
    assert loaded & set(EXTRAS) == set()
