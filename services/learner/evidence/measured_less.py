"""In whom an input is measured less than need explains: every group, and every group at each site, none left out.

What is not measured is missing to the model, and whoever is measured less is judged by less. How often an input is missing
is held against what the recorded needs of the same rows ask for at the same site (`recorded_needs`); the difference has a
limit that is fixed before the data. Intervals are widened for the number of comparisons. One fault shows in every group
that holds its rows: a line that keeps its limit once the rows of a stronger line are left out is said to be seen through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from services.guidance.definition import Guidance
from services.guidance.estimate import Estimate
from services.guidance.features import VALUE
from services.guidance.lifecycle import Verdict
from services.guidance.models.explanation import Numbers
from services.learner.evidence.group_lines import Chosen, groups_of_rows, not_its_own, seen_through
from services.learner.evidence.intervals import share_beside
from services.learner.evidence.recorded_needs import Needs, need_features
from services.learner.feature_matrix import CohortRows


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOfGroup:
    """One input in one group."""

    name: str
    label: str
    missing: Estimate
    """The share of rows without a value."""
    by_needs: float
    """The share that would be without one if they were treated as others with the same recorded needs at the same site."""
    beyond: Estimate
    """`missing` less `by_needs`: above 0 it is measured less than need explains."""
    verdict: Verdict
    """Does not meet: the whole interval of `beyond` is above the limit."""
    through: str | None = None
    """The group (`site and language: north, Spanish`) without whose rows this line keeps the limit, or cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsOfGroup:
    """One group: `language`, `Spanish`; at one site: `site and language`, `north, Spanish`."""

    attribute: str
    value: str
    rows: int
    patients: int
    inputs: tuple[InputOfGroup, ...]
    """Empty: fewer than ten patients, of whom no number is told."""

    @property
    def name(self) -> str:
        """`language: Spanish`."""
        return f"{self.attribute}: {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLess:
    """Every input that is missing anywhere, in every group."""

    limit: float
    """`unmeasured_above` of the guidance."""
    level: float
    """Of each interval, so that all together hold at 95 % (Bonferroni)."""
    comparisons: int
    needs: tuple[str, ...]
    """Features that need was told by, beside the site."""
    groups: tuple[InputsOfGroup, ...]

    @property
    def lines(self) -> Iterator[tuple[InputsOfGroup, InputOfGroup]]:
        """Every comparison."""
        return ((group, one) for group in self.groups for one in group.inputs)

    @property
    def found(self) -> list[tuple[InputsOfGroup, InputOfGroup]]:
        """Those shown to be measured less, and not only through another; the strongest first."""
        own = [pair for pair in self.lines if pair[1].verdict == "does not meet" and pair[1].through is None]
        return sorted(own, key=lambda pair: -pair[1].beyond.ci[0])


def measured_less(
    guidance: Guidance, rows: CohortRows, attributes: Mapping[str, Sequence[str | None]], inputs: Sequence[str]
) -> MeasuredLess:
    """Of every input in every group of every attribute (one text for each row; None is `unknown`)."""
    columns = {name: rows.states[:, rows.names.index(name)] != VALUE for name in inputs}
    names = tuple(name for name, column in columns.items() if column.any())
    missing = np.column_stack([columns[name] for name in names]) if names else np.zeros((len(rows), 0), dtype=np.bool_)
    groups = list(groups_of_rows(attributes, rows.patients))
    told = [one for one in groups if one.told]
    comparisons = len(told) * len(names)
    level = 1 - 0.05 / max(comparisons, 1)
    needs = Needs.of_rows(guidance, rows)

    @cache
    def expected(without: tuple[str, ...]) -> Numbers:
        return needs.expected(missing, names, without=without)

    limit = guidance.evidence.unmeasured_above
    found = []
    for group in groups:
        lines: list[InputOfGroup] = []
        if group.told and names:
            by_needs = expected(not_its_own(guidance, group))[group.chosen]
            hit, people = missing[group.chosen], rows.patients[group.chosen]
            for at, name in enumerate(names):
                shares = share_beside(hit[:, at], by_needs[:, at], people, level=level)
                lines.append(_line(name, guidance.features[name].label, shares, limit))
        found.append(
            InputsOfGroup(
                attribute=group.attribute, value=group.value, rows=int(group.chosen.sum()), patients=group.people,
                inputs=tuple(lines),
            )
        )  # fmt: skip

    def without(place: int, at: int, left_out: Chosen) -> Verdict:
        group = groups[place]
        left = group.chosen & ~left_out
        if not left.any():
            return "cannot tell"
        by_needs = expected(not_its_own(guidance, group))[left, at]
        return _verdict(share_beside(missing[left, at], by_needs, rows.patients[left], level=level)[1], limit)

    chosen = [one.chosen for one in groups]
    return MeasuredLess(
        limit=limit,
        level=level,
        comparisons=comparisons,
        needs=need_features(guidance),
        groups=_traced(found, chosen, names, without),
    )


def _line(name: str, label: str, shares: tuple[Estimate, Estimate], limit: float) -> InputOfGroup:
    missing, beyond = shares
    return InputOfGroup(
        name=name,
        label=label,
        missing=missing,
        by_needs=missing.value - beyond.value,
        beyond=beyond,
        verdict=_verdict(beyond, limit),
    )


def _verdict(beyond: Estimate, limit: float) -> Verdict:
    """The whole interval above the limit does not meet it, at or below it meets."""
    low, high = beyond.ci
    return "does not meet" if low > limit else "meets" if high <= limit else "cannot tell"


def _traced(
    found: Sequence[InputsOfGroup],
    chosen: Sequence[Chosen],
    names: Sequence[str],
    without: Callable[[int, int, Chosen], Verdict],
) -> tuple[InputsOfGroup, ...]:
    """The strongest line of an input stands by itself; each further one must without the rows of those that stand."""
    lines = [{line.name: line for line in group.inputs} for group in found]
    for at, name in enumerate(names):
        beyond = {
            place: line[name].beyond.ci[0]
            for place, line in enumerate(lines)
            if name in line and line[name].verdict == "does not meet"
        }
        stands = partial(_stands, without, at)
        for place, other in seen_through(beyond, chosen, stands).items():
            lines[place][name] = replace(lines[place][name], through=found[other].name)
    return tuple(replace(group, inputs=tuple(line.values())) for group, line in zip(found, lines, strict=True))


def _stands(without: Callable[[int, int, Chosen], Verdict], at: int, place: int, left_out: Chosen) -> bool:
    return without(place, at, left_out) == "does not meet"
