"""A CDS service in a process of its own, over what an earlier one left on the disk."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import httpx


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(
    var: Path, port: int, *, log: Path | None = None, workers: int = 1, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`knowdo cds serve` as a demo service, until the block ends; it answers when the block begins. It may log to a file."""
    with log.open("wb") if log is not None else nullcontext() as written:
        process = subprocess.Popen(
            knowdo("cds", "serve", "--port", str(port), "--workers", str(workers)),
            env=environment(var, **settings),
            stdout=written,
            stderr=subprocess.STDOUT if written is not None else None,
            start_new_session=True,  # so that its workers can be killed with it
        )
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the process and its workers at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for left in Path("/dev/shm").glob(f"knowdo-metrics-{process.pid}-*"):  # the next start would do it  # noqa: S108
        shutil.rmtree(left, ignore_errors=True)


def knowdo(*words: str) -> list[str]:
    """The command line as a user types it, in this interpreter."""
    return [sys.executable, "-c", "from services.command import main; main()", *words]


def environment(var: Path, **settings: str) -> Mapping[str, str]:
    """A demo service's environment, quiet in the log."""
    return {**os.environ, "KNOWDO_VAR": str(var), "KNOWDO_DEMO": "true", "KNOWDO_LOG_LEVEL": "error", **settings}
