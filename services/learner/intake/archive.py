"""A tar archive as a stream of its files: read to where it ends or breaks, and nothing before that is lost.

The standard library's reader ends silently at a damaged header or at a cut between two files, and loses the block in
which an archive breaks off; here both are faults, and every byte before them is given. Only headers are its work.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Final

from services.learner.intake.decompress import Decompressed

TRUNCATED: Final = "the archive is truncated"
DAMAGED: Final = "the archive is damaged"
MORE: Final = "something follows the end mark of the archive (another archive?) and was not read"
BLOCK: Final = 512
LONGEST_HEADER: Final = 2**20


class Archive:
    """A tar archive; `fault` says why it ended too early, if it did."""

    def __init__(self, stream: Decompressed) -> None:
        self._stream = stream
        self._fault = ""

    @property
    def fault(self) -> str:
        """Why it ended too early; empty if all is well."""
        return self._stream.fault or self._fault

    def files(self) -> Iterator[tuple[str, Member]]:
        """Each regular file's path and content; what is left of a content is skipped when the next is asked for."""
        extended: dict[str, str] = {}
        while (header := self._header()) is not None:
            member = Member(self, header.size)
            if header.type in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
                data = member.read(LONGEST_HEADER)
                extended |= _records(data) if header.type == tarfile.XHDTYPE else {"path": _text(data)}
            elif header.type in tarfile.REGULAR_TYPES and header.type != tarfile.GNUTYPE_SPARSE:
                if "size" in extended:
                    member = Member(self, int(extended["size"]))
                yield extended.get("path", header.name), member
                extended = {}
            elif header.type not in (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE):
                extended = {}
            member.skip()
        # To the very end: a checksum may stand there, and nothing but zeros should.
        while rest := self._stream.read(2**20):
            if rest.strip(b"\x00") and not self.fault:
                self._fault = MORE

    def take(self, size: int) -> bytes:
        """At most `size` bytes of the archive; fewer than that only where it breaks off."""
        data = self._stream.fill(size)
        if len(data) < size:
            self._fault = TRUNCATED
        return data

    def _header(self) -> tarfile.TarInfo | None:
        """The next header; None at the end mark (a block of zeros), and at a fault."""
        if self.fault:
            return None
        block = self.take(BLOCK)
        try:
            return None if self.fault else tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.TarError:
            if block.strip(b"\x00"):
                self._fault = DAMAGED
            return None


class Member:
    """The content of one file in an archive, while it is that file's turn."""

    def __init__(self, archive: Archive, size: int) -> None:
        self._archive = archive
        self._left = size
        self._padding = -size % BLOCK

    @property
    def fault(self) -> str:
        """The archive's fault, if it broke off here."""
        return self._archive.fault

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end, or where the archive breaks off."""
        wanted = min(size, self._left)
        if not wanted or self.fault:
            return b""
        data = self._archive.take(wanted)
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Go to the next header."""
        while self.read(2**20):
            pass
        if not self.fault:
            self._archive.take(self._padding)


def _records(data: bytes) -> dict[str, str]:
    """The records of a pax header, `length key=value` and a newline each; only path and size matter here."""
    records: dict[str, str] = {}
    while (end := data.find(b" ")) > 0 and data[:end].isdigit() and int(data[:end]) > end:
        record, data = data[end + 1 : int(data[:end]) - 1], data[int(data[:end]) :]
        key, _, value = record.partition(b"=")
        records[_text(key)] = _text(value)
    if not records.get("size", "0").isdigit():
        del records["size"]
    return records


def _text(data: bytes) -> str:
    """A name, whatever its encoding."""
    return data.rstrip(b"\x00").decode("utf-8", "replace")
