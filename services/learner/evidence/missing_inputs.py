"""How often an input is missing, with and without the outcome (F12): what is not measured may itself tell, or mislead."""

from __future__ import annotations

from dataclasses import dataclass

from services.guidance.evidence import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingInput:
    """One input of the model."""

    name: str
    label: str
    all_rows: Estimate
    """The share of rows without a value."""
    happened: Estimate
    """Of the rows with the event."""
    not_happened: Estimate
    known_absent: float
    """The share of rows of which it is known that there is none; part of `all_rows`."""
