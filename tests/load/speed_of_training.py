"""A retraining as a person waits for it: `python -m tests.load.speed_of_training [--patients 10000] [--store DIR] [--json]`.

The demo hospital is made and ingested, then `knowdo learner train readmission-30d` runs with five folds: features, every kind of
model, evidence, report, release and MLflow. Wall and CPU seconds of all its processes, and the largest of them. `--store`: one
that is there already.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from services.plumbing.event_store import EventStore
from tests.load.figures import Figure, show
from tests.load.speed_of_ingest import cpu


def knowdo(*words: str, var: Path) -> None:
    """One command, to its end."""
    environment = {**os.environ, "KNOWDO_VAR": str(var), "KNOWDO_LEARNER_ENGINE": "processes"}
    command = [sys.executable, "-m", "services.command", *words]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def hospital(folder: Path, patients: int) -> Path:
    """The demo hospital, ingested."""
    knowdo(
        "demo", "hospital", "--patients", str(patients), "--seed", "7", "--out", str(folder / "hospital"), var=folder
    )
    store = folder / "store"
    knowdo("learner", "ingest", str(folder / "hospital" / "fhir"), "--store", str(store), "--no-quality", var=folder)
    return store


def main() -> None:
    """Make, ingest, train."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        store = asked.store or hospital(var, asked.patients)
        begun, used = time.perf_counter(), cpu()
        knowdo("learner", "train", "readmission-30d", "--store", str(store), "--folds", "5", "--json", var=var)
        wall, used = time.perf_counter() - begun, cpu() - used
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    opened = EventStore.open(store) if asked.store else None
    of = f"{opened.patients:,} patients, {opened.rows:,} events" if opened else f"{asked.patients:,} patients"
    figure = Figure(
        what=f"retraining readmission-30d, five folds, {of}",
        ours=f"{wall:.0f} s wall, {used:.0f} s CPU of all processes; largest process so far {largest:,.0f} MB",
        target="120 s",
    )
    show("A retraining, from the event store to the evidence", [figure], as_json=asked.json)


if __name__ == "__main__":
    main()
