"""What a restart finds: the registry's pinned keys, the last manifests and ledger head, the bundles by their digest.

Nothing read here is believed: signatures are verified again and every byte of a bundle is checked again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from services.guidance.errors import Unavailable
from services.plumbing.logs import get_logger
from services.timeline.errors import BadInput

_log = get_logger("cds")
_KEYS: Final = msgspec.json.Decoder(dict[str, Any])


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The head of the registry's ledger that was seen last, and the newest signed manifest of each guidance."""

    number: int = -1
    hash: str = ""
    manifests: dict[str, str] = msgspec.field(default_factory=dict)


class ApprovedFiles:
    """One folder; every write is whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = folder / "manifests.json"

    def remembered(self) -> Remembered:
        """What was kept last; nothing if there is nothing that can be read (said in the log)."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=Remembered)
        except FileNotFoundError:
            return Remembered()
        except (OSError, msgspec.DecodeError) as fault:
            _log.error("kept manifests cannot be read", place=str(self._state), error=type(fault).__name__)
            return Remembered()

    def remember(self, state: Remembered) -> None:
        """Keep the state; a disk that refuses is logged, because serving can go on without it until a restart."""
        try:
            write_whole(self._state, msgspec.json.encode(state))
        except OSError as fault:
            _log.error("manifests cannot be kept", place=str(self._state), error=fault.strerror)

    def bundle(self, digest: str) -> bytes | None:
        """The bytes kept under a digest, unchecked."""
        try:
            return self._bundle_path(digest).read_bytes()
        except OSError:
            return None

    def keep_bundle(self, digest: str, data: bytes) -> None:
        """Keep a bundle's bytes (after they were checked)."""
        try:
            write_whole(self._bundle_path(digest), data)
        except OSError as fault:
            _log.error("bundle cannot be kept", release=digest, error=fault.strerror)

    def drop_bundles(self, *, but: set[str]) -> None:
        """Forget the bundles that no manifest names any more: the cache does not grow with history."""
        kept = {self._bundle_path(digest) for digest in but}
        for path in (self._folder / "bundles").glob("*.zip"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def _bundle_path(self, digest: str) -> Path:
        return self._folder / "bundles" / f"{digest.removeprefix('sha256:')}.zip"


def read_keys(path: Path) -> dict[str, Any] | None:
    """The pinned JWK set of the registry, None if the file is not there."""
    try:
        keys = _KEYS.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise Unavailable(
            f"the registry's public keys cannot be read ({fault.strerror})",
            place=str(path),
            remedy="Let this user read the file",
        ) from fault
    except msgspec.DecodeError as fault:
        raise BadInput("not a JWK set", place=str(path), remedy="Write the registry's answer at /keys there") from fault
    if not isinstance(keys.get("keys"), list) or not keys["keys"]:
        raise BadInput("a JWK set without keys", place=str(path), remedy="Write the registry's answer at /keys there")
    return keys


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace a file in one step, after its bytes have reached the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spare = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        spare.replace(path)
    finally:
        spare.unlink(missing_ok=True)


def write_once(path: Path, data: bytes) -> None:
    """Make a file unless it is there: of workers that start together the first one's holds, and the others read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_whole(own, data)
    try:
        with suppress(FileExistsError):
            path.hardlink_to(own)
    finally:
        own.unlink(missing_ok=True)
