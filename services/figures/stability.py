"""How far each risk would move with other patients to learn from: where 95 of 100 refitted models put it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, round_up, ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Patients of like stated risk (shares), and where refitted models put them."""

    stated: float
    low: float
    high: float
    mean_difference: float
    rows: int


def stability(caption: Caption, groups: Sequence[Moved]) -> Markup:
    """Stated risk across, the refitted ones upwards; the narrower the bars, the steadier."""
    if not groups:
        return absent(caption.key, caption.message, "No group of patients was refitted.")
    top = min(round_up(100 * max(max(group.high, group.stated) for group in groups)), 100.0)

    def draw(sheet: Sheet) -> None:
        side = min(sheet.width - 70, 380.0)
        x = Scale(low=0, high=top, start=52, end=52 + side)
        y = Scale(low=0, high=top, start=12 + side, end=12)
        sheet.y_axis(y, 52, 52 + side, ticks(0, top))
        sheet.line("diagonal", (x.at(0), y.at(0)), (x.at(top), y.at(top)))
        for group in groups:
            at = x.at(100 * group.stated)
            sheet.line("bar s1", (at, y.at(100 * group.low)), (at, y.at(100 * group.high)))
            sheet.mark("dot", "s1", at, y.at(100 * group.stated), 3.5)
        sheet.x_axis(x, 12 + side, ticks(0, top), "stated, patients per 100")
        sheet.height = side + 60

    return framed(
        caption,
        draw,
        Table(
            head=("Stated, per 100", "95 of 100 refitted models say", "Mean difference, per 100", "Rows"),
            rows=[
                (
                    f"{100 * group.stated:.1f}",
                    f"{100 * group.low:.1f} to {100 * group.high:.1f}",
                    f"{100 * group.mean_difference:.2f}",
                    f"{group.rows:,}",
                )
                for group in groups
            ],
        ),
    )
