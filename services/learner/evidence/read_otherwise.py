"""In whom a device reads otherwise than what else tells of the same state: every group, and every group at each site.

A reading that is there and wrong is missing in no count. Where the guidance names what tells of the same state (a reference
measurement, or findings that move with it), the reading is held against what these explain among all rows of the same site;
the difference in a group has a limit that is fixed before the data. That the device is at fault, and not the body, only a
reference measurement in these very people can show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from services.guidance.definition import Guidance
from services.guidance.estimate import Estimate
from services.guidance.features import VALUE
from services.guidance.lifecycle import Verdict
from services.guidance.models.explanation import Numbers
from services.learner.evidence.group_lines import Chosen, GroupOfRows, groups_of_rows, not_its_own, seen_through
from services.learner.evidence.intervals import Patients, mean_beside
from services.learner.evidence.recorded_needs import Needs
from services.learner.feature_matrix import CohortRows


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadInGroup:
    """The readings of one group."""

    attribute: str
    value: str
    rows: int
    """With a reading."""
    patients: int
    mean: Estimate
    explained: float
    """The mean that there would be if they were read as others with the same other findings at the same site."""
    apart: Estimate
    """`mean` less `explained`: above 0 it reads too high, or their bodies are otherwise."""
    verdict: Verdict
    """Does not meet: the whole interval of `apart` is beyond the limit, on either side."""
    through: str | None = None
    """The group without whose rows this line keeps the limit, or cannot be told."""

    @property
    def name(self) -> str:
        """`language: Spanish`."""
        return f"{self.attribute}: {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRead:
    """One input beside what tells of the same state."""

    name: str
    label: str
    unit: str
    beside: tuple[str, ...]
    """Names of features."""
    limit: float
    rows: int
    """With a reading."""
    groups: tuple[ReadInGroup, ...]
    too_few: tuple[str, ...]
    """Groups of fewer than ten patients, of whom no number is told."""

    @property
    def found(self) -> list[ReadInGroup]:
        """Those shown to be read otherwise, and not only through another; the strongest first."""
        own = [one for one in self.groups if one.verdict == "does not meet" and one.through is None]
        return sorted(own, key=lambda one: -_strength(one.apart))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOtherwise:
    """Every input for which the guidance names what tells of the same state."""

    level: float
    """Of each interval, so that all together hold at 95 % (Bonferroni)."""
    comparisons: int
    inputs: tuple[InputRead, ...]

    @property
    def lines(self) -> Iterator[tuple[InputRead, ReadInGroup]]:
        """Every comparison."""
        return ((one, group) for one in self.inputs for group in one.groups)


def read_otherwise(
    guidance: Guidance, rows: CohortRows, attributes: Mapping[str, Sequence[str | None]]
) -> ReadOtherwise | None:
    """Of every such input in every group of every attribute (one text for each row); None: the guidance names no such input."""
    if not guidance.evidence.read_beside:
        return None
    readings = [_Readings.of_rows(guidance, name, rows, attributes) for name in guidance.evidence.read_beside]
    comparisons = sum(group.told for one in readings for group in one.groups)
    level = 1 - 0.05 / max(comparisons, 1)
    return ReadOtherwise(level=level, comparisons=comparisons, inputs=tuple(one.looked_at(level) for one in readings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readings:
    """The rows in which one input was read."""

    guidance: Guidance
    name: str
    values: Numbers
    patients: Patients
    findings: Needs
    groups: tuple[GroupOfRows, ...]

    @classmethod
    def of_rows(
        cls, guidance: Guidance, name: str, rows: CohortRows, attributes: Mapping[str, Sequence[str | None]]
    ) -> _Readings:
        place = rows.names.index(name)
        read = rows.states[:, place] == VALUE
        chosen = np.flatnonzero(read).tolist()
        here = {attribute: [column[row] for row in chosen] for attribute, column in attributes.items()}
        return cls(
            guidance=guidance,
            name=name,
            values=rows.values[read, place],
            patients=rows.patients[read],
            findings=Needs.of_features(guidance.evidence.read_beside[name].beside, rows, read),
            groups=tuple(groups_of_rows(here, rows.patients[read])) if chosen else (),
        )

    def looked_at(self, level: float) -> InputRead:
        declared, feature = self.guidance.evidence.read_beside[self.name], self.guidance.features[self.name]

        @cache
        def explained(without: tuple[str, ...]) -> Numbers:
            return self.findings.expected(self.values[:, None], (self.name,), without=without)[:, 0]

        def compared(group: GroupOfRows, chosen: Chosen) -> tuple[Estimate, Estimate]:
            others = explained(not_its_own(self.guidance, group))
            return mean_beside(self.values[chosen], others[chosen], self.patients[chosen], level=level)

        told = [group for group in self.groups if group.told]
        lines = [_line(group, compared(group, group.chosen), declared.apart) for group in told]

        def stands(place: int, left_out: Chosen) -> bool:
            left = told[place].chosen & ~left_out
            # One reading, or those of one person, have no spread.
            if len(np.unique(self.patients[left])) < 2:
                return False
            return _verdict(compared(told[place], left)[1], declared.apart) == "does not meet"

        beyond = {place: _strength(line.apart) for place, line in enumerate(lines) if line.verdict == "does not meet"}
        for place, other in seen_through(beyond, [group.chosen for group in told], stands).items():
            lines[place] = replace(lines[place], through=told[other].name)
        return InputRead(
            name=self.name,
            label=feature.label,
            unit=feature.unit or "",
            beside=declared.beside,
            limit=declared.apart,
            rows=len(self.values),
            groups=tuple(lines),
            too_few=tuple(group.name for group in self.groups if not group.told),
        )


def _line(group: GroupOfRows, found: tuple[Estimate, Estimate], limit: float) -> ReadInGroup:
    mean, apart = found
    return ReadInGroup(
        attribute=group.attribute,
        value=group.value,
        rows=int(group.chosen.sum()),
        patients=group.people,
        mean=mean,
        explained=mean.value - apart.value,
        apart=apart,
        verdict=_verdict(apart, limit),
    )


def _verdict(apart: Estimate, limit: float) -> Verdict:
    """The whole interval beyond the limit on one side does not meet it, wholly within both meets."""
    low, high = apart.ci
    if low > limit or high < -limit:
        return "does not meet"
    return "meets" if -limit <= low and high <= limit else "cannot tell"


def _strength(apart: Estimate) -> float:
    """How far its interval is from nothing."""
    low, high = apart.ci
    return max(low, -high)
