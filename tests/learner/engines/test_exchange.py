"""What engines exchange: what was said is what is understood, to the bit, and as the type that the function names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from services.learner.engines.exchange import opened, said, takes_and_gives, understood
from services.learner.feature_matrix import CohortRows, rows_of_bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something with all that is exchanged in it."""

    values: NDArray[np.float64]
    states: NDArray[np.uint8]
    chosen: NDArray[np.bool_]
    place: Path
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


def heard(content: object, kind: object) -> object:
    """There and back."""
    return understood(opened(said(content).to_pybytes())[0], kind)


@given(
    values=arrays.arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(1, 3))),
    states=arrays.arrays(np.uint8, st.integers(0, 9)),
    chosen=arrays.arrays(np.bool_, st.integers(0, 9)),
    counts=st.dictionaries(st.tuples(st.text(), st.text()), st.integers(0, 2**40)),
)
def test_what_is_said_is_understood_to_the_bit(
    values: NDArray[np.float64],
    states: NDArray[np.uint8],
    chosen: NDArray[np.bool_],
    counts: dict[tuple[str, str], int],
) -> None:
    """Every NaN with its own bits, every shape, empty ones too; counts stay counts."""
    told = Found(values=values, states=states, chosen=chosen, place=Path("a/b"), counts=Counter(counts))
    back = heard(told, Found)
    assert isinstance(back, Found)
    for mine, theirs in ((values, back.values), (states, back.states), (chosen, back.chosen)):
        assert (theirs.dtype, theirs.shape, theirs.tobytes()) == (mine.dtype, mine.shape, mine.tobytes())
        assert theirs.flags.writeable
    assert back.place == Path("a/b")
    assert (type(back.counts), back.counts) == (Counter, Counter(counts))


def test_a_matrix_is_arrow_columns_of_its_own_kinds() -> None:
    """Anybody who reads Arrow can read what is exchanged."""
    told = Found(values=np.eye(2), states=np.arange(3, dtype=np.uint8), chosen=np.ones(1, dtype=bool), place=Path())
    batch, _ = opened(said(told))
    assert [batch.schema.field(n).type for n in ("0", "1")] == [pa.large_list(pa.float64()), pa.large_list(pa.uint8())]
    assert batch.column("0").to_pylist() == [[1.0, 0.0, 0.0, 1.0]]


def test_a_message_is_only_ever_what_the_function_says_it_takes() -> None:
    """A message that holds something else is refused, whatever it claims to be."""
    with pytest.raises(msgspec.ValidationError):
        heard({"values": "text"}, Found)
    takes, gives = takes_and_gives(rows_of_bucket)
    assert gives is CohortRows
    with pytest.raises(msgspec.ValidationError):
        heard(("cmd", "rm"), takes)


def test_what_cannot_be_said_in_data_is_not_said_at_all() -> None:
    """No objects, no code: there is no way around the types."""
    with pytest.raises(NotImplementedError, match="function"):
        said(heard)
    with pytest.raises(NotImplementedError, match="array of object"):
        said(np.array([heard], dtype=object))
