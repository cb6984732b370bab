"""Where records wait while the database is down: a local file, one JSON object a line, on the disk before we go on.

Each process writes its own file and holds its lock, so that a later process can tell an orphan (its writer was
killed) from a neighbour's, and bring it home. Bringing home twice is harmless: records carry their identity.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path

from services.plumbing.logs import get_logger

_log = get_logger("cds")


class Spool:
    """A folder of waiting lines. Every method may raise OSError: then nothing is kept, and no answer may leave."""

    def __init__(self, folder: Path, *, sync: Callable[[int], None] = os.fsync) -> None:
        self._folder = folder
        self._sync = sync
        self._own: FileIO | None = None
        self._own_path: Path | None = None
        self.waiting = 0

    def keep(self, lines: Sequence[bytes]) -> None:
        """Append the lines and return when they are on the disk."""
        file = self._own or self._open_own()
        start = file.seek(0, os.SEEK_END)
        try:
            left = memoryview(b"".join(line + b"\n" for line in lines))
            while left:
                left = left[file.write(left) :]
            self._sync(file.fileno())
        except OSError:
            # Half a line must not stay: what follows would be lost with it.
            file.truncate(start)
            raise
        self.waiting += len(lines)

    def bring_home(self, store: Callable[[Sequence[bytes]], None]) -> int:
        """Give every waiting line (our own and of writers that died) to `store`, then forget them. How many."""
        moved = 0
        if self._own is not None and self.waiting:
            self._own.seek(0)
            lines = _whole_lines(self._own.read())
            store(lines)
            self._own.truncate(0)
            self._sync(self._own.fileno())
            moved += len(lines)
            self.waiting = 0
        for path in sorted(self._folder.glob("*.ndjson")) if self._folder.is_dir() else []:
            if path != self._own_path:
                moved += _adopt(path, store)
        return moved

    def set_aside(self, lines: Sequence[bytes]) -> None:
        """Keep lines that nobody can read, so that they neither block the others nor get lost."""
        path = self._folder / "unreadable.lines"
        with path.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))
            self._sync(file.fileno())
        _log.error("spool holds unreadable lines", lines=len(lines), file=str(path))

    def close(self) -> None:
        """Let go of the file; an empty one is removed."""
        if self._own is not None and self._own_path is not None:
            if not self.waiting:
                self._own_path.unlink(missing_ok=True)
            self._own.close()
            self._own = self._own_path = None

    def _open_own(self) -> FileIO:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}.ndjson"
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._own, self._own_path = file, path
        return file


def _adopt(path: Path, store: Callable[[Sequence[bytes]], None]) -> int:
    """Bring home the file of a writer that is gone; a living one holds the lock."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return 0  # its writer has just closed it
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        lines = _whole_lines(file.read())
        if lines:
            store(lines)
            _log.warning("spool adopted", lines=len(lines), file=path.name)
        path.unlink(missing_ok=True)
        return len(lines)


def _whole_lines(data: bytes) -> list[bytes]:
    """The complete lines; a last one without its newline was never acknowledged to anyone."""
    return [line for line in data[: data.rfind(b"\n") + 1].split(b"\n") if line]
