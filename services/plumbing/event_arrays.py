"""Between numpy and Arrow: one function each way for words, for numbers and for yes and no.

Buffers are handed over as they are. `pa.array` would import pandas, where it is installed, only to ask whether it was
given a Series: 0.17 s of CPU in every worker, as much as the work on 20,000 resources.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def from_numbers(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Numbers as an array of this kind, of the same width; NaN stays NaN, nothing is null."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def from_flags(values: NDArray[np.bool_]) -> pa.BooleanArray:
    """Yes and no as an array, a bit each."""
    bits = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def from_words(words: Sequence[str]) -> pa.StringArray:
    """Words as an array."""
    text = "".join(words)
    data = text.encode()
    sizes = map(len, words if len(data) == len(text) else [word.encode() for word in words])
    ends = np.zeros(len(words) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(sizes, dtype=np.int32, count=len(words)), out=ends[1:])
    return pa.StringArray.from_buffers(len(words), pa.py_buffer(ends), pa.py_buffer(data))


def from_ranks(index: NDArray[np.int32], words: pa.StringArray) -> pa.DictionaryArray:
    """A text column: row i says `words[index[i]]`."""
    return pa.DictionaryArray.from_arrays(from_numbers(index, pa.int32()), words)


def to_numbers(array: pa.Array, kind: type[np.generic]) -> NDArray[Any]:
    """An array of numbers, of this width, as numpy; the same memory."""
    _, data = array.buffers()
    if data is None or not len(array):
        return np.zeros(0, dtype=kind)
    size = np.dtype(kind).itemsize
    return np.frombuffer(data, dtype=kind, count=len(array), offset=array.offset * size)


def to_flags(array: pa.BooleanArray) -> NDArray[np.bool_]:
    """An array of yes and no as numpy."""
    _, bits = array.buffers()
    if bits is None or not len(array):
        return np.zeros(0, dtype=np.bool_)
    unpacked = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=array.offset + len(array), bitorder="little")
    return unpacked[array.offset :].astype(np.bool_)


def text_and_sizes(words: pa.StringArray) -> tuple[memoryview, NDArray[np.int32]]:
    """All the words' UTF-8 bytes one after the other, and how many each of them has."""
    _, ends, data = words.buffers()
    if data is None or not len(words):
        return memoryview(b""), np.zeros(len(words), dtype=np.int32)
    bounds = np.frombuffer(ends, dtype=np.int32, count=len(words) + 1, offset=words.offset * 4)
    return memoryview(data)[int(bounds[0]) : int(bounds[-1])], np.diff(bounds)
