"""Checks of when events must have happened: windows that hold something, days that can be told."""

from __future__ import annotations

from typing import Final

from services.guidance.checking.fault_report import FaultReport
from services.guidance.checking.orders import check_this_order
from services.guidance.checking.source_lines import KeyPath
from services.guidance.feature_definition import Feature, Window
from services.guidance.reading.windows import length_of

_BY_DAYS: Final = frozenset({"mean", "median", "min", "max"})


def check_window(feature: Feature, path: KeyPath, report: FaultReport) -> None:
    """Put every fault of a feature's window, and of its latest days, on the report."""
    window = feature.window
    where = (*path, "window")
    if feature.latest_days is not None and feature.kind not in _BY_DAYS:
        report.at(
            (*path, "latest_days"),
            "`latest_days` belongs to `mean`, `median`, `min` and `max`: they take several readings together",
        )
    if feature.kind == "duration" and window != Window():
        report.at(where, "`duration` has its own window: this stay")
        return
    if window.this_order:
        check_this_order(feature, where, report)
        return
    spans = window.days is not None or window.hours is not None
    if window.days is not None and window.hours is not None:
        report.at((*where, "hours"), "give `days` or `hours`, not both")
    if window.this_stay and window.or_this_stay:
        report.at((*where, "or_this_stay"), "`this_stay` is already this stay only")
    if window.this_stay and window.before == "admission":
        report.at((*where, "before"), "`this_stay` begins with the admission: nothing of it is before")
    if window.or_this_stay and not spans:
        report.at((*where, "or_this_stay"), "`or_this_stay` adds to `days` or `hours`, which is missing")
    _check_near_end(window, where, report)


def _check_near_end(window: Window, where: KeyPath, report: FaultReport) -> None:
    said = [key for key in ("until_days", "until_hours") if getattr(window, key) is not None]
    if not said:
        return
    key = said[0]
    if len(said) > 1:
        report.at((*where, "until_hours"), "give `until_days` or `until_hours`, not both")
    if window.or_this_stay:
        report.at((*where, key), f"`or_this_stay` takes in this stay up to the index: it has no `{key}`")
        return
    length, near = length_of(window), length_of(Window(days=window.until_days, hours=window.until_hours))
    if length and near >= length:
        report.at(
            (*where, key),
            f"the window ends (`{key}`) before it begins (`days` or `hours`): `days: 365, until_days: 8` is from 365 to 8 "
            "days before",
        )
