"""How well it ranks (F11): ROC, and precision against recall with the base rate, each with the threshold's point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """At one threshold, all per 100: flagged of the non-events, flagged of the events, right of the flagged."""

    threshold: float | None
    false_alarms: float
    caught: float
    right: float | None


def ranking(caption: Caption, points: Sequence[Point], chosen: Point, *, base_rate: float) -> Markup:
    """Beside each other on a wide page, one over the other on a narrow one."""
    if len(points) < 2:
        return absent(caption.key, caption.message, "All rows have the same risk: there is no ranking.")

    def draw(sheet: Sheet) -> None:
        side = 250.0 if sheet.wide else sheet.width - 70.0
        second = (330.0, 0.0) if sheet.wide else (0.0, side + 84)
        _panel(
            sheet, (0.0, 0.0), side, "ROC: of 100 events, flagged", "of 100 non-events, flagged",
            [(point.false_alarms, point.caught) for point in points],
            (chosen.false_alarms, chosen.caught), chance=None,
        )  # fmt: skip
        _panel(
            sheet, second, side, "PR: of 100 flagged, right", "of 100 events, flagged",
            [(point.caught, point.right) for point in points if point.right is not None],
            None if chosen.right is None else (chosen.caught, chosen.right), chance=base_rate,
        )  # fmt: skip
        sheet.height = second[1] + side + 70

    return framed(
        caption,
        draw,
        Table(
            head=(
                "Flagged from, per 100",
                "Of 100 non-events, flagged",
                "Of 100 events, flagged",
                "Of 100 flagged, right",
            ),
            rows=[
                (
                    "nobody" if point.threshold is None else f"{100 * point.threshold:.1f}",
                    f"{point.false_alarms:.1f}",
                    f"{point.caught:.1f}",
                    "–" if point.right is None else f"{point.right:.1f}",
                )
                for point in points[:: max(len(points) // 40, 1)]
            ],
        ),
    )


def _panel(
    sheet: Sheet,
    corner: tuple[float, float],
    side: float,
    up: str,
    across: str,
    points: Sequence[tuple[float, float]],
    chosen: tuple[float, float] | None,
    *,
    chance: float | None,
) -> None:
    left, top = corner[0] + 44, corner[1] + 26
    x = Scale(low=0, high=100, start=left, end=left + side)
    y = Scale(low=0, high=100, start=top + side, end=top)
    sheet.text("label", corner[0], corner[1] + 14, up)
    sheet.y_axis(y, left, left + side, ticks(0, 100))
    if chance is None:
        sheet.line("diagonal", (x.at(0), y.at(0)), (x.at(100), y.at(100)))
        sheet.text("note", x.at(60), y.at(47), "by chance")
    else:
        sheet.line("diagonal", (x.at(0), y.at(chance)), (x.at(100), y.at(chance)))
        sheet.text("note", x.at(99), y.at(chance) + 17, f"by chance: {chance:.0f}", "end")
    sheet.path("line s1", [(x.at(one), y.at(other)) for one, other in points])
    if chosen is not None:
        sheet.mark("square", "s2", x.at(chosen[0]), y.at(chosen[1]), 6)
        late = x.at(chosen[0]) > left + side - 100
        sheet.text(
            "note",
            x.at(chosen[0]) + (-10 if late else 10),
            y.at(chosen[1]) + (20 if chance is None else -10),
            "threshold",
            "end" if late else "start",
        )
    sheet.x_axis(x, top + side, ticks(0, 100), across)
