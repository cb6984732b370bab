"""The benchmark of what the past costs is runnable; its figures are read by people, on a machine that they know."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.postgres import running_server


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_it_measures_and_says_what_it_measured(database: str) -> None:
    """A short run gives every figure, none of them zero."""
    if database == "postgresql":
        running_server()  # or a skip that says why
    words = ["--database", database, "--past", "1500", "--rounds", "2", "--decisions", "80", "--json"]
    run = subprocess.run(
        [sys.executable, "-m", "tests.load.cost_of_history", *words], capture_output=True, text=True, check=True
    )
    said = json.loads(run.stdout)
    assert (said["database"], said["past"]) == (database, 1500)
    assert min(said["us_after_1000"], said["us_after_past"], said["floor_us"]) > 0
