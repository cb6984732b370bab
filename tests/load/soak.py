"""Half of what the service can do, for minutes: no error, flat memory, steady latency. `python -m tests.load.soak --minutes 10`.

First the capacity, with a C program (Debian: `wrk`) and the same load; then half of it, paced by a process of its own: calls
begin when it is their time, whether or not earlier ones were answered, and their latency counts from then. Every call is
another patient's, the whole path is walked. A capacity that other work on the machine made small is a small half.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.load.cost_of_a_call import hospital_body
from tests.load.load_generator import cpu, drive, resident, there_is_wrk
from tests.load.pacer import Slice, pace
from tests.load.targets import Target, ours
from tests.postgres import lasting_database

CONNECTIONS = 8
WARM_UP = 60.0
"""Seconds at the same pace before memory is noted: caches fill, buffers take their size, the first round beside the calls ran."""
MOST_GROWTH = 2.0
"""Percent of resident memory, from the end of the warm-up to the end."""
FIRST = 2_000_000
"""The first patient of the paced load; those of the capacity run come before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """A stretch of the soak: calls, errors, milliseconds, megabytes at its end."""

    seconds: float
    calls: int
    errors: int
    p50: float
    p99: float
    worst: float
    busiest: int
    """The most calls under way at once: a machine that was taken away for a moment shows here, and in the memory."""
    megabytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What came of it."""

    capacity: float
    """Calls a second that it can answer; 0 if that was not measured."""
    rate: float
    calls: int
    errors: int
    statuses: dict[str, int]
    late: int
    """Calls that began more than a second after their time: the load was not what it should have been."""
    megabytes_before: float
    megabytes_after: float
    growth_percent: float
    cpu_ms: float
    p50: float
    p99: float
    minutes: list[Minute]

    @property
    def holds(self) -> bool:
        """Zero errors, and memory that does not grow."""
        return self.errors == 0 and self.growth_percent < MOST_GROWTH


def capacity(target: Target, body: bytes, *, seconds: float) -> float:
    """Calls a second when as many are asked as it answers."""
    drive(target.port, target.path, body, first=0, connections=CONNECTIONS, seconds=2)
    load = drive(target.port, target.path, body, first=100_000, connections=CONNECTIONS, seconds=seconds)
    if load.errors:
        raise SystemExit(f"{load.errors} of {load.requests} calls failed before the soak began")
    return load.requests / load.seconds


def soak(target: Target, body: bytes, *, rate: float, limit: float, seconds: float, every: float) -> Soaked:
    """Keep the pace; `every` so many seconds a line."""
    here, there = multiprocessing.Pipe(duplex=False)
    paced = multiprocessing.get_context("spawn").Process(
        target=pace, kwargs={"port": target.port, "path": target.path, "body": body, "first": FIRST, "rate": rate,
                             "seconds": WARM_UP + seconds, "every": every, "report": there},
    )  # fmt: skip
    paced.start()
    there.close()
    slices: list[tuple[Slice, float, float]] = []
    try:
        while (one := _next(here)) is not None:
            slices.append((one, resident(target.pid), cpu(target.pid)))
            _say(one, slices[-1][1])
    finally:
        paced.join(timeout=30)
        paced.kill()
    if paced.exitcode != 0:
        raise SystemExit("the load broke off: nothing is measured")
    return _summed(slices, rate=rate, limit=limit)


def _summed(slices: Sequence[tuple[Slice, float, float]], *, rate: float, limit: float) -> Soaked:
    warm = max(1, sum(one.ends <= WARM_UP + 0.5 for one, _, _ in slices))
    (_, before, cpu_before), kept = slices[warm - 1], slices[warm:]
    if not kept:
        raise SystemExit("too short: it ended with the warm-up")
    times = sorted(took for one, _, _ in kept for took in one.milliseconds)
    calls, statuses = len(times), dict[str, int]()
    for one, _, _ in slices:
        for status, count in one.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    after = kept[-1][1]
    return Soaked(
        capacity=round(limit, 1), rate=round(rate, 1), calls=calls,
        errors=sum(count for status, count in statuses.items() if status != "200"), statuses=statuses,
        late=sum(one.late for one, _, _ in kept), megabytes_before=round(before, 1), megabytes_after=round(after, 1),
        growth_percent=round((after / before - 1) * 100, 2), cpu_ms=round((kept[-1][2] - cpu_before) / calls * 1e3, 3),
        p50=_at(times, 0.5), p99=_at(times, 0.99),
        minutes=[_minute(one, megabytes) for one, megabytes, _ in kept],
    )  # fmt: skip


def _minute(one: Slice, megabytes: float) -> Minute:
    times = sorted(one.milliseconds)
    errors = sum(count for status, count in one.statuses.items() if status != "200")
    return Minute(
        seconds=round(one.ends - WARM_UP, 1), calls=len(times), errors=errors, p50=_at(times, 0.5), p99=_at(times, 0.99),
        worst=_at(times, 1.0), busiest=one.busiest, megabytes=round(megabytes, 1),
    )  # fmt: skip


def _at(times: Sequence[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(len(times) * share))], 2) if times else 0.0


def _next(here: multiprocessing.connection.Connection) -> Slice | None:
    try:
        one: Slice = here.recv()
    except EOFError:
        return None
    return one


def _say(one: Slice, megabytes: float) -> None:
    stage = "warm-up" if one.ends <= WARM_UP + 0.5 else "soak"
    sys.stderr.write(f"{stage} {one.ends:6.0f} s: {len(one.milliseconds)} calls, {one.statuses}, {megabytes:.1f} MB\n")


def show(soaked: Soaked) -> None:
    """A table: a line for each stretch, then the verdict."""
    limit = f", half of {soaked.capacity:.0f}" if soaked.capacity else ""
    table = Table(
        title=f"{soaked.rate:.0f} calls a second{limit}; {soaked.cpu_ms:.2f} ms CPU a call",
        title_justify="left",
    )
    for name in ("until s", "calls", "errors", "p50 ms", "p99 ms", "worst ms", "at once", "MB"):
        table.add_column(name, justify="right")
    for one in soaked.minutes:
        table.add_row(*map(str, asdict(one).values()))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(
        f"{soaked.calls} calls, {soaked.errors} errors, {soaked.late} late; p50 {soaked.p50} ms, p99 {soaked.p99} ms; "
        f"{soaked.megabytes_before} MB to {soaked.megabytes_after} MB: {soaked.growth_percent:+.2f} % "
        f"(allowed: no error, under {MOST_GROWTH:.0f} %): {'holds' if soaked.holds else 'DOES NOT HOLD'}"
    )


def main() -> None:
    """Serve, measure the capacity, keep half of it up; ends with 1 if it does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=30.0, help="seconds of a line")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--rate", type=float, default=0.0, help="calls a second; else half of the capacity")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not there_is_wrk() and not asked.rate:
        sys.stdout.write("skipped: the load generator is not installed (Debian: apt-get install wrk), and no --rate\n")
        return
    body = hospital_body()
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(lasting_database()) if asked.database == "postgresql" else ""
        target = stack.enter_context(ours(room, name="soak", workers=asked.workers, database=database))
        limit = capacity(target, body, seconds=10) if not asked.rate else 0.0
        soaked = soak(
            target, body, rate=asked.rate or limit / 2, limit=limit, seconds=asked.minutes * 60, every=asked.every
        )
    if asked.json:
        sys.stdout.write(json.dumps(asdict(soaked) | {"holds": soaked.holds}) + "\n")
    else:
        show(soaked)
    if not soaked.holds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
