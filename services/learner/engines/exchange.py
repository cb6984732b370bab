"""What engines send to workers on other machines and get back from them: Arrow, and nothing that could be code.

A task or a result is one Arrow record batch with one row: every array that is in it is a column of its own, as it lies in
memory, and the last column holds all the rest as MessagePack. What it is read as is what the function says that it takes and
gives: a type, never what the message claims.
"""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.plumbing.event_arrays import from_numbers, to_numbers

_KINDS: Final[dict[str, pa.DataType]] = {
    "f8": pa.float64(),
    "i8": pa.int64(),
    "i4": pa.int32(),
    "i1": pa.int8(),
    "u1": pa.uint8(),
    "b1": pa.uint8(),
}
"""numpy's kinds that are exchanged, and Arrow's."""
_REST: Final = "rest"


def said(content: Any, *, packed: bool = False, **notes: str) -> pa.Buffer:
    """A task or a result as an Arrow stream, with a few words on it; `packed` makes it smaller for a little work."""
    columns: list[pa.Array] = []

    def other(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            kind = value.dtype.str[1:]
            if kind not in _KINDS:
                raise NotImplementedError(f"an array of {value.dtype}")  # what msgspec asks of a hook
            columns.append(_column(value, kind))
            return [kind, list(value.shape), len(columns) - 1]
        if isinstance(value, PurePath):
            return str(value)
        if isinstance(value, np.generic):
            return value.item()
        raise NotImplementedError(type(value).__name__)

    rest = msgspec.msgpack.encode(content, enc_hook=other)
    names = [*map(str, range(len(columns))), _REST]
    columns.append(pa.array([rest], pa.large_binary()))
    batch = pa.RecordBatch.from_arrays(columns, names=names).replace_schema_metadata(notes)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4" if packed else None)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as stream:
        stream.write_batch(batch)
    return sink.getvalue()


def opened(message: bytes | pa.Buffer) -> tuple[pa.RecordBatch, dict[str, str]]:
    """What was said, still to be understood, and the words on it."""
    with pa.ipc.open_stream(message) as stream:
        batch = stream.read_next_batch()
    return batch, {name.decode(): word.decode() for name, word in (batch.schema.metadata or {}).items()}


def understood(batch: pa.RecordBatch, kind: Any) -> Any:
    """What was said, as this type."""

    def other(wanted: Any, value: Any) -> Any:
        origin = typing.get_origin(wanted) or wanted
        if origin is np.ndarray:
            named, shape, place = value
            # A copy: arrays are written to here, and those of Arrow cannot be.
            return to_numbers(batch.column(place).values, np.dtype(named).type).copy().reshape(shape)
        if origin is Path:
            return Path(value)
        if origin is Counter:
            return Counter(value)
        raise NotImplementedError(str(wanted))

    rest = batch.column(_REST)[0].as_buffer()
    return msgspec.msgpack.Decoder(kind, dec_hook=other).decode(rest)


def _column(values: NDArray[Any], kind: str) -> pa.LargeListArray:
    flat = np.ascontiguousarray(values).reshape(-1)
    ends = from_numbers(np.array([0, len(flat)], dtype=np.int64), pa.int64())
    return pa.LargeListArray.from_arrays(ends, from_numbers(flat, _KINDS[kind]))


@lru_cache(maxsize=32)
def takes_and_gives(function: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The types of a function's argument and of its result."""
    hints = typing.get_type_hints(function)
    gives = hints.pop("return")
    (takes,) = hints.values()
    return takes, gives
