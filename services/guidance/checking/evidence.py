"""Checks of what the evidence is held against: limits in order, features that are there."""

from __future__ import annotations

from services.guidance.checking.fault_report import FaultReport
from services.guidance.definition import Guidance


def check_evidence(guidance: Guidance, report: FaultReport) -> None:
    """Put every fault of `evidence` on the report."""
    limits = guidance.evidence
    low, high = limits.observed_expected
    if not 0 < low < 1 < high:
        report.at(("evidence", "observed_expected"), "the limits lie on either side of 1, the lower one above 0")
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
