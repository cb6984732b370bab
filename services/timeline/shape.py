"""What a timeline is: every event of some patients in columns, sorted, with both times.

An event is visible at an index t iff `known <= t < until` and `time <= t`; its `end` counts only if `end <= t`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.timeline.coverage import COMPLETE, Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Events of patient i are rows `starts[i]:starts[i + 1]`, by (time, field, codes, value, resource).

    The words of a column are sorted and begin with "" (but for `fields` and `patients`), so that 0 means none.
    `encounter_words` is `resource_words`: an event's encounter and an Encounter's own events share one index.
    """

    patients: tuple[str, ...]
    starts: NDArray[np.int64]
    fields: tuple[str, ...]
    code_words: tuple[str, ...]
    unit_words: tuple[str, ...]
    answer_words: tuple[str, ...]
    resource_words: tuple[str, ...]
    field: NDArray[np.int16]
    codes: NDArray[np.int32]
    unit: NDArray[np.int16]
    answer: NDArray[np.int32]
    resource: NDArray[np.int32]
    encounter: NDArray[np.int32]
    time: NDArray[np.int64]
    end: NDArray[np.int64]
    known: NDArray[np.int64]
    until: NDArray[np.int64]
    assumed: NDArray[np.bool_]
    value: NDArray[np.float64]
    coverage: Coverage = COMPLETE

    def __len__(self) -> int:
        return len(self.time)

    @property
    def encounter_words(self) -> tuple[str, ...]:
        """What `encounter` counts into: the same words as `resource`."""
        return self.resource_words
