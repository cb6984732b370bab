"""Stated against observed: no curve through too few, and a message that the groups bear out."""

from __future__ import annotations

from dataclasses import replace

from services.figures.calibration import calibration, calibration_message
from services.figures.frame import TOO_FEW
from tests.figures.drawn import GROUPS, SMOOTH, caption


def test_below_a_hundred_events_there_is_no_smooth_curve() -> None:
    """Dots and bars stay; words say why the line is not there."""
    few = [replace(group, rows=100, events=5) for group in GROUPS]
    page = calibration(caption("calibration"), few, smooth=SMOOTH)
    assert TOO_FEW in page
    assert 'class="line s1"' not in page
    assert page.count("<circle") == 2 * len(few)
    enough = calibration(caption("calibration"), GROUPS, smooth=SMOOTH)
    assert TOO_FEW not in enough
    assert 'class="line s1"' in enough


def test_a_crowded_low_end_is_drawn_again_larger() -> None:
    """Where most groups are in a corner, the corner has a drawing of its own."""
    low = [replace(group, stated=group.stated / 10, observed=group.observed / 10, low=0, high=0.1) for group in GROUPS]
    high = replace(GROUPS[-1], stated=0.8, observed=0.8, low=0.7, high=0.9)
    assert "The crowded low end" in calibration(caption("calibration"), [*low, high])
    assert "The crowded low end" not in calibration(caption("calibration"), GROUPS)


def test_the_message_names_where_the_groups_leave_the_diagonal() -> None:
    """More stated than happens, less stated than happens, or neither."""
    assert "within the error of counting" in calibration_message(GROUPS)
    above = [*GROUPS[:-1], replace(GROUPS[-1], high=0.5)]
    assert calibration_message(above) == "At about 75 in 100 it says more than happens (1 of 9 groups)"
    below = [replace(GROUPS[0], low=0.2, high=0.3), *GROUPS[1:]]
    assert "says less than happens" in calibration_message(below)


def test_without_groups_it_is_said() -> None:
    """Never an empty chart."""
    assert "not drawn" in calibration(caption("calibration"), [])
