"""Checks of what the evidence is held against: limits in order, features that are there."""

from __future__ import annotations

from services.guidance.checking.fault_report import FaultReport
from services.guidance.definition import Guidance
from services.guidance.evidence_limits import CALIBRATION_SLOPE, OBSERVED_EXPECTED, ReadBeside


def check_evidence(guidance: Guidance, report: FaultReport) -> None:
    """Put every fault of `evidence` on the report."""
    limits = guidance.evidence
    for key, widest in (("observed_expected", OBSERVED_EXPECTED), ("calibration_slope", CALIBRATION_SLOPE)):
        low, high = getattr(limits, key)
        if not 0 < low < 1 < high:
            report.at(("evidence", key), "the limits lie on either side of 1, the lower one above 0")
        elif low < widest[0] or high > widest[1]:
            report.at(
                ("evidence", key),
                f"no wider than {widest[0]:g} to {widest[1]:g}: a guidance may ask for more, never for less",
            )
    if limits.thresholds is not None and not 0 < limits.thresholds[0] < limits.thresholds[1] < 1:
        report.at(("evidence", "thresholds"), "a range of risks: two shares between 0 and 1, the lower one first")
    for key in ("compare_with", "simplest"):
        for place, name in enumerate(getattr(limits, key)):
            path = ("evidence", key, place)
            feature = guidance.features.get(name)
            if feature is None:
                report.at(path, f"there is no feature `{name}`")
            elif feature.use == "audit":
                report.at(path, f"`{name}` is read for audit only: nothing is predicted from it")
            elif key == "compare_with" and feature.kind != "score" and feature.range is None:
                report.at(path, f"`{name}` is neither a published score nor a number with a declared range")
    for name, declared in limits.read_beside.items():
        _check_beside(guidance, name, declared, report)


def _check_beside(guidance: Guidance, name: str, declared: ReadBeside, report: FaultReport) -> None:
    """What is held against others is a reading, and these are not made of it."""
    here = ("evidence", "read_beside", name)
    feature = guidance.features.get(name)
    if feature is None:
        report.at(here, f"there is no feature `{name}`")
    elif feature.unit is None or feature.is_computed:
        report.at(here, f"`{name}` is no reading: it has no unit, or is computed")
    for place, other in enumerate(declared.beside):
        path = (*here, "beside", place)
        found = guidance.features.get(other)
        if found is None:
            report.at(path, f"there is no feature `{other}`")
        elif other == name or (found.is_computed and name in found.computed_from):
            report.at(path, f"`{name}` cannot be held against itself, or what is computed from it")
        elif found.use == "audit":
            report.at(path, f"`{other}` is read for audit only: it tells groups apart, not the state of a body")
