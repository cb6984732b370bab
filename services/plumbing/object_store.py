"""The door to object stores (S3, Google Cloud Storage, and what speaks like them): a folder or file there, read as a stream.

The address is the operator's own word. Credentials come from the environment or the machine's role, never from the
address: an address is kept in histories and logs.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import Any, Final
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs as pafs

from services.guidance.errors import Unavailable
from services.timeline.errors import BadInput

_ADDRESS: Final = re.compile(r"(s3|gs|gcs|file)://", re.IGNORECASE)
_FORMS: Final = "Write it as s3://bucket/folder, gs://bucket/folder or file:///folder"
BUFFER: Final = 8 * 2**20


def is_address(text: str) -> bool:
    """Whether a source is named by an address and not by a path."""
    return _ADDRESS.match(text) is not None


class ObjectFolder:
    """A folder, or one file, in an object store."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.username is not None or parts.password is not None:
            raise BadInput(
                "an address must not hold a key", place=f"{parts.scheme}://…",
                remedy="Give it by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by the machine's role",
            )  # fmt: skip
        self._place = f"{parts.scheme}://{parts.netloc}{parts.path}"
        if not parts.netloc and parts.scheme.lower() != "file":
            raise BadInput("no bucket is named", place=f"{parts.scheme}://", remedy=_FORMS)
        self.name = parts.path.rstrip("/").rpartition("/")[2] or parts.netloc
        try:
            self._system, root = pafs.FileSystem.from_uri(address)
        except (OSError, ValueError, pa.ArrowException) as fault:
            raise BadInput("not an address of an object store", place=self._place, remedy=_FORMS) from fault
        self._root: str = root.rstrip("/")

    def files(self) -> list[tuple[str, int]]:
        """Name and size of each file under it, sorted; hidden ones are left out."""
        try:
            [found] = self._system.get_file_info([self._root])
            if found.type == pafs.FileType.File:
                return [(self.name, found.size)]
            below = self._system.get_file_info(pafs.FileSelector(self._root, recursive=True, allow_not_found=True))
        except OSError as fault:
            raise self._unavailable(fault) from fault
        inside = [(one.path[len(self._root) + 1 :], one.size) for one in below if one.type == pafs.FileType.File]
        listed = sorted((n, s) for n, s in inside if not any(part.startswith(".") for part in n.split("/")))
        if not listed:
            raise BadInput("no such file or folder, or nothing in it", place=self._place, remedy=_FORMS)
        return listed

    def open(self, name: str) -> AbstractContextManager[Any]:
        """One of them, as a stream of its bytes as they are stored."""
        path = self._root if self._root.endswith(f"/{name}") and self._is_file() else f"{self._root}/{name}"
        try:
            opened: AbstractContextManager[Any] = self._system.open_input_stream(
                path, compression=None, buffer_size=BUFFER
            )
        except OSError as fault:
            raise self._unavailable(fault) from fault
        return opened

    def _is_file(self) -> bool:
        [found] = self._system.get_file_info([self._root])
        return bool(found.type == pafs.FileType.File)

    def _unavailable(self, fault: OSError) -> Unavailable:
        """Of what the store says only the kind: its text may hold a signed address."""
        return Unavailable(
            f"the object store does not answer ({type(fault).__name__})",
            place=self._place,
            remedy="Check the region, the credentials and the network",
        )
