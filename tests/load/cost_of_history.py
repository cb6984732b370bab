"""What keeping a decision costs after 10^3 and after 10^6 of them. `python -m tests.load.cost_of_history --database sqlite`.

Two logs side by side, one short and one long, written to in turn in one run: batches of 8, each decision asking what was
shown to its patient before. CPU of this process and, on PostgreSQL, of the server's process that does our work. Beside
it the floor: the same rows given to SQLite by its driver alone.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from services.cds.advice.suppress import Quiet
from services.cds.decisions.decision import Decision
from services.cds.decisions.decision_log import DecisionLog
from services.cds.decisions.identity import MICROSECONDS_PER_DAY, new_id
from services.cds.decisions.partitions import make_days
from services.cds.decisions.records import Entry
from services.cds.decisions.rows import COLUMNS, key_of, names_of, row_of
from services.plumbing.database import open_database
from tests.postgres import fresh_database

BATCH = 8
FILL = 500
DAYS = 90
PATIENTS = 100_000
QUIET = Quiet(bands=("high",), cool_down=MICROSECONDS_PER_DAY, per_clinician=True)
NAMES = [f"feature_{n}" for n in range(30)]
CARD = {
    "summary": "Risk of readmission within 30 days: 27 of 100 patients like this one", "indicator": "warning",
    "detail": "Why: " + "a reason with its resource; " * 40, "source": {"label": "Knowdo", "url": "https://x.example/" + "r" * 90},
    "suggestions": [{"label": "Call after discharge", "uuid": "s" * 36, "actions": [{"type": "create", "description": "d" * 60,
        "resource": {"resourceType": "ServiceRequest", "status": "draft", "code": {"text": "call"}}}]}],
}  # fmt: skip


class Log:
    """A log that is being measured."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = open_database(url, by_index=True)
        self.log = DecisionLog(self.engine)
        self.log.create()
        self.sample = random.Random(7)
        self.costs: list[float] = []

    def entry(self, at: int) -> Entry:
        """One decision with 30 features; every fifth shows a card."""
        sample, shown = self.sample, self.sample.random() < 0.2
        number = new_id(at)
        made = Decision(
            decision=number, at=at, index_at=at, guidance="readmission-30d", release="sha256:" + "0" * 64,
            policy_digest="sha256:" + "1" * 64, stage="general", hook="patient-view", hook_instance=new_id(at),
            patient=f"p{sample.randrange(PATIENTS)}", encounter=f"e{sample.randrange(10**6)}", user="Practitioner/u1",
            issuer="https://ehr.hospital.example", status="shown" if shown else "below-band", risk=0.2, log_odds=-1.4, band="high" if shown else "",
            risks={"risk": 0.2}, features={name: sample.random() * 100 for name in NAMES},
            states=dict.fromkeys(NAMES, "value"), contributions={name: sample.random() for name in NAMES},
            sources={name: f"Observation/{sample.randrange(10**9)}" for name in NAMES},
            card=dict(CARD, uuid=number) if shown else None, card_uuid=number if shown else "",
            latency={"read": 90, "features": 300, "advise": 60, "card": 80},
        )  # fmt: skip
        return Entry(decision=made, quiet=QUIET if shown else None)

    def fill(self, many: int) -> None:
        """A past of so many decisions, spread over the days, the oldest first."""
        now = time.time_ns() // 1000
        for day in range(DAYS):
            make_days(self.engine, now=now - day * MICROSECONDS_PER_DAY, ahead=0)
        step = DAYS * MICROSECONDS_PER_DAY // many
        for start in range(0, many, FILL):
            count = min(FILL, many - start)
            self.log.write([self.entry(now - (many - start - n) * step) for n in range(count)])
            if start and start % 100_000 == 0:
                sys.stderr.write(f"  {start} decisions kept\n")
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE" if self.engine.dialect.name == "sqlite" else "VACUUM ANALYZE decisions"))

    @contextmanager
    def server(self) -> Iterator[Path | None]:
        """Where the CPU of the server's process stands, if there is one."""
        if self.engine.dialect.name != "postgresql":
            yield None
            return
        # The pool hands out the connection that was given back last: all our batches use this one.
        with self.engine.connect() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        yield Path(f"/proc/{pid}/schedstat")

    def measure(self, decisions: int) -> None:
        """CPU microseconds for each decision of a round."""
        now = time.time_ns() // 1000
        batches = [[self.entry(now + n) for n in range(BATCH)] for _ in range(decisions // BATCH)]
        with self.server() as server:
            before, there = time.process_time(), _nanoseconds(server)
            for batch in batches:
                self.log.write(batch)
            spent = (time.process_time() - before) * 1e6 + (_nanoseconds(server) - there) / 1e3
        self.costs.append(spent / (len(batches) * BATCH))


def _nanoseconds(path: Path | None) -> int:
    return int(path.read_text(encoding="ascii").split()[0]) if path is not None else 0


def floor(log: Log, folder: Path, decisions: int) -> float:
    """The same rows into a bare table with the driver alone: one transaction for each batch, on the disk."""
    rows = []
    for _ in range(decisions):
        one = log.entry(time.time_ns() // 1000).decision
        names = names_of(one)
        rows.append(row_of(one, names, key_of(names)))
    connection = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"CREATE TABLE floor ({', '.join(f'c{n}' for n in range(len(COLUMNS)))})")
    before = time.process_time()
    for start in range(0, decisions, BATCH):
        connection.execute("BEGIN IMMEDIATE")
        marks = ",".join("?" * len(COLUMNS))
        connection.executemany(f"INSERT INTO floor VALUES ({marks})", rows[start : start + BATCH])  # noqa: S608
        connection.execute("COMMIT")
    return (time.process_time() - before) * 1e6 / decisions


def main() -> None:
    """Fill, measure in turn, say the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--past", type=int, default=1_000_000, help="decisions in the long log")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--decisions", type=int, default=800, help="decisions in each round")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        logs = []
        for name, many in (("short", 1000), ("long", asked.past)):
            url = f"sqlite:///{folder / name}.sqlite"
            if asked.database == "postgresql":
                url = stack.enter_context(contextmanager(fresh_database)())
            logs.append(log := Log(url))
            stack.callback(log.engine.dispose)
            log.fill(many)
        for _ in range(asked.rounds):
            for log in logs:
                log.measure(asked.decisions)
        short, long = (statistics.median(log.costs[1:]) for log in logs)
        found = {
            "database": asked.database, "past": asked.past, "us_after_1000": round(short, 1), "us_after_past": round(long, 1),
            "ratio": round(long / short, 3), "floor_us": round(floor(logs[0], folder, 4000), 1),
        }  # fmt: skip
    said = json.dumps(found) if asked.json else (
        f"{found['database']}: {short:.1f} µs CPU a decision after 10^3, {long:.1f} µs after {asked.past}: "
        f"ratio {long / short:.3f} (target 1.10); of a call of 1 ms {(long - short) / 10:.1f} %\n"
        f"floor, SQLite's driver alone without an index: {found['floor_us']} µs"
    )  # fmt: skip
    sys.stdout.write(said + "\n")


if __name__ == "__main__":
    main()
