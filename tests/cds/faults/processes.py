"""The processes of a service that runs with several workers."""

from __future__ import annotations

import time
from pathlib import Path

from tests.load.load_generator import children


def workers(pid: int) -> set[int]:
    """The process ids of the workers under a service's first process."""
    return {one for one in children(pid) if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}


def gone(pids: set[int], *, seconds: float) -> bool:
    """Whether all of them have ended, or do within so long."""
    ends = time.monotonic() + seconds
    while alive := {pid for pid in pids if _lives(pid)}:
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
        pids = alive
    return True


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
