"""Universal Binary JSON, as far as XGBoost writes it: its models are in this form unless they are asked to be JSON.

Lengths are checked against what is left of the file before anything is made, so that a small file cannot ask for much.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np

from services.learner.models.imported.foreign import unreadable

_NUMBERS: Final = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_CONSTANTS: Final = {b"Z": None, b"T": True, b"F": False}
_DEEPEST: Final = 64


def read_ubjson(data: bytes, *, place: str) -> Any:
    """The content; floats of 32 bits as the same numbers in 64."""
    reader = _Reader(data, place)
    try:
        found = reader.value(reader.take(1), 0)
    except (UnicodeDecodeError, struct.error) as fault:
        raise unreadable(f"no UBJSON ({fault})", place=place) from fault
    if reader.at != len(data):
        raise unreadable(f"{len(data) - reader.at} bytes too many at the end", place=place)
    return found


class _Reader:
    def __init__(self, data: bytes, place: str) -> None:
        self._data = data
        self._place = place
        self.at = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count < 0 or self.at + count > len(self._data):
            raise unreadable("the UBJSON file is cut off", place=self._place)
        self.at += count
        return self._data[self.at - count : self.at]

    def value(self, marker: bytes, depth: int) -> Any:
        """What follows a marker."""
        if depth > _DEEPEST:
            raise unreadable(f"nested more than {_DEEPEST} deep", place=self._place)
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker in _NUMBERS:
            return self._numbers(marker, 1)[0]
        if marker == b"S":
            return self._text()
        if marker == b"C":
            return self.take(1).decode("ascii")
        if marker == b"[":
            return self._array(depth)
        if marker == b"{":
            return self._object(depth)
        raise unreadable(f"an unknown UBJSON marker {marker!r}", place=self._place)

    def _array(self, depth: int) -> list[Any]:
        kind, count = self._size()
        if kind in _NUMBERS:
            return self._numbers(kind, count)
        if kind:
            raise unreadable(f"an array of {kind!r}", place=self._place)
        found: list[Any] = []
        while (count < 0 and self._peek() != b"]") or len(found) < count:
            found.append(self.value(self.take(1), depth + 1))
        if count < 0:
            self.take(1)
        return found

    def _object(self, depth: int) -> dict[str, Any]:
        kind, count = self._size()
        if kind:
            raise unreadable(f"an object of {kind!r}", place=self._place)
        found: dict[str, Any] = {}
        read = 0
        while (count < 0 and self._peek() != b"}") or read < count:
            name = self._text()
            found[name] = self.value(self.take(1), depth + 1)
            read += 1
        if count < 0:
            self.take(1)
        return found

    def _size(self) -> tuple[bytes, int]:
        """The one type of all members (empty: each has its own), and how many there are (-1: until the bracket)."""
        kind = b""
        if self._peek() == b"$":
            self.take(1)
            kind = self.take(1)
        if self._peek() != b"#":
            if kind:
                raise unreadable("a type without a count", place=self._place)
            return b"", -1
        self.take(1)
        count = self._length()
        if count > len(self._data) - self.at:
            raise unreadable("the UBJSON file is cut off", place=self._place)
        return kind, count

    def _numbers(self, marker: bytes, count: int) -> list[Any]:
        kind = np.dtype(_NUMBERS[marker])
        found: list[Any] = np.frombuffer(self.take(count * kind.itemsize), dtype=kind).tolist()
        return found

    def _text(self) -> str:
        return self.take(self._length()).decode("utf-8")

    def _length(self) -> int:
        marker = self.take(1)
        if marker not in _NUMBERS or marker in b"dD":
            raise unreadable(f"a length of type {marker!r}", place=self._place)
        length = int(self._numbers(marker, 1)[0])
        if length < 0:
            raise unreadable("a length below 0", place=self._place)
        return length

    def _peek(self) -> bytes:
        return self._data[self.at : self.at + 1]
