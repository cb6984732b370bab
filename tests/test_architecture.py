"""The house itself under test: what every room must have, and what none may grow into."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SERVICES = PROJECT / "services"
SOURCES = sorted(SERVICES.rglob("*.py"))
GUIDANCE = sorted([*SERVICES.glob("guidance/library/*/guidance.yaml"), *PROJECT.glob("infra/demo/*/guidance.yaml")])

LONG_FILES: dict[str, str] = {
    "services/registry/migrations/versions/r0001_before_migrations.py": "a frozen copy of every table, one column a line",
}
"""Files over 300 lines, each with the reason that it is one job all the same."""


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_file_is_over_300_lines_without_a_stated_reason(source: Path) -> None:
    """Two jobs are two files."""
    lines = len(source.read_text(encoding="utf-8").splitlines())
    assert lines <= 300 or str(source.relative_to(PROJECT)) in LONG_FILES, f"{source.name} has {lines} lines"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_file_says_its_job(source: Path) -> None:
    """The first thing in a file is the sentence that says what it is for."""
    assert source.read_text(encoding="utf-8").startswith('"""')


def test_no_drawer_for_odds_and_ends() -> None:
    """A file is named by what it does; `utils` is not a job."""
    assert [path.name for path in SOURCES if path.stem in {"utils", "util", "common", "helpers", "misc"}] == []


@pytest.mark.parametrize("definition", GUIDANCE, ids=lambda path: path.parent.name)
def test_every_shipped_guidance_has_a_test_and_a_page(definition: Path) -> None:
    """A guidance is one folder, one test and one page in the docs."""
    name = definition.parent.name
    assert (PROJECT / "docs" / "guidance" / f"{name}.md").is_file()
    tests = "".join(path.name for path in (PROJECT / "tests" / "guidance").glob("test_*.py"))
    assert name.replace("-", "_") in tests, f"no tests/guidance/test_…{name.replace('-', '_')}….py"


def test_some_guidance_is_shipped() -> None:
    """The check above looked at something."""
    assert {path.parent.name for path in GUIDANCE} >= {"readmission-30d", "support2-hospital-death"}


def test_the_bedside_never_imports_the_workshop() -> None:
    """Importing the CDS service loads none of mlflow, pandas, scikit-learn, scipy, pyarrow."""
    heavy = ["mlflow", "pandas", "sklearn", "scipy", "pyarrow", "statsmodels"]
    code = f"import sys, services.cds.app; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_the_lock_of_the_bedside_holds_no_workshop() -> None:
    """The lock that the cds image installs names none of them either."""
    names = set(
        re.findall(r"^([a-z0-9-]+)==", (PROJECT / "infra/locks/cds.txt").read_text(encoding="utf-8"), flags=re.M)
    )
    assert not names & {"mlflow", "mlflow-skinny", "pandas", "scikit-learn", "scipy", "pyarrow"}


@pytest.mark.parametrize("lock", ["all", "build", "cds", "full", "spark"])
def test_locks_hold_names_versions_and_hashes_and_no_address(lock: str) -> None:
    """Any index can serve a lock, and none can slip another file under it."""
    text = (PROJECT / f"infra/locks/{lock}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z0-9])", text.strip()))


def test_no_source_unpickles() -> None:
    """No pickle is ever loaded: not by pickle, joblib, cloudpickle, dill or numpy."""
    banned = re.compile(r"\b(pickle|joblib|cloudpickle|dill)\.(loads?|Unpickler)\b|allow_pickle\s*=\s*True")
    assert [path.name for path in SOURCES if banned.search(path.read_text(encoding="utf-8"))] == []


def test_the_arrows_hold() -> None:
    """import-linter's contracts hold: arrows run down, siblings never meet, the pure floors open no doors."""
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:]
