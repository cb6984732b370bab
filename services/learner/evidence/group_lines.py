"""Every group, and every group at each site, none left out; and which lines only show what a stronger line shows already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.guidance.definition import Guidance
from services.learner.evidence.audit_groups import features_of
from services.learner.evidence.intervals import Patients
from services.learner.evidence.recorded_needs import SITE
from services.learner.evidence.subgroups import HIDDEN_BELOW, UNKNOWN

Chosen = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOfRows:
    """One group: `language`, `Spanish`; at one site: `site and language`, `north, Spanish`."""

    attribute: str
    value: str
    people: int
    chosen: Chosen
    of: str
    """The attribute that tells it apart, within a site or not."""

    @property
    def name(self) -> str:
        """`language: Spanish`."""
        return f"{self.attribute}: {self.value}"

    @property
    def told(self) -> bool:
        """Of fewer than ten patients no number is told."""
        return self.people >= HIDDEN_BELOW


def groups_of_rows(attributes: Mapping[str, Sequence[str | None]], patients: Patients) -> Iterator[GroupOfRows]:
    """Each value of each attribute, then the same at each site; a site has no other side, so it is not looked at there."""
    words = {name: np.array([value or UNKNOWN for value in column]) for name, column in attributes.items()}
    for name, column in words.items():
        for value in np.unique(column):
            yield _group(name, str(value), column == value, patients, name)
    sites = np.unique(words[SITE]) if SITE in words else ()
    if len(sites) < 2:
        return
    for name, column in words.items():
        if name == SITE:
            continue
        for site in sites:
            for value in np.unique(column):
                chosen = (words[SITE] == site) & (column == value)
                # Of fewer than ten patients it is of nobody in particular.
                if len(np.unique(patients[chosen])) >= HIDDEN_BELOW:
                    yield _group(f"{SITE} and {name}", f"{site}, {value}", chosen, patients, name)


def _group(attribute: str, value: str, chosen: Chosen, patients: Patients, of: str) -> GroupOfRows:
    people = len(np.unique(patients[chosen]))
    return GroupOfRows(attribute=attribute, value=value, people=people, chosen=chosen, of=of)


def not_its_own(guidance: Guidance, group: GroupOfRows) -> tuple[str, ...]:
    """What tells the group apart explains nothing of it: else nobody is treated otherwise for being old."""
    return (SITE,) if group.attribute == SITE else features_of(guidance, group.of)


def seen_through(
    strength: Mapping[int, float], chosen: Sequence[Chosen], stands: Callable[[int, Chosen], bool]
) -> dict[int, int]:
    """Of the lines beyond a limit (group → strength) those that are so only through another, and through which.

    The strongest stands by itself; each further one must (`stands`) without the rows of those that stand.
    """
    standing: list[int] = []
    through: dict[int, int] = {}
    for place in sorted(strength, key=lambda place: -strength[place]):
        left_out = np.logical_or.reduce([chosen[one] for one in standing]) if standing else None
        if left_out is None or stands(place, left_out):
            standing.append(place)
        else:
            through[place] = max(standing, key=lambda one: int((chosen[one] & chosen[place]).sum()))
    return through
