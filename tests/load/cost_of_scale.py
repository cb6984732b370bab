"""What many patients cost: `python -m tests.load.cost_of_scale [--patients 10000 100000 1000000] [--json]`.

For each number of patients a store is written straight as events (`many_patients`) and merged as an ingest merges; then the
features of the readmission guidance are read of all of them, with their labels and the proof of their times. The cost is
CPU of all processes per event, which should be the same for all; and the peak memory of the largest worker, which should be
that of a bucket. What grows in the first process is the matrix itself.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.progress import Progress

from services.guidance.check import load_guidance
from services.learner.engines.engine import EngineName, open_engine
from services.learner.feature_matrix import read_cohort_rows
from tests.load.figures import Figure, show
from tests.load.hospital_call import LIBRARY
from tests.load.many_patients import many_patients, pattern_of
from tests.load.speed_of_ingest import cpu

SIZES: Final = (10_000, 100_000, 1_000_000)


def measure(pattern: Path, folder: Path, patients: int, workers: int) -> dict[str, float]:
    """One number of patients, in this process and its workers."""
    found: dict[str, float] = {"patients": patients}
    engine: EngineName = "processes" if workers > 1 else "embedded"
    with Progress(disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"{patients:,} patients", total=None)
        with open_engine(engine, workers=workers) as pool:
            begun, wall = cpu(), time.perf_counter()
            store = many_patients(pattern, folder, patients, pool, done=lambda _: bar.advance(task))
        found |= {
            "events": store.rows, "buckets": store.buckets,
            "write_cpu": cpu() - begun, "write_wall": time.perf_counter() - wall, "write_peak": peak(),
        }  # fmt: skip
        with open_engine(engine, workers=workers) as pool:
            begun, wall = cpu(), time.perf_counter()
            rows = read_cohort_rows(store, load_guidance(LIBRARY), pool, on_bucket=lambda _: bar.advance(task))
    # Peaks are those of the largest so far: that of reading is above that of writing, or is as high.
    return found | {
        "rows": len(rows), "features": len(rows.names), "matrix_megabytes": (rows.values.nbytes + rows.states.nbytes) / 2**20,
        "read_cpu": cpu() - begun, "read_wall": time.perf_counter() - wall, "read_peak": peak(),
        "first_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "disk_megabytes": sum(path.stat().st_size for path in folder.iterdir()) / 2**20,
    }  # fmt: skip


def peak() -> float:
    """Megabytes of the largest worker so far; of this process, where it had none."""
    of = (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
    return next(mb for who in of if (mb := resource.getrusage(who).ru_maxrss / 1024))


def figures(found: dict[str, float], smallest: dict[str, float]) -> Figure:
    """One line: the cost of an event, beside that of the smallest number of patients."""
    events = found["events"]
    write, read = (found[name] / events * 1e6 for name in ("write_cpu", "read_cpu"))
    first = [smallest[name] / smallest["events"] * 1e6 for name in ("write_cpu", "read_cpu")]
    return Figure(
        what=f"{found['patients']:,.0f} patients, {events:,.0f} events, {found['buckets']:.0f} buckets, "
        f"{found['rows']:,.0f} rows x {found['features']:.0f} features; {found['disk_megabytes']:,.0f} MB on disk",
        ours=f"{write:.2f} µs CPU an event to write and merge ({found['write_wall']:.0f} s wall), "
        f"{read:.2f} µs to read the matrix ({found['read_wall']:.0f} s wall); "
        f"largest worker {found['read_peak']:,.0f} MB, first process {found['first_peak']:,.0f} MB "
        f"(of it the matrix {found['matrix_megabytes']:,.0f} MB)",
        target=f"{first[0]:.2f} and {first[1]:.2f} µs, as for {smallest['patients']:,.0f} patients",
    )


def main() -> None:
    """Each number of patients in a process of its own, so that peaks are its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, nargs="+", default=SIZES)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pattern", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.pattern is not None:
            found = measure(asked.pattern, Path(folder) / "store", asked.patients[0], asked.workers)
            sys.stdout.write(json.dumps(found))
            return
        pattern = pattern_of(Path(folder))
        told: list[dict[str, float]] = []
        for patients in asked.patients:
            words = ["--patients", str(patients), "--workers", str(asked.workers), "--pattern", str(pattern)]
            done = subprocess.run(
                [sys.executable, "-m", "tests.load.cost_of_scale", *words], check=True, stdout=subprocess.PIPE
            )
            told.append(json.loads(done.stdout))
            if not asked.json:
                sys.stderr.write(f"{patients:,} patients done\n")
        lines = [figures(found, told[0]) for found in told]
    show("From 10,000 patients to a million: the cost of an event stays what it is", lines, as_json=asked.json)


if __name__ == "__main__":
    main()
