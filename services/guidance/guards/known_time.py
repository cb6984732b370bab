"""No value comes from what was not yet known, or had not yet happened: proved on every run, and named where it fails.

Two proofs, because neither suffices: the event behind each single value is looked up again (of what several events gave,
a mean or a count, no single one stands), and canaries that became known too late must not be seen by anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.guidance.errors import Refused
from services.timeline.timeline import Timeline

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTimeProof:
    """What was proved of some rows; proofs of buckets add up."""

    future: Counter[str] = field(default_factory=Counter)
    """Feature → values that came from an event not known at the moment of prediction."""
    rows: int = 0
    """Rows before which canaries were planted."""
    seen: Counter[str] = field(default_factory=Counter)
    """Feature → rows in which its canary was read although it was not known yet."""
    awake: Counter[str] = field(default_factory=Counter)
    """Feature → rows in which its canary was read one microsecond later, when it was known."""

    def __add__(self, other: KnownTimeProof) -> KnownTimeProof:
        return KnownTimeProof(
            future=self.future + other.future,
            rows=self.rows + other.rows,
            seen=self.seen + other.seen,
            awake=self.awake + other.awake,
        )

    def faults(self) -> tuple[str, ...]:
        """One sentence for each feature that read the future; none is a proof."""
        late = [
            f"{number} values of `{name}` came from events that were not known at the moment of prediction."
            for name, number in sorted(self.future.items())
        ]
        late += [
            f"In {number} of {self.rows} rows `{name}` read a canary that became known after the moment of prediction."
            for name, number in sorted(self.seen.items())
        ]
        if self.rows and not self.awake:
            late.append(f"In {self.rows} rows no canary was read even once it was known: nothing is proved.")
        return tuple(late)

    def must_hold(self) -> None:
        """Refused, with the features named, if anything of the future was read: what follows would be worthless."""
        if faults := self.faults():
            raise Refused(
                "the training is refused, because the future was read: " + " ".join(faults),
                remedy="This is a fault of the engine or of the stored times, not of the guidance: report it with this message",
            )


def values_of_the_future(
    names: Sequence[str], sources: NDArray[np.int64], timeline: Timeline, at: Ints
) -> Counter[str]:
    """Feature → values whose event was not yet known, or had not yet happened.

    `sources` is rows x features: the timeline row behind each value, -1 where there is none; `at` the rows' moments.
    """
    row, feature = (sources >= 0).nonzero()
    event, moment = sources[row, feature], at[row]
    late = (timeline.known[event] > moment) | (timeline.time[event] > moment)
    found = np.bincount(feature[late], minlength=len(names))
    return Counter({name: int(number) for name, number in zip(names, found.tolist(), strict=True) if number})
