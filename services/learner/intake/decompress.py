"""A compressed stream, read to where it ends or breaks: at a fault, what came before it is still given.

The standard library's files raise at a truncated end and lose what they had read for that call.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Final, Protocol

BLOCK: Final = 2**14  # what a damaged block takes with it is at most this much of compressed data


class Readable(Protocol):
    """What gives bytes until it gives none; `fault` says why it ended too early, if it did."""

    @property
    def fault(self) -> str:
        """Empty if all is well."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Decoder(Protocol):
    """A decompressor of the standard library: one stream, fed in pieces."""

    @property
    def eof(self) -> bool:
        """The end of the stream was reached."""

    @property
    def unused_data(self) -> bytes:
        """What follows the end."""

    def decompress(self, data: bytes, /) -> bytes:
        """The plain bytes of a piece."""


MAGIC: Final[tuple[tuple[bytes, str, Callable[[], Decoder]], ...]] = (
    (b"\xfd7zXZ\x00", "xz", lzma.LZMADecompressor),
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(wbits=31)),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
)


class Decompressed:
    """Plain bytes from a source that may be compressed; `fault` says why it ended too early, if it did."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._fault = ""
        self._plain = bytearray()
        self._input = source.read(BLOCK)
        found = next(((name, make) for magic, name, make in MAGIC if self._input.startswith(magic)), None)
        self._name = found[0] if found else ""
        self._make: Callable[[], Decoder] | None = found[1] if found else None
        self._decoder: Decoder | None = self._make() if self._make else None
        self._ended = False

    @property
    def fault(self) -> str:
        """Why it ended too early; empty if all is well."""
        return self._source.fault or self._fault

    def peek(self, size: int) -> bytes:
        """The first bytes, without taking them."""
        self._have(size)
        return bytes(self._plain[:size])

    def read(self, size: int, /) -> bytes:
        """At most `size` plain bytes; none at the end or at a fault."""
        self._have(1)
        data = bytes(self._plain[:size])
        del self._plain[:size]
        return data

    def fill(self, size: int) -> bytes:
        """As many plain bytes as there are, up to `size`."""
        pieces: list[bytes] = []
        left = size
        while left and (piece := self._straight(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _straight(self, size: int) -> bytes:
        """At most `size` bytes; what is not compressed goes through without being copied."""
        if self._decoder is not None or self._plain:
            return self.read(size)
        piece = self._input or self._source.read(size)
        self._input = piece[size:]
        return piece[:size]

    def _have(self, size: int) -> None:
        while len(self._plain) < size and not self._ended:
            piece = self._input or self._source.read(BLOCK if self._decoder else 2**20)
            self._input = b""
            if not piece:
                self._ended = True
                if self._decoder is not None and not self._decoder.eof:
                    self._fault = f"the {self._name} stream is truncated"
                return
            self._feed(piece)

    def _feed(self, piece: bytes) -> None:
        if self._decoder is None or self._make is None:
            self._plain += piece
            return
        try:
            while piece:
                if self._decoder.eof:
                    piece = piece.lstrip(b"\x00")  # padding between streams
                    if not piece:
                        return
                    self._decoder = self._make()
                self._plain += self._decoder.decompress(piece)
                piece = self._decoder.unused_data if self._decoder.eof else b""
        except (lzma.LZMAError, zlib.error, OSError, EOFError):
            self._fault = f"the {self._name} stream is damaged"
            self._ended = True
