"""What each input adds (the shape functions of a scorecard), over how many patients there were to learn it from.

A step on which no patient stands looks like any other; the bars below it say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, round_up, wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One input: the line of what it adds to the log-odds, and how many rows lie in equal parts of its range."""

    name: str
    unit: str
    line: Sequence[tuple[float, float]]
    """From the lowest to the highest value drawn, with both ends of every step."""
    edges: Sequence[float]
    """Of the parts; one more than there are."""
    adds: Sequence[float]
    """In the middle of each part."""
    rows: Sequence[int]
    missing: float
    """What is added where there is no value."""
    missing_rows: int


def shapes(caption: Caption, inputs: Sequence[Shape], *, drawn: int, notes: Sequence[str] = ()) -> Markup:
    """Small multiples on one scale upwards, so that what weighs more looks larger; the first so many, all in the table."""
    if not inputs:
        return absent(caption.key, caption.message, "The model has no function of one input to draw.")
    shown = inputs[:drawn]
    ends = [added for one in shown for _, added in one.line] + [one.missing for one in shown if one.missing_rows]
    top, low = round_up(max(*ends, 0.1)), -round_up(-min(*ends, -0.1))

    def draw(sheet: Sheet) -> None:
        columns = 3 if sheet.wide else 2
        width, height = sheet.width / columns, 206.0
        for place, one in enumerate(shown):
            _one(sheet, one, (width * (place % columns), height * (place // columns)), width, low, top)
        sheet.height = height * -(-len(shown) // columns)

    return framed(
        caption,
        draw,
        Table(
            head=("Input", "From", "To", "Adds to the log-odds", "Rows"),
            rows=[row for one in inputs for row in _rows(one)],
        ),
        notes=notes,
    )


def _rows(one: Shape) -> list[tuple[str, ...]]:
    rows = [
        (one.name, f"{one.edges[i]:.4g}", f"{one.edges[i + 1]:.4g}", f"{added:+.2f}", f"{one.rows[i]:,}")
        for i, added in enumerate(one.adds)
        if one.rows[i]
    ]
    return [*rows, (one.name, "missing", "–", f"{one.missing:+.2f}", f"{one.missing_rows:,}")]


def _one(sheet: Sheet, one: Shape, corner: tuple[float, float], width: float, low: float, top: float) -> None:
    left, above = corner[0] + 40, corner[1] + 46
    right = corner[0] + width - 14
    x = Scale(low=one.edges[0], high=one.edges[-1], start=left, end=right)
    y = Scale(low=low, high=top, start=above + 86, end=above)
    for line, words in enumerate(wrapped(f"{one.name}, {one.unit}" if one.unit else one.name, width - 8, lines=2)):
        sheet.text("label", corner[0] + 2, corner[1] + 14 + 17 * line, words)
    sheet.y_axis(y, left, right, [low, 0, top] if y.at(low) - y.at(0) > 15 else [0, top], decimals=1)
    sheet.line("axis", (left, y.at(0)), (right, y.at(0)))
    sheet.path("line s1", [(x.at(value), y.at(added)) for value, added in one.line])
    if one.missing_rows:
        sheet.mark("ring", "s1", left, y.at(one.missing), 3.5)
    most, floor = max([*one.rows, 1]), above + 116
    for i, rows in enumerate(one.rows):
        start, end = x.at(one.edges[i]), x.at(one.edges[i + 1])
        height = 24 * rows / most
        # A bar too low to see would say that nobody is there.
        sheet.rect(
            "count filled",
            start,
            floor - (max(height, 1.0) if rows else 0.0),
            end - start - 0.5,
            max(height, 1.0) if rows else 0.0,
        )
    sheet.line("axis", (left, floor), (right, floor))
    sheet.text("tick", left, floor + 17, f"{one.edges[0]:.3g}")
    sheet.text("tick", right, floor + 17, f"{one.edges[-1]:.3g}", "end")
