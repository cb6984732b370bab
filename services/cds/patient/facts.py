"""What is known of one patient now: each feature's value, whether anybody can say, and where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from services.guidance.features import UNKNOWN, VALUE
from services.guidance.reading.one_row import read_one_row
from services.guidance.ready import Release
from services.timeline.one_patient import Moment, OnePatient

STATES: Final = ("value", "absent", "unknown")
"""The names of `features.VALUE`, `ABSENT` and `UNKNOWN` in a decision."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The features of one patient now: values (None where there is none), what is known of each, and where it stands."""

    values: Mapping[str, float | None]
    states: Mapping[str, str]
    sources: Mapping[str, str]

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Those of `names` about which nobody can say anything."""
        return [name for name in names if self.states[name] == STATES[UNKNOWN]]


def read_facts(release: Release, patient: OnePatient, moment: Moment) -> Facts:
    """The features of the one row."""
    names = release.plan.names
    values, states, sources = read_one_row(release.plan, patient, moment, Counter())
    resource = patient.resource
    return Facts(
        values={
            name: value if state == VALUE else None for name, value, state in zip(names, values, states, strict=True)
        },
        states=dict(zip(names, map(STATES.__getitem__, states), strict=True)),
        sources={name: resource[row] for name, row in zip(names, sources, strict=True) if row >= 0},
    )
