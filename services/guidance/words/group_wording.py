"""The sentences about a group of patients that is outside a limit: natural frequencies, the limit, and what its risks imply."""

from __future__ import annotations

from services.guidance.group_evidence import Measure
from services.guidance.words.rounding import count_of, out_of, with_interval

_OF: int = 100


def error_rate(name: str, measure: Measure) -> str:
    """`of 100 with the event 12 (8 to 17) are flagged, agreed at least 25; 13 if its risks are right`; `name` of the measure."""
    if measure.estimate is None:
        return "no number can be told"
    whose = "with the event" if name == "sensitivity" else "without the event"
    found = with_interval(measure.estimate.value, measure.estimate.ci, _OF)
    least, most = measure.limit
    agreed = f"at least {count_of(least, _OF)}" if least is not None else f"at most {count_of(most or 0.0, _OF)}"
    said = f"of {_OF} {whose} {found} are flagged, agreed {agreed}"
    if measure.by_its_risks is None:
        return said
    return f"{said}; {out_of(measure.by_its_risks, _OF)} if each of its risks is right"
