"""Between numpy and Arrow nothing is lost, whatever the words and numbers, and pandas stays where it is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from services.plumbing.event_arrays import (
    from_flags,
    from_numbers,
    from_ranks,
    from_words,
    text_and_sizes,
    to_flags,
    to_numbers,
)

words = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=20)


@given(words, st.integers(0, 5), st.integers(0, 20))
def test_words_survive_with_every_alphabet(said: list[str], begin: int, size: int) -> None:
    """Arrow reads back the same words, and a stretch of them gives its own bytes and sizes only."""
    array = from_words(said)
    array.validate(full=True)
    assert array.to_pylist() == said
    stretch = array.slice(begin, size)
    text, sizes = text_and_sizes(stretch)
    assert bytes(text).decode() == "".join(said[begin : begin + size])
    assert sizes.tolist() == [len(word.encode()) for word in said[begin : begin + size]]


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 9))
def test_yes_and_no_survive(said: list[bool], begin: int) -> None:
    """Bits are read back from wherever a stretch begins."""
    array = from_flags(np.array(said, dtype=np.bool_))
    assert array.to_pylist() == said
    assert to_flags(array.slice(begin)).tolist() == said[begin:]


@given(st.lists(st.floats(), max_size=20), st.integers(0, 9))
def test_numbers_survive_to_the_last_bit(said: list[float], begin: int) -> None:
    """Infinities, NaN and the sign of zero included; NaN is a number here, never a null."""
    values = np.array(said, dtype=np.float64)
    array = from_numbers(values[::-1], pa.float64()).slice(begin)
    assert array.null_count == 0
    assert to_numbers(array, np.float64).tobytes() == values[::-1][begin:].tobytes()


def test_ranks_name_their_words() -> None:
    """A text column is its words and, row by row, which of them."""
    column = from_ranks(np.array([1, 0, 1], dtype=np.int32), from_words(["a", "b"]))
    assert column.to_pylist() == ["b", "a", "b"]


def test_writing_a_store_does_not_import_pandas() -> None:
    """What takes 0.17 s of CPU to import must not come into every worker by the back door."""
    code = """
import sys, tempfile
from pathlib import Path
from services.plumbing.event_store import EventStore, write_segment
from services.timeline.events import EventBatch
batch = EventBatch()
batch.add(patient="p", field="Condition.code", codes="a|b", known=1)
store = EventStore.open_or_create(Path(tempfile.mkdtemp()) / "s", buckets=1)
with store.append() as append:
    append.commit([write_segment(append.staging, batch.columns(), store.buckets)])
assert len(store.read_bucket(0)) == 1
print("pandas" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "False"
