"""Checks of what reads the very order: which features may, and which one an index, or a deletion, may name."""

from __future__ import annotations

from typing import Final

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.source_lines import KeyPath
from services.guidance.definition import Feature, Guidance, Window

ORDERED: Final = frozenset({"MedicationRequest.medication", "ServiceRequest.code"})
"""What is read of draft orders."""
_KINDS: Final = frozenset({"exists", "count"})


def check_this_order(feature: Feature, where: KeyPath, report: FaultReport) -> None:
    """Put every fault of a window that is this very order on the report."""
    if feature.window != Window(this_order=True):
        report.at(where, "`this_order` is one moment: no other key of the window goes with it")
    if not feature.source or not set(feature.source.split("|")) <= ORDERED:
        report.at(where, f"`this_order` reads what is ordered: {', '.join(sorted(ORDERED))}")
    if feature.kind not in _KINDS:
        report.at(where, "of what is ordered now `exists` and `count` can be asked")


def check_order_index(guidance: Guidance, report: FaultReport) -> None:
    """Put every fault of an index at orders on the report."""
    index = guidance.index
    if index.at != "order":
        if index.of is not None:
            report.at(("index", "of"), "`of` belongs to `at: order`")
    elif index.of is None:
        report.at(("index",), "`of` is missing: whose orders are the moments?")
    else:
        check_orders_of(guidance, index.of, ("index", "of"), report)


def check_orders_of(guidance: Guidance, name: str, where: KeyPath, report: FaultReport) -> None:
    """Put it on the report if a name is not that of a feature of this very order."""
    feature = guidance.features.get(name)
    if feature is None:
        report.at(where, f"there is no feature `{name}`")
    elif not feature.window.this_order:
        report.at(where, f"`{name}` does not read the very order: its window must be `this_order: true`")
