"""In whom a device reads otherwise than other findings explain: how far each group's readings are from that.

A mark's shape is the verdict, as in the figure of groups: a cross is beyond the limit, a ring cannot tell, a dot keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.groups import SHAPES
from services.figures.sheet import Scale, Sheet, ticks, wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Readings of one input in one group, in the input's unit (value, low, high)."""

    group: str
    input: str
    unit: str
    rows: int
    mean: float
    explained: float
    apart: tuple[float, float, float]
    limit: float
    verdict: str
    remark: str = ""
    """Stands behind the verdict in the table."""


def read_otherwise(caption: Caption, lines: Sequence[Reading], *, notes: Sequence[str] = ()) -> Markup:
    """One row for each group and input that is handed in, in that order; each is drawn by its own limit."""
    if not lines:
        return absent(caption.key, caption.message, " ".join([*notes, "No group has readings to compare."]))
    # Inputs have units of their own: what they share is their limit.
    most = max(2.0, *(abs(bound) / one.limit for one in lines for bound in one.apart[1:]))

    def draw(sheet: Sheet) -> None:
        left, room = (236.0, 222.0) if sheet.wide else (8.0, 310.0)
        step, top = (36.0 if sheet.wide else 60.0), 30.0
        x = Scale(low=-most, high=most, start=left, end=sheet.width - 12)
        bottom = top + step * len(lines)
        sheet.text("label", left, 15, "reads lower")
        sheet.text("label", sheet.width - 12, 15, "reads higher", "end")
        for tick in ticks(-most, most):
            sheet.line("grid", (x.at(tick), top), (x.at(tick), bottom))
        for limit in (-1.0, 1.0):
            sheet.line("limit", (x.at(limit), top), (x.at(limit), bottom))
        for place, one in enumerate(lines):
            y = top + step * place
            sheet.text("label", 0, y + 15, wrapped(one.group, room, lines=1)[0])
            sheet.text("tick", 0, y + 30, wrapped(f"{one.input}, {one.rows:,} rows", room, lines=1)[0])
            value, low, high = (bound / one.limit for bound in one.apart)
            middle = y + (15 if sheet.wide else 45)
            sheet.interval(one.verdict.replace(" ", "-"), x, middle, (value, low, high), shape=SHAPES[one.verdict])
        sheet.x_axis(x, bottom, ticks(-most, most), "apart from what is explained, in limits")
        sheet.height = bottom + 44

    return framed(
        caption,
        draw,
        Table(
            head=("Group and input", "Rows", "Mean reading", "By other findings", "Apart"),
            rows=[
                (
                    f"{one.group}: {one.input} ({one.unit})",
                    f"{one.rows:,}",
                    f"{one.mean:.1f}",
                    f"{one.explained:.1f}",
                    f"{_signed(one.apart)}: {one.verdict}{one.remark and f' ({one.remark})'}",
                )
                for one in lines
            ],
        ),
        notes=notes,
    )


def _signed(found: tuple[float, float, float]) -> str:
    value, low, high = (f"{number:+z.2f}" for number in found)
    return f"{value} ({low} to {high})"
