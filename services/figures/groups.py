"""For whom it is worse or unknown (F7): one row for each group, one panel for each number, none left out.

A mark's shape is the verdict: filled meets the limit, a cross does not, a ring cannot tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from services.figures.frame import Caption, Table, framed
from services.figures.sheet import Anchor, Scale, Shape, Sheet, ticks, wrapped

SHAPES: Final[dict[str, Shape]] = {"meets": "dot", "does not meet": "cross", "cannot tell": "ring"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Value, low, high in the panel's unit, and whether it keeps the limit; `why` stands where there is no number."""

    verdict: str
    found: tuple[float, float, float] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One number: its words, its axis, and the limit of each group (the same for all), a low and a high end."""

    name: str
    low: float
    high: float
    limit: tuple[float | None, float | None]
    decimals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One row: who, how many, how many events (None: not told), and one number for each panel."""

    name: str
    rows: str
    events: str
    measured: Sequence[Measured]


def groups(caption: Caption, panels: Sequence[Panel], rows: Sequence[Group], *, notes: Sequence[str] = ()) -> Markup:
    """Rows in the order in which they are given; their names above the marks on a narrow page, beside on a wide one."""

    def draw(sheet: Sheet) -> None:
        left, gap = (236.0, 26.0) if sheet.wide else (4.0, 22.0)
        width = (sheet.width - left - 6 - gap * (len(panels) - 1)) / len(panels)
        step, top = (34.0, 44.0) if sheet.wide else (50.0, 44.0)
        bottom = top + step * len(rows)
        scales = []
        for place, panel in enumerate(panels):
            start = left + place * (width + gap)
            scale = Scale(low=panel.low, high=panel.high, start=start, end=start + width)
            scales.append(scale)
            for line, words in enumerate(wrapped(panel.name, width + 16, lines=2)):
                sheet.text("label", start, 14 + 17 * line, words)
            low, high = (
                scale.at(end) if end is not None else fallback
                for end, fallback in zip(panel.limit, (scale.start, scale.end), strict=True)
            )
            sheet.rect("agreed", low, top, high - low, bottom - top)
            marks = ticks(panel.low, panel.high, about=3 if sheet.wide else 2)
            for tick in marks:
                sheet.line("grid", (scale.at(tick), top), (scale.at(tick), bottom))
                # Numbers at the ends stay within their panel, else two panels' numbers read as one.
                anchor: Anchor = "start" if tick == panel.low else "end" if tick == panel.high else "middle"
                sheet.text("tick", scale.at(tick), bottom + 18, f"{tick:.{panel.decimals}f}", anchor)
        for line, row in enumerate(rows):
            y = top + step * line
            sheet.line("grid", (0, y), (sheet.width, y))
            said = f"{row.events} of {row.rows}"
            if sheet.wide:
                sheet.text("label", 0, y + 15, wrapped(row.name, 236, lines=1)[0])
                sheet.text("tick", 0, y + 30, said)
            else:
                sheet.text("label", 0, y + 17, wrapped(row.name, 262, lines=1)[0])
                sheet.text("tick", sheet.width, y + 17, said, "end")
            at = y + (step / 2 if sheet.wide else 35)
            for scale, measured in zip(scales, row.measured, strict=True):
                if measured.found is None:
                    sheet.text("tick", (scale.start + scale.end) / 2, at + 5, "–", "middle")
                else:
                    kind = measured.verdict.replace(" ", "-")
                    sheet.interval(kind, scale, at, measured.found, shape=SHAPES[measured.verdict])
        sheet.line("axis", (0, bottom), (sheet.width, bottom))
        sheet.height = bottom + 26

    return framed(
        caption,
        draw,
        Table(
            head=("Group", "Rows", "Events", *(panel.name for panel in panels)),
            rows=[
                (
                    row.name,
                    row.rows,
                    row.events,
                    *(_said(one, panel) for one, panel in zip(row.measured, panels, strict=True)),
                )
                for row in rows
            ],
        ),
        notes=notes,
    )


def _said(one: Measured, panel: Panel) -> str:
    if one.found is None:
        return one.why or one.verdict
    value, low, high = (f"{number:.{max(panel.decimals, 0)}f}" for number in one.found)
    return f"{value} ({low} to {high}): {one.verdict}"
