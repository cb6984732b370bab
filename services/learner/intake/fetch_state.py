"""What a fetch has done so far, on the disk: killed at any moment, the next run goes on from here."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from services.guidance.errors import Refused
from services.timeline.errors import BadInput

FOLDER: Final = "fetching"
"""In the store's folder: what is being fetched for it."""
_STATE: Final = "state.json"
_FILES, _ERRORS = "files", "errors"

Kind = Literal["output", "deleted", "error"]


class WantedFile(msgspec.Struct, kw_only=True):
    """A file of an export, or the answers to one search."""

    kind: Kind
    name: str
    """Where it is kept."""
    url: str
    """Where it comes from; of a search, the next page."""
    count: int | None = None
    done: bool = False
    bytes: int = 0


class FetchState(msgspec.Struct, kw_only=True):
    """One fetch under way."""

    since: str = ""
    status: str = ""
    """Where the server tells of the export; "" before it was begun."""
    transaction_time: str = ""
    """Up to when the data go; "" before the server said so."""
    with_token: bool = True
    files: list[WantedFile] = []
    notes: list[str] = []

    @property
    def whole(self) -> bool:
        """Whether everything is here."""
        return bool(self.transaction_time) and all(one.done for one in self.files)


class Desk:
    """The folder of one fetch, held by one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / _FILES
        """What is ingested."""

    def place_of(self, file: WantedFile) -> Path:
        """Where a file goes: what the server says of its own faults is not among the data."""
        return (self.folder / _ERRORS if file.kind == "error" else self.files) / file.name

    def read(self) -> FetchState | None:
        """What the run before left; None if it left nothing, or nothing that can be read."""
        try:
            return msgspec.json.decode((self.folder / _STATE).read_bytes(), type=FetchState)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def keep(self, state: FetchState) -> None:
        """Note how far it is, in one step."""
        spare = self.folder / f"{_STATE}.new"
        with spare.open("wb") as file:
            file.write(msgspec.json.encode(state))
            file.flush()
            os.fsync(file.fileno())
        spare.replace(self.folder / _STATE)

    def forget(self) -> None:
        """Begin anew: away with what was fetched."""
        (self.folder / _STATE).unlink(missing_ok=True)
        for folder in (self.files, self.folder / _ERRORS):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """The folder of a fetch, readable by its owner alone; Refused if another process is at it."""
    try:
        for one in (_FILES, _ERRORS):
            (folder / one).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as fault:
        raise BadInput(f"nothing can be kept there ({fault.strerror})", place=str(folder)) from fault
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "another process is fetching this", place=str(folder), remedy="Wait until it has ended"
            ) from None
        yield Desk(folder)


def clear_all(store: Path) -> None:
    """Away with everything that is being fetched for a store: an erased patient may be in it."""
    for folder in sorted((store / FOLDER).iterdir()) if (store / FOLDER).is_dir() else ():
        with desk(folder) as held:
            held.forget()
