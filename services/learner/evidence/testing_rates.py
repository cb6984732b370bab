"""Of whom the outcome was looked for, by group: in whoever is not tested nothing is found, and their risk is learned too low.

Reported, not judged: groups may differ in what they need. All rows come first, to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.guidance.evidence import Estimate
from services.learner.evidence.intervals import Patients, share_of
from services.learner.evidence.subgroups import UNKNOWN

ALL: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateOfTesting:
    """One line: the share of rows with a test within the horizon; its interval holds together with those of all lines."""

    attribute: str
    value: str
    rows: int
    share: Estimate


def rates_of_testing(
    tested: NDArray[np.bool_], patients: Patients, attributes: Mapping[str, Sequence[str | None]]
) -> tuple[RateOfTesting, ...]:
    """Every value of every attribute (one text for each row; None is `unknown`), after all rows."""
    columns = {ALL: np.full(len(tested), ALL)}
    columns |= {name: np.array([value or UNKNOWN for value in column]) for name, column in attributes.items()}
    groups = [(name, str(value)) for name, column in columns.items() for value in np.unique(column)]
    level = 1 - 0.05 / max(len(groups), 1)
    found = []
    for name, value in groups:
        chosen = columns[name] == value
        share = share_of(tested[chosen], patients[chosen], level=level)
        found.append(RateOfTesting(attribute=name, value=value, rows=int(chosen.sum()), share=share))
    return tuple(found)
