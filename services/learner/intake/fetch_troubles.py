"""What a server says is missing from its own export, and what does not add up in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from services.learner.intake.decompress import Decompressed
from services.learner.intake.fetch_state import Desk, FetchState, WantedFile
from services.learner.intake.sources import Trouble

_MISSING: Final = frozenset({"error", "fatal"})
_BLOCK: Final = 2**20


class _Issue(msgspec.Struct):
    severity: str = ""
    code: str = ""


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


def troubles_of(held: Desk, state: FetchState, *, accept: bool) -> list[Trouble]:
    """The error files, by severity and code (their texts may tell of patients), and counts that do not fit.

    `accept`: that something is missing is known, and no reason to ask for all of it again.
    """
    troubles: list[Trouble] = []
    for one in state.files:
        path = held.place_of(one)
        if one.kind == "error":
            troubles += _issues(path, one, accept)
        elif one.count is not None and (lines := sum(1 for _ in _lines(path))) != one.count:
            troubles.append(
                Trouble(
                    place=one.name, message=f"{lines:,} resources, the server says {one.count:,}", serious=not accept
                )
            )
    return troubles


def _issues(path: Path, file: WantedFile, accept: bool) -> Iterator[Trouble]:
    counts: Counter[tuple[str, str]] = Counter()
    for line in _lines(path):
        try:
            issues = msgspec.json.decode(line, type=_Outcome).issue
        except (msgspec.DecodeError, UnicodeDecodeError):
            issues = [_Issue(severity="error", code="unreadable")]
        counts.update((_word(one.severity), _word(one.code)) for one in issues)
    for (severity, code), count in sorted(counts.items()):
        yield Trouble(
            place=file.name,
            message=f"the server says {count:,} times: {severity}, {code}",
            serious=severity in _MISSING and not accept,
        )


def _word(text: str) -> str:
    return text if text.isascii() and text.replace("-", "").isalpha() and len(text) < 40 else "other"


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that may be packed."""
    with path.open("rb") as raw:
        stream, rest = Decompressed(_Plain(raw)), b""
        while block := stream.read(_BLOCK):
            *whole, rest = (rest + block).split(b"\n")
            yield from (line for line in whole if line.strip())
        if rest.strip():
            yield rest


class _Plain:
    """A file as `Decompressed` reads it."""

    fault = ""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    def read(self, size: int, /) -> bytes:
        return self._raw.read(size)
