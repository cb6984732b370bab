"""Does acting on it do more good than harm (F5): net benefit per 1,000 over the thresholds at which one might act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, round_up, ticks, wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Net benefit per 1,000 at each threshold, with its interval where it has one."""

    name: str
    net: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def decision(
    caption: Caption,
    thresholds: Sequence[float],
    lines: Sequence[Line],
    *,
    shaded: tuple[float, float] | None = None,
    shade: str = "agreed range",
) -> Markup:
    """The model first (with its band), then what it is compared with, at most four; nobody is zero."""
    if len(thresholds) < 2:
        return absent(caption.key, caption.message, "There are fewer than two thresholds to compare.")
    shown = lines[:4]
    top = round_up(max(max(*line.net, *line.high) if line.high else max(line.net) for line in shown))
    low = -top / 4

    def draw(sheet: Sheet) -> None:
        height = 300.0
        x = Scale(low=100 * thresholds[0], high=100 * thresholds[-1], start=52, end=sheet.width - 14)
        y = Scale(low=low, high=top, start=12 + height, end=12)
        if shaded is not None:
            left, right = x.at(100 * shaded[0]), x.at(100 * shaded[1])
            sheet.rect("agreed", left, 12, max(right - left, 3), height)
            sheet.text("note", (left + right) / 2, 27, shade, "middle")
        sheet.y_axis(y, 52, sheet.width - 14, [tick for tick in ticks(low, top) if tick >= low])
        sheet.line("nobody", (x.start, y.at(0)), (x.end, y.at(0)))
        for place, line in reversed(list(enumerate(shown, start=1))):
            across = [x.at(100 * one) for one in thresholds]
            if line.low and place == 1:
                sheet.band("s1", across, [y.at(one) for one in line.low], [y.at(one) for one in line.high])
            sheet.path(f"line s{place}", _above(thresholds, line.net, low, x, y))
        sheet.x_axis(x, 12 + height, ticks(x.low, x.high), "risk at which one acts, per 100")
        sheet.height = height + 58
        _names(sheet, shown)

    return framed(
        caption,
        draw,
        Table(
            head=("Threshold, per 100", *(line.name for line in shown)),
            rows=[(f"{100 * one:.1f}", *(_number(line, i) for line in shown)) for i, one in enumerate(thresholds)],
        ),
    )


def _above(
    thresholds: Sequence[float], net: Sequence[float], low: float, x: Scale, y: Scale
) -> list[tuple[float, float]]:
    """The part of a line above the floor of the drawing, cut where it crosses it."""
    points = []
    pairs = list(zip(thresholds, net, strict=True))
    for (at, value), (then, next_value) in pairwise(pairs):
        if value >= low:
            points.append((x.at(100 * at), y.at(value)))
            if next_value < low:
                share = (value - low) / (value - next_value)
                points.append((x.at(100 * (at + share * (then - at))), y.at(low)))
    if net[-1] >= low:
        points.append((x.at(100 * thresholds[-1]), y.at(net[-1])))
    return points


def _names(sheet: Sheet, lines: Sequence[Line]) -> None:
    """Each line's name beside a piece of it: the lines cross, so names at their ends would lie on each other."""
    for place, words in enumerate([*(line.name for line in lines), "nobody (always 0)"], start=1):
        y = sheet.height + 10
        kind = f"line s{place}" if place <= len(lines) else "nobody"
        sheet.line(kind, (52, y), (88, y))
        for said in wrapped(words, sheet.width - 112, lines=2):
            sheet.text("label", 96, sheet.height + 15, said)
            sheet.height += 22


def _number(line: Line, i: int) -> str:
    if not line.low:
        return f"{line.net[i]:.1f}"
    return f"{line.net[i]:.1f} ({line.low[i]:.1f} to {line.high[i]:.1f})"
