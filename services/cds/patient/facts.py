"""What is known of one patient now: each feature's value, whether anybody can say, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.guidance.features import UNKNOWN, VALUE, FeatureMatrix, read_features
from services.guidance.ready import Release
from services.timeline.timeline import IndexRows, Timeline

STATES: Final = ("value", "absent", "unknown")
"""The names of `features.VALUE`, `ABSENT` and `UNKNOWN` in a decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The features of one patient now: values (None where there is none), what is known of each, and where it stands."""

    values: Mapping[str, float | None]
    states: Mapping[str, str]
    sources: Mapping[str, str]

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Those of `names` about which nobody can say anything."""
        return [name for name in names if self.states[name] == STATES[UNKNOWN]]


def read_facts(release: Release, timeline: Timeline, rows: IndexRows) -> Facts:
    """The features of the one row."""
    matrix: FeatureMatrix = read_features(release.plan, timeline, rows)
    values = matrix.values[0].tolist()
    states = matrix.states[0].tolist()
    words, resource = timeline.resource_words, timeline.resource
    return Facts(
        values={
            name: value if state == VALUE else None
            for name, value, state in zip(matrix.names, values, states, strict=True)
        },
        states={name: STATES[state] for name, state in zip(matrix.names, states, strict=True)},
        sources={
            name: words[resource[row]]
            for name, row in zip(matrix.names, matrix.sources[0].tolist(), strict=True)
            if row >= 0
        },
    )
