"""Whether it holds over calendar time (F10): month by month by the time of the prediction; what is not ripe is hollow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, round_up, ticks

Found = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Each number as value, low, high; None: too few to tell."""

    name: str
    rows: int
    events: int
    alerts: int
    ripe: bool
    observed_expected: Found | None
    right_per_100: Found | None


def control_chart(caption: Caption, months: Sequence[Month], *, limits: tuple[float, float]) -> Markup:
    """Two panels: observed over expected with its limits, and how many of 100 alerts were right."""
    if len(months) < 2:
        return absent(caption.key, caption.message, "There are fewer than two months to compare.")
    ratios = [month.observed_expected for month in months if month.observed_expected]
    shares = [month.right_per_100 for month in months if month.right_per_100]
    highest = min(round_up(max([2.0, *(ratio[0] * 1.2 for ratio in ratios)])), 5.0)
    most = min(round_up(max([20.0, *(share[2] for share in shares)])), 100.0)

    def draw(sheet: Sheet) -> None:
        x = Scale(low=-0.5, high=len(months) - 0.5, start=44, end=sheet.width - 6)
        first = Scale(low=0, high=highest, start=184, end=28)
        second = Scale(low=0, high=most, start=394, end=238)
        sheet.text("label", 0, 15, "observed ÷ expected")
        sheet.rect("agreed", 44, first.at(limits[1]), x.end - 44, first.at(limits[0]) - first.at(limits[1]))
        sheet.y_axis(first, 44, x.end, ticks(0, highest, about=4), decimals=1)
        sheet.line("diagonal", (44, first.at(1)), (x.end, first.at(1)))
        sheet.text("label", 0, 225, "right, of 100 alerts")
        sheet.y_axis(second, 44, x.end, ticks(0, most, about=4))
        for place, month in enumerate(months):
            shape, kind = ("dot", "s1") if month.ripe else ("ring", "s1 unripe")
            for scale, found in ((first, month.observed_expected), (second, month.right_per_100)):
                if found is None:
                    continue
                at = x.at(place)
                sheet.line(f"bar {kind}", (at, scale.at(found[1])), (at, scale.at(found[2])))
                sheet.mark("dot" if shape == "dot" else "ring", kind, at, scale.at(found[0]), 4)
        every = max(ceil(len(months) / (8 if sheet.wide else 4)), 1)
        for place, month in enumerate(months):
            # A name too near an edge would be cut off.
            if place % every == every // 2 and 28 <= x.at(place) <= sheet.width - 28:
                sheet.line("axis", (x.at(place), 394), (x.at(place), 398))
                sheet.text("tick", x.at(place), 412, month.name, "middle")
        sheet.line("axis", (44, 394), (x.end, 394))
        sheet.text("label", (44 + x.end) / 2, 432, "month of the prediction", "middle")
        sheet.height = 438

    return framed(
        caption,
        draw,
        Table(
            head=("Month", "Ripe", "Rows", "Events", "Alerts", "Observed ÷ expected", "Right of 100 alerts"),
            rows=[
                (
                    month.name,
                    "yes" if month.ripe else "not yet",
                    f"{month.rows:,}",
                    f"{month.events:,}",
                    f"{month.alerts:,}",
                    _said(month.observed_expected, 2),
                    _said(month.right_per_100, 0),
                )
                for month in months
            ],
        ),
    )


def _said(found: Found | None, decimals: int) -> str:
    if found is None:
        return "too few to tell"
    value, low, high = (f"{one:.{decimals}f}" for one in found)
    return f"{value} ({low} to {high})"
