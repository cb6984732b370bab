"""In whom an input is measured less than need explains: what is missing, beside what the recorded needs ask for.

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
class Measured:
    """Per 100 rows of a group without a value of one input (value, low, high), and what need explains of it."""

    group: str
    input: str
    rows: int
    missing: tuple[float, float, float]
    by_needs: float
    beyond: tuple[float, float, float]
    verdict: str
    remark: str = ""
    """Stands behind the verdict in the table."""


def measured_less(caption: Caption, lines: Sequence[Measured], *, notes: Sequence[str] = ()) -> Markup:
    """One row for each group and input that is handed in, in that order."""
    if not lines:
        return absent(caption.key, caption.message, " ".join([*notes, "No input is missing anywhere."]))

    def draw(sheet: Sheet) -> None:
        left, room = (236.0, 222.0) if sheet.wide else (8.0, 310.0)
        step, top = (36.0 if sheet.wide else 60.0), 30.0
        x = Scale(low=0, high=100, start=left, end=sheet.width - 12)
        bottom = top + step * len(lines)
        sheet.mark("ring", "cannot-tell", left + 6, 10)
        sheet.text("label", left + 16, 15, "without a value")
        sheet.mark("square", "s2", left + 156, 10)
        sheet.text("label", left + 166, 15, "by their needs")
        for tick in ticks(0, 100):
            sheet.line("grid", (x.at(tick), top), (x.at(tick), bottom))
        for place, one in enumerate(lines):
            y = top + step * place
            sheet.text("label", 0, y + 15, wrapped(one.group, room, lines=1)[0])
            sheet.text("tick", 0, y + 30, wrapped(f"{one.input}, {one.rows:,} rows", room, lines=1)[0])
            middle = y + (15 if sheet.wide else 45)
            sheet.interval(one.verdict.replace(" ", "-"), x, middle, one.missing, shape=SHAPES[one.verdict])
            sheet.mark("square", "s2", x.at(one.by_needs), middle + 9)
        sheet.x_axis(x, bottom, ticks(0, 100), "without a value, of 100 rows")
        sheet.height = bottom + 44

    return framed(
        caption,
        draw,
        Table(
            head=("Group and input", "Rows", "Without a value, of 100", "By their needs", "Beyond that, points"),
            rows=[
                (
                    f"{one.group}: {one.input}",
                    f"{one.rows:,}",
                    _three(one.missing),
                    f"{one.by_needs:.1f}",
                    f"{_three(one.beyond, signed=True)}: {one.verdict}{one.remark and f' ({one.remark})'}",
                )
                for one in lines
            ],
        ),
        notes=notes,
    )


def _three(found: tuple[float, float, float], *, signed: bool = False) -> str:
    value, low, high = (f"{number:+z.1f}" if signed else f"{number:z.1f}" for number in found)
    return f"{value} ({low} to {high})"
