"""Worker processes: same results as without, in order; and none is left behind when their parent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.guidance.errors import Unavailable
from services.learner.workers import worker_pool


def square(number: int) -> int:
    """The work."""
    return number * number


def die(number: int) -> int:
    """What a worker does that the system kills."""
    os._exit(number)


def test_results_come_in_order_with_and_without_workers() -> None:
    """One process or two: the same list."""
    for workers in (1, 2):
        with worker_pool(workers) as pool:
            assert list(pool.map_in_order(square, range(20))) == [n * n for n in range(20)]


def test_a_worker_that_died_is_said() -> None:
    """Mostly for want of memory: one line, and what to do."""
    with pytest.raises(Unavailable, match="worker process ended"), worker_pool(2) as pool:
        list(pool.map_in_order(die, [9]))


PARENT = """
import os, time
from services.learner.workers import worker_pool
def wait(_):
    print(os.getpid(), flush=True)
    time.sleep(60)
if __name__ == "__main__":
    with worker_pool(2) as pool:
        list(pool.map_in_order(wait, range(2)))
"""


def test_no_worker_outlives_a_parent_that_was_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SIGKILL to the parent: its workers are gone within seconds."""
    script = tmp_path_factory.mktemp("p") / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + 20
        while any(alive(pid) for pid in workers) and time.monotonic() < until:
            time.sleep(0.05)
        assert not [pid for pid in workers if alive(pid)]


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        with Path(f"/proc/{pid}/stat").open() as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
