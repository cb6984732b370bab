"""From NDJSON to the event store, by type and in all: `python -m tests.load.speed_of_ingest FOLDER-OF-NDJSON [--json]`.

Resources per CPU second of everything that `ingest` does up to the durable store: reading, digests, decode, flatten,
segments, merging, Parquet. One worker is one process, so its figure is that of a core; then all cores, with the wall time
and the CPU of every process, the start of the workers included. The report on quality comes after that and is left out.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.json

from services.learner.intake.ingest import IngestReport, ingest
from services.timeline.resources import Resource
from tests.load.figures import Figure, in_turn, show

TARGET = 150_000
WORTH_A_LINE = 5_000
QUOTED = "quoted, Observations, two cores: DuckDB 76,000; Spark 30,000"
"""`read_json` of a folder of Observations into a table, resources per second of wall time on two busy cores."""


def store(source: Path, workers: int | None) -> IngestReport:
    """Ingest into a new store."""
    with tempfile.TemporaryDirectory() as folder:
        return ingest(source, Path(folder) / "store", workers=workers, quality=False)


def decode(source: Path) -> Callable[[], None]:
    """The floor: the typed decode alone, line after line, from memory."""
    lines = [line for path in files(source) for line in path.read_bytes().splitlines()]
    decoder = msgspec.json.Decoder(Resource)

    def act() -> None:
        for line in lines:
            decoder.decode(line)

    return act


def arrow(source: Path) -> str:
    """Pyarrow's reader on the same files, into its own tables: no events, no times, no store."""
    begun, rows = time.process_time(), 0
    try:
        for path in files(source):
            rows += pyarrow.json.read_json(path).num_rows
    except pa.ArrowInvalid:
        return "pyarrow: cannot read these"
    return f"pyarrow read_json {rows / (time.process_time() - begun):,.0f}"


def files(source: Path) -> list[Path]:
    """The NDJSON files."""
    return sorted(source.rglob("*.ndjson")) if source.is_dir() else [source]


def figure(source: Path, name: str, count: int, *, rounds: int) -> Figure:
    """One source on one core, floor and peer in the same run."""
    found = in_turn({"ours": lambda: store(source, 1), "floor": decode(source)}, rounds=rounds)
    return Figure(
        what=f"{name} ({count:,})",
        ours=f"{count / found['ours']:,.0f}/s a core",
        target=f"{TARGET:,}",
        floor=f"decode alone {count / found['floor']:,.0f}/s",
        peers=arrow(source),
    )


def of_all_cores(source: Path, count: int) -> Figure:
    """Wall and CPU with every core at work."""
    begun, used = time.perf_counter(), cpu()
    store(source, None)
    wall, used = time.perf_counter() - begun, cpu() - used
    return Figure(
        what=f"all, every core ({count:,})",
        ours=f"{count / wall:,.0f}/s wall; {count / used:,.0f}/s per CPU second of all processes",
        target=f"{TARGET:,} a core",
        peers=QUOTED,
    )


def cpu() -> float:
    """CPU seconds so far of this process and of those it waited for."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def main() -> None:
    """Every type, then all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    counts = {path: path.read_bytes().count(b"\n") for path in files(asked.folder)}
    figures = [
        figure(path, path.stem, count, rounds=asked.rounds) for path, count in counts.items() if count >= WORTH_A_LINE
    ]
    total = sum(counts.values())
    figures += [figure(asked.folder, "all, one core", total, rounds=asked.rounds), of_all_cores(asked.folder, total)]
    show("NDJSON to the event store, resources per CPU second", figures, as_json=asked.json)


if __name__ == "__main__":
    main()
