"""What happens to people (F1, F2): a tree of 1,000, and 100 flagged, counted with the missed ones in view.

Natural frequencies keep the reference class in sight; nothing here is a relative risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Sheet

WHOLE: Final = 1000
DOTS: Final = 100
FEWEST_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagging:
    """Who is flagged, and what became of them."""

    right: int
    false_alarms: int
    missed: int
    left_alone: int

    @property
    def people(self) -> int:
        """All of them."""
        return self.right + self.false_alarms + self.missed + self.left_alone

    @property
    def flagged(self) -> int:
        """Right or not."""
        return self.right + self.false_alarms

    def scaled(self, whole: int = WHOLE) -> Flagging:
        """The same of 1,000, whole people that add up (largest remainders); of fewer, as they are."""
        if self.people <= whole:
            return self
        parts = [self.right, self.false_alarms, self.missed, self.left_alone]
        counts = [part * whole // self.people for part in parts]
        by_rest = sorted(range(4), key=lambda i: (-(parts[i] * whole % self.people), i))
        for place in by_rest[: whole - sum(counts)]:
            counts[place] += 1
        return Flagging(right=counts[0], false_alarms=counts[1], missed=counts[2], left_alone=counts[3])


def tree(caption: Caption, found: Flagging) -> Markup:
    """F1: everybody, flagged or not, and then what happened."""
    shown = found.scaled()
    leaves = [
        ("s1", shown.right, "happened", "found"),
        ("s2", shown.false_alarms, "did not", "false alarm"),
        ("s2", shown.missed, "happened", "missed"),
        ("s1", shown.left_alone, "did not", "left in peace"),
    ]
    counts = [found.right, found.false_alarms, found.missed, found.left_alone]

    def draw(sheet: Sheet) -> None:
        sheet.height = 268
        first, second, third = (0, 150, 330) if sheet.wide else (0, 83, 186)
        boxes = (110, 130, 200) if sheet.wide else (76, 96, 174)
        root = 128.0
        middles = [62.0, 194.0]
        _box(sheet, first, root, boxes[0], f"{shown.people:,}", "patients")
        parts = [(shown.flagged, "flagged"), (shown.missed + shown.left_alone, "not flagged")]
        for middle, (count, words) in zip(middles, parts, strict=True):
            _branch(sheet, first + boxes[0], root, second, middle)
            _box(sheet, second, middle, boxes[1], f"{count:,}", words)
        for place, (kind, count, words, name) in enumerate(leaves):
            y = 29.0 + 66 * place
            _branch(sheet, second + boxes[1], middles[place // 2], third, y)
            _box(sheet, third, y, boxes[2], f"{count:,}", f"{words}: {name}", kind=kind)

    return framed(
        caption,
        draw,
        Table(
            head=("Patients", f"Of {shown.people:,}", "Counted"),
            rows=[
                (f"{'flagged' if place < 2 else 'not flagged'}, {words}: {name}", f"{count:,}", f"{counts[place]:,}")
                for place, (_, count, words, name) in enumerate(leaves)
            ],
        ),
    )


def _box(sheet: Sheet, x: float, middle: float, width: float, count: str, words: str, *, kind: str = "") -> None:
    sheet.rect("box", x + 0.5, middle - 26, width - 1, 52)
    if kind:
        sheet.rect(f"flag {kind}", x + 0.5, middle - 26, 5, 52)
    sheet.text("count", x + 9, middle - 3, count)
    sheet.text("label", x + 9, middle + 17, words)


def _branch(sheet: Sheet, x: float, y: float, to_x: float, to_y: float) -> None:
    turn = (x + to_x) / 2
    sheet.path("branch", [(x, y), (turn, y), (turn, to_y), (to_x, to_y)])


def hundred(caption: Caption, found: Flagging, *, happened: str, happened_not: str) -> Markup:
    """F2: 100 flagged in reading order, filled squares first; of fewer flagged, each of them."""
    if found.flagged < FEWEST_SHOWN:
        return absent(caption.key, caption.message, "Fewer than 10 patients were flagged: no rate is shown.")
    whole = min(found.flagged, DOTS)
    # Half up, as in the sentence beside it.
    right = (2 * found.right * whole + found.flagged) // (2 * found.flagged)

    def draw(sheet: Sheet) -> None:
        step = 30
        left = 0 if sheet.wide else (sheet.width - 10 * step) / 2
        for place in range(whole):
            x, y = left + step * (place % 10) + step / 2, step * (place // 10) + step / 2
            if place < right:
                sheet.mark("square", "s1", x, y, 9)
            else:
                sheet.mark("ring", "s2", x, y, 9)
        bottom = step * ((whole + 9) // 10)
        words = [("square", "s1", f"{right:,} {happened}"), ("ring", "s2", f"{whole - right:,} {happened_not}")]
        for line, (shape, kind, said) in enumerate(words):
            x, y = (330.0, 40.0 + 32 * line) if sheet.wide else (left + 15, bottom + 18.0 + 28 * line)
            sheet.mark("square" if shape == "square" else "ring", kind, x, y, 9)
            sheet.text("label", x + 18, y + 5, said)
        sheet.height = bottom + (4 if sheet.wide else 62)

    return framed(
        caption,
        draw,
        Table(
            head=("Of those flagged", f"Of {whole:,}", "Counted"),
            rows=[
                (happened, f"{right:,}", f"{found.right:,}"),
                (happened_not, f"{whole - right:,}", f"{found.false_alarms:,}"),
            ],
        ),
    )
