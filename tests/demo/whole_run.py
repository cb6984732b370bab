"""The demo run to its card, as `make demo ONCE=1` runs it, on a small hospital: once for all tests, whichever worker asks first."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).resolve().parents[2]
PATIENTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRun:
    """What a run left behind. Its folder is read by several test files: who changes something works on a copy."""

    var: Path
    said: str
    """On standard output, and on standard error:"""
    aside: str


def demo_run(factory: pytest.TempPathFactory) -> DemoRun:
    """The run; a worker that comes while another makes it waits for it. A run that failed fails for all who ask."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo-run"
    folder.mkdir(exist_ok=True)
    status, said, aside = (folder / name for name in ("status", "said", "aside"))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not status.exists():
            environment = {name: value for name, value in os.environ.items() if not name.startswith("KNOWDO_")}
            words = ["demo", "run", "--patients", str(PATIENTS), "--once", "--var", str(folder / "var")]
            done = subprocess.run(
                [sys.executable, "-m", "services.command", *words], capture_output=True, text=True, check=False,
                timeout=280, cwd=PROJECT, env=environment | {"COLUMNS": "200"},
            )  # fmt: skip
            said.write_text(done.stdout, encoding="utf-8")
            aside.write_text(done.stderr, encoding="utf-8")
            status.write_text(str(done.returncode))
    run = DemoRun(var=folder / "var", said=said.read_text(encoding="utf-8"), aside=aside.read_text(encoding="utf-8"))
    assert status.read_text() == "0", run.said[-2000:] + run.aside[-2000:]
    return run
