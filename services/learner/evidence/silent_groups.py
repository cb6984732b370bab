"""For whom a silent period was worse: its stays with a known outcome by group, site among them, against the same limits.

The groups are those of the training evidence, read at the moment of each decision. Who was flagged is who would have had a
card, by whichever band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import PRIMARY, Guidance
from services.guidance.features import read_features
from services.guidance.models.explanation import Numbers
from services.guidance.ready import Release
from services.learner.evidence.audit_groups import attributes_of
from services.learner.evidence.intervals import Patients
from services.learner.evidence.metrics import Labels
from services.learner.evidence.subgroups import subgroup_table
from services.learner.setting import Setting
from services.learner.sites import Sites
from services.timeline.timeline import IndexRows, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRows:
    """What the record said of stays when they were decided about, as `audit_groups` reads it."""

    names: tuple[str, ...]
    values: Numbers
    states: NDArray[np.uint8]
    setting: Setting
    sites: Sites

    @classmethod
    def read(cls, release: Release, timeline: Timeline, rows: IndexRows, chosen: NDArray[np.bool_]) -> Self:
        """Of the chosen rows of one bucket."""
        features = read_features(release.plan, timeline, rows)
        return cls(
            names=features.names,
            values=features.values[chosen],
            states=features.states[chosen],
            setting=Setting.of_rows(timeline, rows).where(chosen),
            sites=Sites.of_stays(timeline, rows.encounter).where(chosen),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of all buckets, one after the other; there is at least one."""
        return cls(
            names=parts[0].names,
            values=np.concatenate([part.values for part in parts]),
            states=np.concatenate([part.states for part in parts]),
            setting=Setting.joined([part.setting for part in parts]),
            sites=Sites.joined([part.sites for part in parts]),
        )


def silent_groups(
    guidance: Guidance,
    release: str,
    rows: GroupRows | None,
    *,
    y: Labels,
    risk: Numbers,
    patients: Patients,
    carded: NDArray[np.bool_],
) -> bytes:
    """`groups.json`: the table, in the shape in which a gate reads that of training; null where all or none had the outcome."""
    looks: dict[str, Any] | None = None
    if rows is not None and 0 < int(y.sum()) < len(y):
        attributes = attributes_of(guidance, rows)
        table = subgroup_table(
            y,
            risk,
            patients,
            attributes.groups,
            threshold=0.0,
            limits=guidance.evidence,
            not_looked_at=attributes.missing,
            carded=carded,
        )
        told: dict[str, Any] = msgspec.to_builtins(table)
        looks = {"groups": {name: value for name, value in told.items() if name not in ("threshold", "comparisons")}}
    document = {
        "release": release,
        "limits": guidance.evidence.model_dump(mode="json"),
        "predictions": {PRIMARY: {"looks": looks}},
    }
    return msgspec.json.format(msgspec.json.encode(document))
