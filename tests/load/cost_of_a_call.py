"""What a governed call costs, beside its floors and its peer, all in one interleaved run. `python -m tests.load.cost_of_a_call`.

CPU of the server from /proc over a counted number of requests; a C program makes the load (Debian: `wrk`). Each request is
a new patient of about 100 KB; the whole path is walked: token, prefetch, features, score, reasons, card, lint, decision on
the disk, logs and metrics. Rounds go from target to target, so that whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from services.guidance.check import load_guidance
from services.timeline.codes import ValueSets
from tests.load.figures import Figure, show
from tests.load.hospital_call import LIBRARY, body
from tests.load.load_generator import NUMBER, Load, cpu, drive, resident, there_is_wrk
from tests.load.targets import Target, floors, healthchain, ours
from tests.postgres import lasting_database

MOST_A_SECOND = 4000
"""No server here answers more; so many tokens are made for a second of load."""


class Measured:
    """The rounds of one target over so many connections."""

    def __init__(self) -> None:
        self.loads: list[Load] = []
        self.cpu: list[float] = []

    def add(self, load: Load, seconds: float) -> None:
        """One round: what came of it, and the CPU seconds of the server."""
        if load.errors or not load.requests:
            raise SystemExit(f"{load.errors} of {load.requests} requests failed: nothing is measured")
        self.loads.append(load)
        self.cpu.append(seconds / load.requests * 1e3)

    @property
    def ms(self) -> float:
        """CPU milliseconds a request: the median round."""
        return statistics.median(self.cpu)

    def said(self) -> str:
        """CPU, then how it felt to a caller."""
        middle = sorted(self.loads, key=lambda load: load.p50)[len(self.loads) // 2]
        rate = statistics.median(load.requests / load.seconds for load in self.loads)
        return f"{self.ms:.2f} ms · {rate:.0f}/s · p50 {middle.p50:.1f} p95 {middle.p95:.1f} p99 {middle.p99:.1f} ms"


def hospital_body() -> bytes:
    """One call of about 100 KB whose ids are counted up."""
    loaded = load_guidance(LIBRARY)
    value_sets = ValueSets.from_mapping(json.loads(loaded.files["value_sets.json"]), place="value_sets.json")
    made = json.loads(body(loaded.definition, value_sets, int(NUMBER), datetime.now(UTC)))
    made["hookInstance"] = f"00000000-0000-4000-8000-00000{NUMBER}"
    return json.dumps(made).encode()


def measure(
    targets: list[Target], *, connections: list[int], rounds: int, seconds: float
) -> dict[tuple[str, int], Measured]:
    """Round after round, every target has its turn."""
    content = hospital_body()
    found = {(target.name, many): Measured() for target in targets for many in connections}
    first = 0
    for turn in range(rounds + 1):
        for many in connections:
            for target in targets:
                length = seconds if turn else 1.0  # the first round only warms up
                tokens = target.sign(int(length * MOST_A_SECOND / 2)) if target.sign is not None else ()
                before = cpu(target.pid)
                load = drive(
                    target.port, target.path, content, first=first, connections=many, seconds=length, tokens=tokens
                )
                used = cpu(target.pid) - before
                first += load.requests + 1000
                if turn:
                    found[target.name, many].add(load, used)
    return found


def main() -> None:
    """Serve all, measure in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one round")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument(
        "--peer", type=Path, help="environment for HealthChain; made if it is not there; none: left out"
    )
    parser.add_argument(
        "--past", type=int, default=0, help="compare a log of 10^3 decisions with one of so many, alone"
    )
    parser.add_argument("--only", default="", help="targets whose names hold this")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not there_is_wrk():
        sys.stdout.write("skipped: the load generator is not installed (Debian: apt-get install wrk)\n")
        return
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started = {
            "no JWT": {},
            "RS384": {"jwt": "RS384"},
            "ES384": {"jwt": "ES384"},
            "no JWT, 2 workers": {"workers": 2},
            "no JWT, a silent successor": {"successor": True},
            "no JWT, PostgreSQL": {"database": "postgres"},
            "no JWT, PostgreSQL, 2 workers": {"database": "postgres", "workers": 2},
        }
        if asked.past:
            started = {f"{past:,} past decisions": {"past": past} for past in (1000, asked.past)}
        targets = [] if asked.only or asked.past else stack.enter_context(floors())
        for number, (name, how) in enumerate(started.items()):
            if asked.only not in name:
                continue
            given = dict(how)
            if given.get("database"):
                given["database"] = stack.enter_context(lasting_database())
            (folder := room / str(number)).mkdir()
            targets.append(stack.enter_context(ours(folder, name=name, **given)))  # type: ignore[arg-type]
        if asked.peer is not None:
            try:
                targets.append(stack.enter_context(healthchain(asked.peer)))
            except subprocess.CalledProcessError:
                sys.stdout.write("the peer is left out: HealthChain cannot be installed here\n")
        found = measure(targets, connections=asked.connections, rounds=asked.rounds, seconds=asked.seconds)
        memory = {target.name: resident(target.pid) for target in targets}
    wanted = {"no JWT": "1.2 ms", "RS384": "1.35 ms", "ES384": "2.0 ms"}
    figures = [
        Figure(
            what=f"{target.name} ({memory[target.name]:.0f} MB)",
            ours="\n".join(f"{many:>2}: {found[target.name, many].said()}" for many in asked.connections),
            target=wanted.get(target.name, ""),
            peers=_against(found, target.name, asked.connections),
        )
        for target in targets
    ]
    show(
        f"One governed call, {len(hospital_body()) / 1000:.0f} kB, over so many connections",
        figures,
        as_json=asked.json,
    )


def _against(found: dict[tuple[str, int], Measured], name: str, connections: list[int]) -> str:
    """How often less CPU than the peer; how much more with two workers than with one."""
    said = []
    for many in connections:
        mine = found[name, many].ms
        peer = found.get(("HealthChain, a trivial card", many))
        if peer is not None and name.startswith(("no JWT", "RS384", "ES384")):
            said.append(f"{many}: {peer.ms / mine:.1f}x less than the peer")
        alone = found.get((name.removesuffix(", 2 workers"), many))
        if name.endswith("2 workers") and alone is not None:
            said.append(f"{many}: {(mine / alone.ms - 1) * 100:+.0f} % on one worker")
    return "\n".join(said)


if __name__ == "__main__":
    main()
