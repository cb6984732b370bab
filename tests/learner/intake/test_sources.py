"""Sources: whatever was readable is read, and whatever was not is named."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.learner.intake.decompress import Decompressed
from services.learner.intake.sources import Source
from services.timeline.errors import BadInput

LINES = [json.dumps({"resourceType": "Patient", "id": f"p{i}", "note": "x" * (i % 50)}) for i in range(2000)]
NDJSON = ("\n".join(LINES) + "\n").encode()


def tar_of(files: dict[str, bytes], *, mode: str = "w") -> bytes:
    """A tar archive in memory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def lines_of(source: Source) -> list[str]:
    """All lines that a source gives."""
    return [line.decode() for chunk in source.chunks() for line in chunk.data.splitlines() if line]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.ndjson", bytes),
        ("a.ndjson.gz", gzip.compress),
        ("a.ndjson.xz", lzma.compress),
        ("a.jsonl.bz2", bz2.compress),
        ("a.tar", lambda d: tar_of({"x/a.ndjson": d})),
        ("a.tar.gz", lambda d: tar_of({"a.ndjson": d}, mode="w:gz")),
        ("a.tar.xz", lambda d: tar_of({"a.ndjson": d}, mode="w:xz")),
        ("a.tar", lambda d: tar_of({"a.ndjson.gz": gzip.compress(d)})),
        ("pax.tar", lambda d: tar_of({"é" * 200 + "/a.ndjson": d, "licence.txt": b"x"})),
        ("two-members.ndjson.gz", lambda d: gzip.compress(d[:1000]) + gzip.compress(d[1000:])),
    ],
)
def test_every_form_gives_the_same_lines(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    """Plain, packed, archived, or packed inside an archive: the lines are the same, in order."""
    (tmp_path / name).write_bytes(pack(NDJSON))
    source = Source(tmp_path / name, chunk_bytes=4096)
    assert lines_of(source) == LINES
    assert not any(trouble.serious for trouble in source.troubles)
    assert source.files == 1


def test_a_folder_is_read_file_by_file_and_what_is_not_fhir_is_named(tmp_path: Path) -> None:
    """Files are read in the order of their names; a README is named as not read, and is no serious trouble."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.ndjson").write_bytes(b"{}\n")
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / "README.md").write_bytes(b"# hello")
    (tmp_path / ".hidden.ndjson").write_bytes(b"{}\n")
    source = Source(tmp_path)
    assert [(c.file, c.kind) for c in source.chunks()] == [("a.json", "document"), ("sub/b.ndjson", "lines")]
    assert [(t.place, t.serious) for t in source.troubles] == [("README.md", False)]


def test_line_numbers_survive_the_cutting_into_chunks(tmp_path: Path) -> None:
    """Each chunk says which line of its file it begins with."""
    (tmp_path / "a.ndjson").write_bytes(NDJSON)
    for chunk in Source(tmp_path / "a.ndjson", chunk_bytes=1000).chunks():
        first = chunk.data.split(b"\n", 1)[0].decode()
        assert first == LINES[chunk.first_line - 1]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(1, 20_000), form=st.sampled_from(["gz", "xz", "tar", "tar.gz", "tar.xz"]))
def test_a_truncated_file_gives_what_stood_before_the_cut_and_says_so(
    tmp_path_factory: pytest.TempPathFactory, cut: int, form: str
) -> None:
    """The lines are a beginning of the true ones, never a broken line, and exactly one serious trouble names the place."""
    whole = {
        "gz": lambda: gzip.compress(NDJSON),
        "xz": lambda: lzma.compress(NDJSON),
        "tar": lambda: tar_of({"a.ndjson": NDJSON}),
        "tar.gz": lambda: tar_of({"a.ndjson": NDJSON}, mode="w:gz"),
        "tar.xz": lambda: tar_of({"a.ndjson": NDJSON}, mode="w:xz"),
    }[form]()
    kept = whole[: max(len(whole) - cut, 200)]
    path = tmp_path_factory.mktemp("cut") / f"a.ndjson.{form}" if "tar" not in form else None
    path = path or tmp_path_factory.mktemp("cut") / f"a.{form}"
    path.write_bytes(kept)
    source = Source(path, chunk_bytes=4096)
    lines = lines_of(source)
    assert lines == LINES[: len(lines)]
    padding_only = form == "tar" and cut <= 9_000 and len(lines) == len(LINES)
    serious = [t for t in source.troubles if t.serious]
    assert len(serious) == 1 or (padding_only and len(serious) <= 1)
    if form == "tar" and len(kept) > 10_000:
        assert len(lines) >= kept[512:].count(b"\n") - 1


def test_nothing_before_the_cut_of_a_plain_tar_is_lost(tmp_path: Path) -> None:
    """A tar cut in the middle of its second file gives the whole first and every whole line of the second."""
    whole = tar_of({"a.ndjson": NDJSON, "b.ndjson": NDJSON})
    cut = 512 + -(-len(NDJSON) // 512) * 512 + 512 + 5000
    (tmp_path / "a.tar").write_bytes(whole[:cut])
    source = Source(tmp_path / "a.tar", chunk_bytes=3000)
    assert lines_of(source) == LINES + LINES[: NDJSON[:5000].count(b"\n")]
    assert [(t.place, t.serious) for t in source.troubles] == [("a.tar:b.ndjson", True)]
    assert "truncated" in source.troubles[0].message


def test_an_archive_cut_between_two_files_is_noticed(tmp_path: Path) -> None:
    """Where tarfile would end silently, the missing end mark is noticed."""
    whole = tar_of({"a.ndjson": NDJSON, "b.ndjson": NDJSON})
    (tmp_path / "a.tar").write_bytes(whole[: 512 + -(-len(NDJSON) // 512) * 512])
    source = Source(tmp_path / "a.tar")
    assert lines_of(source) == LINES
    assert [t.serious for t in source.troubles] == [True]


def test_a_damaged_header_in_the_middle_is_noticed(tmp_path: Path) -> None:
    """A header that cannot be read ends the archive: said, not silent."""
    whole = bytearray(tar_of({"a.ndjson": NDJSON, "b.ndjson": NDJSON}))
    header = 512 + -(-len(NDJSON) // 512) * 512
    whole[header + 10] ^= 0xFF
    (tmp_path / "a.tar").write_bytes(whole)
    source = Source(tmp_path / "a.tar")
    assert lines_of(source) == LINES
    assert [t.serious for t in source.troubles] == [True]


def test_a_damaged_member_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    """One broken .gz inside an archive is named; the files after it are read."""
    broken = gzip.compress(NDJSON)[:-500]
    (tmp_path / "a.tar").write_bytes(tar_of({"a.ndjson.gz": broken, "b.ndjson": NDJSON}))
    source = Source(tmp_path / "a.tar")
    assert lines_of(source)[-len(LINES) :] == LINES
    assert [(t.place, t.serious) for t in source.troubles] == [("a.tar:a.ndjson.gz", True)]


def test_a_line_too_long_is_skipped_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of gigabytes cannot fill the memory."""
    monkeypatch.setattr("services.learner.intake.sources.LONGEST_LINE", 10_000)
    (tmp_path / "a.ndjson").write_bytes(b'{"a":1}\n"' + b"x" * 50_000 + b'"\n{"b":2}\n')
    source = Source(tmp_path / "a.ndjson", chunk_bytes=4096)
    chunks = list(source.chunks())
    assert b"".join(c.data for c in chunks) == b'{"a":1}\n{"b":2}\n'
    assert chunks[-1].first_line == 3
    assert [t.place for t in source.troubles] == ["a.ndjson:2"]


def test_the_last_line_needs_no_newline(tmp_path: Path) -> None:
    """A whole file without a final newline loses nothing."""
    (tmp_path / "a.ndjson").write_bytes(NDJSON.rstrip())
    assert lines_of(Source(tmp_path / "a.ndjson", chunk_bytes=4096)) == LINES


def test_the_same_bytes_give_the_same_digest(tmp_path: Path) -> None:
    """A source is known by its content, not by where it lies."""
    digests = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.ndjson").write_bytes(NDJSON)
        source = Source(tmp_path / folder)
        list(source.chunks())
        digests.append(source.digest)
    assert digests[0] == digests[1]


def test_all_bytes_are_reported_to_the_progress_bar(tmp_path: Path) -> None:
    """The bar reaches its end."""
    (tmp_path / "a.tar.gz").write_bytes(tar_of({"a.ndjson": NDJSON, "x.txt": b"1" * 9000}, mode="w:gz"))
    seen: list[int] = []
    source = Source(tmp_path / "a.tar.gz", on_bytes=seen.append)
    list(source.chunks())
    assert sum(seen) == source.size


def test_a_source_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    """A wrong path is a clear message, not a traceback."""
    with pytest.raises(BadInput, match="no such file"):
        Source(tmp_path / "nothing.tar")


class Trickle:
    """A source that gives few bytes at a time."""

    fault = ""

    def __init__(self, data: bytes, step: int) -> None:
        self.data, self.step = data, step

    def read(self, size: int, /) -> bytes:
        """At most `step` bytes."""
        piece, self.data = self.data[: min(self.step, size)], self.data[min(self.step, size) :]
        return piece


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=3000), step=st.integers(6, 500), size=st.integers(1, 700))
def test_decompression_does_not_depend_on_how_the_bytes_come(data: bytes, step: int, size: int) -> None:
    """Any way of cutting the input gives the same output."""
    for packed in (gzip.compress(data), lzma.compress(data), bz2.compress(data)):
        stream = Decompressed(Trickle(packed, step))
        out = bytearray()
        while piece := stream.read(size):
            out += piece
        assert bytes(out) == data
        assert stream.fault == ""
