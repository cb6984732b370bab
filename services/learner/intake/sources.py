"""Where FHIR data comes from: folders, archives and files of NDJSON or JSON, here or in an object store, as a stream of chunks.

What was readable before a fault is handed on; the fault is kept as a `Trouble` with its place. Nothing is unpacked to
disk, and memory is bounded by a chunk (a JSON Bundle is read whole).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Protocol

import numpy as np

from services.learner.intake.archive import Archive
from services.learner.intake.decompress import Decompressed
from services.plumbing.object_store import ObjectFolder, is_address
from services.timeline.errors import BadInput

CHUNK: Final = 2 * 2**20
"""Bytes that are read at once: larger ones do not stay in the processor's caches while they are digested."""
LONGEST_LINE: Final = 64 * 2**20
LARGEST_DOCUMENT: Final = 2**30
NDJSON: Final = (".ndjson", ".jsonl")
DOCUMENT: Final = (".json",)
TAR: Final = (".tar", ".tgz", ".txz", ".tbz2")
PACKED: Final = (".gz", ".xz", ".bz2")
_NEWLINE: Final = ord("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some lines of NDJSON, or one JSON document, and where they stand in the source."""

    file: str
    first_line: int
    kind: Literal["lines", "document"]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something in the source that could not be read, and what was done about it."""

    place: str
    message: str
    serious: bool = True
    """Data is missing (a truncated archive), as against a file that is not FHIR data."""


class Readable(Protocol):
    """A file as it is stored."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Holder(Protocol):
    """A folder or file, wherever it lies."""

    name: str

    def files(self) -> list[tuple[str, int]]:
        """Name and size of each file, sorted; hidden ones are left out."""

    def open(self, name: str) -> AbstractContextManager[Readable]:
        """One of them."""


class LocalFiles:
    """A folder or file of this machine."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        if not path.exists():
            raise BadInput(
                "no such file or folder", place=str(path), remedy="Name a folder, archive or file of FHIR data"
            )

    def files(self) -> list[tuple[str, int]]:
        """Name and size of each file, sorted by path; hidden ones are left out."""
        if self._path.is_file():
            return [(self._path.name, self._path.stat().st_size)]
        found = (p for p in self._path.rglob("*") if p.is_file())
        shown = (p for p in found if not any(q.startswith(".") for q in p.relative_to(self._path).parts))
        return [(p.relative_to(self._path).as_posix(), p.stat().st_size) for p in sorted(shown)]

    def open(self, name: str) -> AbstractContextManager[Readable]:
        """One of them."""
        return (self._path if self._path.is_file() else self._path / name).open("rb")


class Source:
    """One thing to ingest. `chunks` is read once; then `troubles`, `files` and `digest` say how it went."""

    def __init__(
        self, path: Path | str, *, chunk_bytes: int = CHUNK, on_bytes: Callable[[int], None] = lambda _: None
    ) -> None:
        """`path`: also the address of a folder or file in an object store (`s3://bucket/export`)."""
        self._holder: Holder
        if is_address(str(path)):
            self._holder = ObjectFolder(str(path))
        else:
            self._holder = LocalFiles(Path(path))
        self.troubles: list[Trouble] = []
        self.files = 0
        self._chunk_bytes = chunk_bytes
        self._on_bytes = on_bytes
        self._digests: list[tuple[str, str]] = []
        self._listed = self._holder.files()

    @property
    def name(self) -> str:
        """What the source is called: its last part."""
        return self._holder.name

    @property
    def size(self) -> int:
        """Bytes as they are stored: what the progress bar runs to."""
        return sum(size for _, size in self._listed)

    @property
    def digest(self) -> str:
        """SHA-256 over the bytes that were read, file by file: the same source, the same digest."""
        lines = [f"{name}\x00{digest}" for name, digest in sorted(self._digests)]
        return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def chunks(self) -> Iterator[Chunk]:
        """Everything that can be read, in the order in which it stands."""
        for name, _ in self._listed:
            yield from self._file(name)

    def _file(self, name: str) -> Iterator[Chunk]:
        with self._holder.open(name) as raw:
            meter = _Meter(raw, self._on_bytes)
            stream = Decompressed(meter)
            if _is_tar(name, stream.peek(512)):
                yield from self._archive(stream, name)
            else:
                yield from self._member(stream, name)
            while meter.read(CHUNK):  # a file that was left early still counts with all its bytes
                pass
            self._digests.append((name, meter.sha.hexdigest()))

    def _archive(self, stream: Decompressed, name: str) -> Iterator[Chunk]:
        """The files of a tar archive, one after the other, without seeking."""
        archive, place = Archive(stream), name
        for path, content in archive.files():
            place = f"{name}:{PurePosixPath(path)}"
            yield from self._member(Decompressed(content), place, archive)
        if archive.fault:
            self._trouble(place, archive.fault)

    def _member(self, stream: Decompressed, name: str, archive: Archive | None = None) -> Iterator[Chunk]:
        """One file, outside or inside an archive."""
        bare = _bare(name)
        if bare.endswith(NDJSON):
            self.files += 1
            yield from self._lines(stream, name)
        elif bare.endswith(DOCUMENT):
            self.files += 1
            yield from self._document(stream, name)
        else:
            self.troubles.append(Trouble(place=name, message="not read: neither .ndjson nor .json", serious=False))
        if stream.fault and not (archive and archive.fault):
            self._trouble(name, stream.fault)

    def _lines(self, stream: Decompressed, name: str) -> Iterator[Chunk]:
        """Chunks that end at the end of a line."""
        rest, line, skipping = b"", 1, False
        while block := stream.fill(self._chunk_bytes):
            if skipping:  # the rest of a line that is too long is dropped, up to its end
                end = block.find(b"\n")
                if end < 0:
                    continue
                block, skipping, line = block[end + 1 :], False, line + 1
            end = block.rfind(b"\n") + 1
            if end:
                data = b"".join((rest, memoryview(block)[:end]))  # megabytes are copied once, not twice
                yield Chunk(file=name, first_line=line, kind="lines", data=data)
                line += _breaks(data)
                rest = b""
            rest += block[end:]
            if len(rest) > LONGEST_LINE:
                self._trouble(f"{name}:{line}", f"a line longer than {LONGEST_LINE // 2**20} MiB", "skipped")
                rest, skipping = b"", True
        # Where the stream broke off, the last line is cut in the middle.
        if rest.strip() and not stream.fault:
            yield Chunk(file=name, first_line=line, kind="lines", data=rest)

    def _document(self, stream: Decompressed, name: str) -> Iterator[Chunk]:
        """One JSON document, whole."""
        data = stream.fill(LARGEST_DOCUMENT + 1)
        if len(data) > LARGEST_DOCUMENT:
            self._trouble(name, "a JSON document larger than 1 GiB; send it as NDJSON", "skipped")
        elif data.strip() and not stream.fault:
            yield Chunk(file=name, first_line=1, kind="document", data=data)

    def _trouble(self, place: str, what: str, done: str = "what stands before that was read") -> None:
        self.troubles.append(Trouble(place=place, message=f"{what}: {done}"))


class _Meter:
    """The file on disk: counts and digests what is read."""

    def __init__(self, raw: Readable, on_bytes: Callable[[int], None]) -> None:
        self._raw = raw
        self._on_bytes = on_bytes
        self.fault = ""
        self.sha = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._raw.read(size)
        self.sha.update(data)
        self._on_bytes(len(data))
        return data


def _breaks(data: bytes) -> int:
    """How many lines end here; `bytes.count` looks at one byte at a time, and takes five times as long."""
    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE))


def _bare(name: str) -> str:
    """The name without the suffix of a compression."""
    return name.removesuffix(next((suffix for suffix in PACKED if name.endswith(suffix)), ""))


def _is_tar(name: str, head: bytes) -> bool:
    """By its magic, or by its name where the magic is missing (old tars)."""
    return head[257:262] == b"ustar" or _bare(name).endswith(TAR)
