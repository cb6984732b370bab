"""What each input adds in two releases, one line over the other: where the new model says something else than the old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, round_up, wrapped

Line = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaid:
    """One input in both releases; a release that does not use it has no line."""

    name: str
    low: float
    high: float
    new: Line
    old: Line
    difference: float
    """The largest difference between the lines, in log-odds; what one does not use adds nothing."""


def shapes_compared(caption: Caption, inputs: Sequence[Overlaid], *, new: str, old: str, drawn: int) -> Markup:
    """Small multiples on one scale upwards, the largest difference first; the first so many, all in the table."""
    if not inputs:
        return absent(caption.key, caption.message, "Neither model has a function of one input to draw.")
    shown = inputs[:drawn]
    ends = [added for one in shown for line in (one.new, one.old) for _, added in line]
    top, low = round_up(max(*ends, 0.1)), -round_up(-min(*ends, -0.1))

    def draw(sheet: Sheet) -> None:
        columns = 3 if sheet.wide else 2
        width, height, above = sheet.width / columns, 186.0, 30.0 if sheet.wide else 54.0
        for place, (kind, words) in enumerate((("s1", new), ("s2", old))):
            x, y = (260.0 * place, 12.0) if sheet.wide else (0.0, 12.0 + 24 * place)
            sheet.line(f"line {kind}", (x + 2, y), (x + 34, y))
            sheet.text("label", x + 42, y + 5, words)
        for place, one in enumerate(shown):
            _one(sheet, one, (width * (place % columns), above + height * (place // columns)), width, low, top)
        sheet.height = above + height * -(-len(shown) // columns)

    return framed(
        caption,
        draw,
        Table(
            head=("Input", f"Used by {new}", f"Used by {old}", "Largest difference, log-odds"),
            rows=[
                (one.name, "yes" if one.new else "no", "yes" if one.old else "no", f"{one.difference:.2f}")
                for one in inputs
            ],
        ),
    )


def _one(sheet: Sheet, one: Overlaid, corner: tuple[float, float], width: float, low: float, top: float) -> None:
    left, above = corner[0] + 40, corner[1] + 46
    right = corner[0] + width - 14
    x = Scale(low=one.low, high=one.high, start=left, end=right)
    y = Scale(low=low, high=top, start=above + 100, end=above)
    for line, words in enumerate(wrapped(one.name, width - 8, lines=2)):
        sheet.text("label", corner[0] + 2, corner[1] + 14 + 17 * line, words)
    sheet.y_axis(y, left, right, [low, 0, top] if y.at(low) - y.at(0) > 15 else [0, top], decimals=1)
    sheet.line("axis", (left, y.at(0)), (right, y.at(0)))
    for kind, points in (("s2", one.old), ("s1", one.new)):
        if points:
            sheet.path(f"line {kind}", [(x.at(value), y.at(added)) for value, added in points])
    sheet.text("tick", left, above + 118, f"{one.low:.3g}")
    sheet.text("tick", right, above + 118, f"{one.high:.3g}", "end")
