"""One core, two, and Spark on two: `python -m tests.load.speed_of_engines FOLDER-OF-NDJSON [--json]`.

Wall and CPU seconds of all processes (the JVM and Spark's Python workers too) for an ingest, and for the features of the
readmission guidance with labels and proofs, each engine started before the clock is; and the largest process of each. The
second of two rounds is told: the first has what a JVM and new workers cost at the start, which is said apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from services.guidance.check import load_guidance
from services.guidance.errors import Unavailable
from services.learner.engines.engine import Engine, EngineName, open_engine
from services.learner.feature_matrix import read_cohort_rows
from services.learner.intake.ingest import ingest
from services.plumbing.event_store import EventStore
from tests.load.figures import Figure, show
from tests.load.hospital_call import LIBRARY

CORES: Final = 2
_TICK: Final = os.sysconf("SC_CLK_TCK")


class Family:
    """The processes that descend from this one: their CPU, and the largest of them."""

    def __init__(self) -> None:
        self.largest = 0.0
        self._spent: dict[tuple[int, str], float] = {}
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_again, daemon=True)
        self._watch.start()

    def cpu(self) -> float:
        """CPU seconds of all that live or were seen to live."""
        self._look()
        return sum(self._spent.values())

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self._watch.join()

    def _look_again(self) -> None:
        while not self._over.wait(0.2):
            self._look()

    def _look(self) -> None:
        found: dict[int, tuple[int, str, float, float]] = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    words = (folder / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                used = (int(words[11]) + int(words[12])) / _TICK
                found[int(folder.name)] = (
                    int(words[1]),
                    words[19],
                    used,
                    int(words[21]) * os.sysconf("SC_PAGESIZE") / 2**20,
                )
        for pid, (_, began, used, size) in found.items():
            if _descends(pid, found):
                self._spent[pid, began] = used
                if pid != os.getpid():
                    self.largest = max(self.largest, size)


def _descends(pid: int, found: dict[int, tuple[int, str, float, float]]) -> bool:
    while pid in found:
        if pid == os.getpid():
            return True
        pid = found[pid][0]
    return False


def timed(family: Family, act: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    used, begun = family.cpu(), time.perf_counter()
    act()
    return time.perf_counter() - begun, family.cpu() - used


def measure(name: EngineName, source: Path, folder: Path, rounds: int) -> list[dict[str, tuple[float, float]]]:
    """What each round took."""
    family = Family()
    told = []
    with ExitStack() as stack:
        stack.callback(family.end)
        started: list[Engine] = []
        starting = timed(
            family,
            lambda: started.append(stack.enter_context(open_engine(name, workers=CORES, master=f"local[{CORES}]"))),
        )
        (engine,) = started
        loaded = load_guidance(LIBRARY)
        for number in range(rounds):
            store = folder / f"{name}-{number}"
            told.append({
                "start": starting,
                "ingest": timed(family, lambda to=store: ingest(source, to, engine=engine, quality=False)),
                "matrix": timed(family, lambda at=store: read_cohort_rows(EventStore.open(at), loaded, engine)),
                "largest": (family.largest, 0.0),
            })  # fmt: skip
    return told


def main() -> None:
    """Each engine in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    names: dict[EngineName, str] = {"embedded": "one process", "processes": "two workers", "spark": "Spark local[2]"}
    figures, best = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in names.items():
            try:
                told = measure(name, asked.folder, Path(folder), asked.rounds)
            except Unavailable as fault:
                figures.append(Figure(what=text, ours=f"not measured: {fault.message}"))
                continue
            last = best[name] = told[-1]
            figures.append(
                Figure(
                    what=f"{text}; started in {last['start'][0]:.1f} s",
                    ours="; ".join(f"{what} {last[what][0]:.1f} s wall, {last[what][1]:.1f} s CPU" for what in ("ingest", "matrix"))
                    + (f"; largest process {last['largest'][0]:,.0f} MB" if last["largest"][0] else ""),
                    target={"embedded": "", "processes": "1.7x one process", "spark": "within 2x of one process, wall"}[name],
                    peers="; ".join(f"{what} {best['embedded'][what][0] / last[what][0]:.2f}x" for what in ("ingest", "matrix")),
                    floor=f"first round, all that starts in it too: {told[0]['ingest'][0]:.1f} s and {told[0]['matrix'][0]:.1f} s",
                )
            )  # fmt: skip
    title = f"The same work by each engine, load average {os.getloadavg()[0]:.1f} at the end; `peers`: speed beside one process"
    show(title, figures, as_json=asked.json)


if __name__ == "__main__":
    main()
