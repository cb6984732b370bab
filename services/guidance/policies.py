"""The named policies of governance. Roles, gates and limits are the same in each; only the sample floors differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """The smallest samples that a gate takes."""

    training_rows: int
    training_events: int
    riley_share: float
    """Of the sample that Riley's criteria ask for."""
    silent_decisions: int
    silent_matured: int
    silent_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A named way to govern. Roles and gates are the same in each; only the floors of the samples differ."""

    name: Literal["standard", "demo"]
    said: str
    floors: Floors
    observed_expected: tuple[float, float] = (0.8, 1.25)
    """Limits of observed / expected in the silent month: 20 % either way."""
    deploys: Literal["at once", "by decision"] = "at once"
    """When the vote lets a release speak: everywhere at once, or only where operations then decide."""


POLICIES: Final[Mapping[str, Policy]] = MappingProxyType(
    {
        "standard": Policy(
            name="standard",
            said="Full sample sizes.",
            floors=Floors(
                # 100 events and 100 non-events are the usual floor for judging calibration.
                training_rows=1000, training_events=100, riley_share=1.0,
                silent_decisions=1000, silent_matured=500, silent_events=100,
            ),
        ),
        "demo": Policy(
            name="demo",
            said="DEMONSTRATION policy: made-up patients, demo persons and small samples. Not for patient care.",
            floors=Floors(
                training_rows=200, training_events=20, riley_share=0.1,
                silent_decisions=50, silent_matured=30, silent_events=3,
            ),
        ),
    }
)  # fmt: skip
