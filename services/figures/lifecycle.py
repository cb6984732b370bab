"""How guidance earns the right to speak, as a picture: the ladder of stages, where this one stands, and the ways out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, framed
from services.figures.sheet import Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: its name, what it does in a few words, who must agree, and whether the release stands there now."""

    name: str
    glyph: str
    does: str
    agree: str
    here: bool = False


def lifecycle(caption: Caption, ladder: Sequence[Stage], outside: Sequence[Stage]) -> Markup:
    """`ladder` is climbed step by step; from each rung one can fall to the stages of `outside`."""

    def draw(sheet: Sheet) -> None:
        if sheet.wide:
            _across(sheet, ladder, outside)
        else:
            _down(sheet, ladder, outside)

    return framed(
        caption,
        draw,
        Table(
            head=("Stage", "What it does", "Who must agree that it enters"),
            rows=[
                (f"{one.name} (here now)" if one.here else one.name, one.does, one.agree)
                for one in _all(ladder, outside)
            ],
        ),
    )


def _all(ladder: Sequence[Stage], outside: Sequence[Stage]) -> list[Stage]:
    return [*ladder, *outside]


def _across(sheet: Sheet, ladder: Sequence[Stage], outside: Sequence[Stage]) -> None:
    step = sheet.width / len(ladder)
    width, height = step - 14, 46.0
    for place, one in enumerate(ladder):
        x = step * place + 1
        _box(sheet, one, x, 12, width, height)
        if place + 1 < len(ladder):
            _arrow(sheet, x + width + 1, 35, x + step - 1)
    below, each = 108.0, 190.0
    first = (sheet.width - each * len(outside) - 20 * (len(outside) - 1)) / 2
    middles = [step * place + 1 + width / 2 for place in range(len(ladder))]
    sheet.line("axis", (middles[0], 76), (middles[-1], 76))
    for middle in middles:
        sheet.line("axis", (middle, 59), (middle, 76))
    for place, one in enumerate(outside):
        x = first + place * (each + 20)
        sheet.line("axis", (x + each / 2, 76), (x + each / 2, below))
        _box(sheet, one, x, below, each, height)
    sheet.height = below + height + 6


def _down(sheet: Sheet, ladder: Sequence[Stage], outside: Sequence[Stage]) -> None:
    width, height, step = 150.0, 42.0, 62.0
    for place, one in enumerate(ladder):
        y = 4 + step * place
        _box(sheet, one, 2, y, width, height)
        if place + 1 < len(ladder):
            x, end = 2 + width / 2, y + step - 3
            sheet.line("axis", (x, y + height + 2), (x, end))
            sheet.path("axis", [(x - 4, end - 5), (x, end), (x + 4, end - 5)])
        sheet.line("axis", (2 + width, y + height / 2), (178, y + height / 2))
    bottom = 4 + step * (len(ladder) - 1) + height / 2
    sheet.line("axis", (178, 4 + height / 2), (178, bottom))
    for place, one in enumerate(outside):
        y = 4 + step * (1 + 2 * place)
        sheet.line("axis", (178, y + height / 2), (204, y + height / 2))
        _box(sheet, one, 204, y, width, height)
    sheet.height = step * len(ladder)


def _box(sheet: Sheet, one: Stage, x: float, y: float, width: float, height: float) -> None:
    here = " here" if one.here else ""
    sheet.rect(f"box{here}", x, y, width, height)
    sheet.text(
        f"label{here}", x + width / 2, y + height / 2 + (-2 if one.here else 5), f"{one.glyph} {one.name}", "middle"
    )
    if one.here:
        sheet.text("tick", x + width / 2, y + height / 2 + 15, "here now", "middle")


def _arrow(sheet: Sheet, x: float, y: float, to: float) -> None:
    sheet.line("axis", (x, y), (to, y))
    sheet.path("axis", [(to - 5, y - 4), (to, y), (to - 5, y + 4)])
