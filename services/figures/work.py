"""How much work finds how many (F6): alerts across, events caught upwards, what was agreed as a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, round_up, ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """At one threshold: the alerts (in the unit of the figure), and of 100 events the caught ones with their interval."""

    threshold: float
    alerts: float
    caught: tuple[float, float, float]
    right: float | None
    """Of 100 alerts."""


def work_against_yield(
    caption: Caption, points: Sequence[Effort], chosen: Effort, *, unit: str, capacity: float | None, agreed: str
) -> Markup:
    """The curve with its band, the threshold as a square, the capacity as a line."""
    if len(points) < 2:
        return absent(caption.key, caption.message, "There are fewer than two thresholds to compare.")
    most = max(point.alerts for point in points)
    # What lies far beyond the capacity is of no use, and would hide what lies before it.
    reach = max(3 * (capacity or 0.0), 1.5 * chosen.alerts)
    right = round_up(min(most, reach) if reach > 0 else most)

    def draw(sheet: Sheet) -> None:
        x = Scale(low=0, high=right, start=52, end=sheet.width - 16)
        y = Scale(low=0, high=100, start=262, end=12)
        sheet.y_axis(y, 52, sheet.width - 16, ticks(0, 100))
        inside = [point for point in points if point.alerts <= right]
        across = [x.at(point.alerts) for point in inside]
        if len(inside) > 1:
            sheet.band(
                "s1", across, [y.at(point.caught[1]) for point in inside], [y.at(point.caught[2]) for point in inside]
            )
            sheet.path("line s1", zip(across, [y.at(point.caught[0]) for point in inside], strict=True))
        if capacity is not None and capacity <= right:
            sheet.line("limit", (x.at(capacity), 12), (x.at(capacity), 262))
            beyond = x.at(capacity) > sheet.width - 150
            sheet.text("note", x.at(capacity) + (-6 if beyond else 6), 250, agreed, "end" if beyond else "start")
        if chosen.alerts <= right:
            at, up = x.at(chosen.alerts), y.at(chosen.caught[0])
            sheet.mark("square", "s2", at, up, 6)
            late = at > sheet.width - 140
            sheet.text("note", at + (-10 if late else 10), up + 20, "the threshold", "end" if late else "start")
        sheet.x_axis(x, 262, ticks(0, right), unit)
        sheet.height = 306

    return framed(
        caption,
        draw,
        Table(
            head=("Threshold, per 100", unit.capitalize(), "Caught of 100 events", "Right of 100 alerts"),
            rows=[
                (
                    f"{100 * one.threshold:.1f}",
                    f"{one.alerts:.1f}",
                    f"{one.caught[0]:.0f} ({one.caught[1]:.0f} to {one.caught[2]:.0f})",
                    "–" if one.right is None else f"{one.right:.0f}",
                )
                for one in points
            ],
        ),
    )
