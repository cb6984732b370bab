"""The part of the grammar that says when a guidance is learned anew: by the calendar, by new outcomes, by drift."""

from __future__ import annotations

import re
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints

from services.guidance.feature_definition import Part


def _one(number: str) -> str:
    """A field of a calendar: every, one, a range, or a list of them, each with a step or without."""
    item = rf"(?:\*|{number}(?:-{number})?)(?:/[1-9]\d?)?"
    return rf"{item}(?:,{item})*"


_CALENDAR: Final = (
    "^"
    + " ".join(map(_one, (r"[1-5]?\d", r"(?:1?\d|2[0-3])", r"(?:[1-9]|[12]\d|3[01])", r"(?:[1-9]|1[0-2])", "[0-7]")))
    + "$"
)


def _no_range_backwards(calendar: str) -> str:
    for first, last in re.findall(r"(\d+)-(\d+)", calendar):
        if int(last) < int(first):
            raise ValueError(f"the range {first}-{last} runs backwards")
    return calendar


Calendar = Annotated[str, StringConstraints(pattern=_CALENDAR), AfterValidator(_no_range_backwards)]
"""Minute, hour, day, month, weekday (0 and 7 are Sunday), as cron writes them; numbers only."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as fault:
        raise ValueError(f"no such time zone: {name}; write it as Europe/Berlin") from fault
    return name


class Drift(Part):
    """What is looked at whenever the store has changed: rows since the last training against those that it read."""

    psi: float = Field(
        default=0.2, gt=0, le=5, description="population stability index of an input or of the risk; 0.2 is much"
    )
    fewest_rows: int = Field(
        default=500, ge=100, description="rows since the last training; with fewer nothing is judged"
    )


class Triggers(Part):
    """What begins a training by itself. Each makes a candidate; nothing is proposed, and nothing speaks."""

    calendar: Calendar | None = Field(
        default=None,
        description="minute, hour, day, month, weekday as in cron: `0 2 1 * *` is at 2 on the first of each month",
    )
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(default="UTC", description="of the calendar")
    new_outcomes: int | None = Field(
        default=None, ge=1, description="so many more rows with a known outcome than the last training had"
    )
    drift: Drift | None = Field(
        default=None, description="inputs or risks are spread otherwise than at the last training"
    )

    registered: bool = Field(
        default=False,
        description="a version that is registered in MLflow under the guidance's name is imported and judged",
    )

    @property
    def look(self) -> bool:
        """Whether the store must be looked into."""
        return self.new_outcomes is not None or self.drift is not None


class Learning(Part):
    """When it is learned anew."""

    triggers: Triggers = Field(default=Triggers(), description="what begins a training by itself")
