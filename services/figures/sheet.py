"""The sheet that a figure is drawn on: marks by class, so that colour, dark, print and forced colours are the page's.

Every mark goes through `Markup.format`, which escapes what is put in; coordinates are rounded to a tenth, so the same
numbers give the same bytes, and a report's digest covers its figures.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import Final, Literal

from markupsafe import Markup

from services.guidance.words.rounding import number

Anchor = Literal["start", "middle", "end"]
Shape = Literal["dot", "ring", "square", "cross", "triangle", "diamond"]

NARROW: Final = 360
WIDE: Final = 640
WIDTHS: Final = (NARROW, WIDE)
"""Every figure is drawn twice; CSS shows the one that fits, so text keeps its size on a telephone."""
_PER_LETTER: Final = 7.3
"""Drawing units of one letter at 14 units, on average; used to break lines, generously."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A linear scale from data to drawing; what lies outside is drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value stands, in the drawing's units, to a tenth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def holds(self, value: float) -> bool:
        """Whether the value lies within."""
        return self.low <= value <= self.high


@dataclass(slots=True, kw_only=True)
class Sheet:
    """One drawing; marks lie over one another in the order in which they were made."""

    width: int
    height: float = 0.0
    marks: list[Markup] = field(default_factory=list)

    @property
    def wide(self) -> bool:
        """Whether there is room for things beside each other."""
        return self.width >= WIDE

    def line(self, kind: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A straight line."""
        self._put('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', kind, *_tenths(*start, *end))

    def path(self, kind: str, points: Iterable[tuple[float, float]]) -> None:
        """A line through points."""
        self._put('<polyline class="{}" points="{}"/>', kind, _joined(points))

    def area(self, kind: str, points: Iterable[tuple[float, float]]) -> None:
        """A filled outline."""
        self._put('<polygon class="{}" points="{}"/>', kind, _joined(points))

    def band(self, kind: str, across: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
        """The area between two lines, with its edges drawn: a band without edges vanishes in grey print."""
        upper, lower = list(zip(across, high, strict=True)), list(zip(across, low, strict=True))
        self.area(f"band {kind}", [*upper, *reversed(lower)])
        self.path(f"edge {kind}", upper)
        self.path(f"edge {kind}", lower)

    def rect(self, kind: str, x: float, y: float, width: float, height: float) -> None:
        """A rectangle."""
        self._put(
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>',
            kind,
            *_tenths(x, y, max(width, 0.0), max(height, 0.0)),
        )

    def mark(self, shape: Shape, kind: str, x: float, y: float, size: float = 4.5) -> None:
        """A point; its shape tells it apart where colour does not."""
        match shape:
            case "dot" | "ring":
                self._put('<circle class="{} {}" cx="{}" cy="{}" r="{}"/>', shape, kind, *_tenths(x, y, size))
            case "square":
                self.rect(f"dot {kind}", x - size, y - size, 2 * size, 2 * size)
            case "cross":
                self.line(f"cross {kind}", (x - size, y - size), (x + size, y + size))
                self.line(f"cross {kind}", (x - size, y + size), (x + size, y - size))
            case "triangle":
                self.area(f"dot {kind}", [(x, y - size), (x + size, y + size), (x - size, y + size)])
            case "diamond":
                self.area(f"dot {kind}", [(x, y - size), (x + size, y), (x, y + size), (x - size, y)])

    def text(self, kind: str, x: float, y: float, words: str, anchor: Anchor = "start") -> None:
        """One line of words."""
        self._put('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>', kind, *_tenths(x, y), anchor, words)

    def x_axis(
        self, scale: Scale, y: float, ticks: Sequence[float], label: str, *, decimals: int | None = None
    ) -> None:
        """The axis along the bottom, with its words below."""
        self.line("axis", (scale.start, y), (scale.end, y))
        for tick, said in zip(ticks, _said(ticks, decimals), strict=True):
            self.line("axis", (scale.at(tick), y), (scale.at(tick), y + 4))
            self.text("tick", scale.at(tick), y + 18, said, "middle")
        self.text("label", (scale.start + scale.end) / 2, y + 37, label, "middle")

    def y_axis(
        self, scale: Scale, x: float, right: float, ticks: Sequence[float], *, decimals: int | None = None
    ) -> None:
        """Hairlines across, with their numbers on the left."""
        for tick, said in zip(ticks, _said(ticks, decimals), strict=True):
            self.line("grid", (x, scale.at(tick)), (right, scale.at(tick)))
            self.text("tick", x - 6, scale.at(tick) + 4.5, said, "end")

    def interval(
        self,
        kind: str,
        scale: Scale,
        y: float,
        found: tuple[float, float, float],
        *,
        shape: Shape = "dot",
    ) -> None:
        """Value, low, high along a scale; an end that the scale does not hold is an arrow."""
        value, low, high = found
        self.line(f"bar {kind}", (scale.at(low), y), (scale.at(high), y))
        if high > scale.high:
            self.path(f"bar open {kind}", [(scale.end - 5, y - 4), (scale.end, y), (scale.end - 5, y + 4)])
        if low < scale.low:
            self.path(f"bar open {kind}", [(scale.start + 5, y - 4), (scale.start, y), (scale.start + 5, y + 4)])
        if scale.holds(value):
            self.mark(shape, kind, scale.at(value), y)

    def svg(self, key: str, title: str, desc: str) -> Markup:
        """The drawing with its title and its one-sentence description."""
        name = f"{key}-{self.width}"
        return Markup(
            '<svg class="figure w{width}" role="img" aria-labelledby="{name}-t {name}-d" '
            'viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">'
            '<title id="{name}-t">{title}</title><desc id="{name}-d">{desc}</desc>\n{marks}\n</svg>'
        ).format(
            width=self.width,
            height=round(self.height, 1),
            name=name,
            title=title,
            desc=desc,
            marks=Markup("\n").join(self.marks),
        )

    def _put(self, mark: str, *parts: object) -> None:
        self.marks.append(Markup(mark).format(*parts))  # noqa: S704 - the marks are the constants above


def _tenths(*numbers: float) -> tuple[float, ...]:
    return tuple(round(float(one), 1) for one in numbers)


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{round(float(x), 1)},{round(float(y), 1)}" for x, y in points)


def _said(ticks: Sequence[float], decimals: int | None) -> list[str]:
    if decimals is None:
        step = min((abs(b - a) for a, b in itertools.pairwise(ticks)), default=1.0)
        decimals = 0 if step >= 1 else min(3, -floor(log10(step) + 1e-9))
    return [number(tick, decimals) for tick in ticks]


def round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 … that is no smaller; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round numbers from low to high, about so many."""
    if high <= low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** floor(log10(raw))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= raw * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)] or [low]


def wrapped(words: str, width: float, *, lines: int = 3) -> list[str]:
    """The words in lines that fit the width, at most so many; what is cut ends in …, and stands whole in the table."""
    most = max(int(width / _PER_LETTER), 6)
    found: list[str] = [""]
    for word in words.split():
        joined = f"{found[-1]} {word}".strip()
        if len(joined) <= most or not found[-1]:
            found[-1] = joined
        else:
            found.append(word)
    if len(found) > lines:
        found = [*found[: lines - 1], " ".join(found[lines - 1 :])]
    return [one if len(one) <= most else f"{one[: most - 1]}…" for one in found]
