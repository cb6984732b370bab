"""The name that a worker process goes by at the registry: the same after a restart, and nobody else's while it lives.

A worker takes the first place in its service's folder that no living process holds; the lock ends with the process, so
one that was killed leaves its place, and its name, to the one that takes over.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from services.cds.governed.approved_files import write_once

MOST: Final = 256  # worker processes of one service on one machine


@contextmanager
def worker_name(folder: Path, service: str) -> Iterator[str]:
    """`<service>-<installation>-<place>`, as long as the block lasts; with the process id where nothing can be locked."""
    try:
        installation = _installation(folder)
        taken = _place(folder)
    except OSError:
        yield f"{service}-{os.getpid()}"
        return
    descriptor, place = taken
    try:
        yield f"{service}-{installation}-{place}"
    finally:
        os.close(descriptor)


def _installation(folder: Path) -> str:
    """Drawn once for a folder: two services that were given one name are told apart."""
    path = folder / "installation"
    if not path.exists():
        write_once(path, secrets.token_hex(3).encode())
    return path.read_text(encoding="ascii").strip()


def _place(folder: Path) -> tuple[int, int]:
    for place in range(1, MOST + 1):
        descriptor = os.open(folder / f"worker-{place}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor, place
        os.close(descriptor)
    raise OSError("every place is taken")
