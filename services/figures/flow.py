"""Who was learned from, and who was not (F9): from everybody who is eligible down to the rows that were analysed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from services.figures.frame import Caption, Table, framed
from services.figures.sheet import Sheet, wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One line: so many are `here`, so many left (`out`), or so many stay although something is `unknown`."""

    words: str
    kind: Literal["here", "out", "unknown"]
    n: int
    share: str = ""
    """Of those who were there before it, in words."""


def flow(caption: Caption, stages: Sequence[Stage], *, notes: Sequence[str] = ()) -> Markup:
    """A trunk from top to bottom; who leaves it stands on a branch with the reason and the share."""
    shown = [stage for stage in stages if stage.n or stage.kind == "here"]
    none_left = [stage.words for stage in stages if not stage.n and stage.kind == "out"]

    def draw(sheet: Sheet) -> None:
        trunk, y = 22.0, 4.0
        joints: list[tuple[float, float]] = []
        for stage in shown:
            if stage.kind == "here":
                lines = wrapped(stage.words, sheet.width - 130, lines=2)
                height = 22.0 + 20 * len(lines)
                sheet.rect("box", 0.5, y, sheet.width - 1, height)
                sheet.text("count", 14, y + 28, f"{stage.n:,}")
                for line, said in enumerate(lines):
                    sheet.text("label", 120, y + 26 + 20 * line, said)
                joints.append((y, y + height))
                y += height + 10
            else:
                tail = f"{stage.words}{f' ({stage.share})' if stage.share else ''}"
                lines = wrapped(tail, sheet.width - 148, lines=3)
                sheet.line("branch", (trunk, y + 10), (trunk + 22, y + 10))
                sign = "−" if stage.kind == "out" else "?"
                sheet.text("number", 110, y + 15, f"{sign} {stage.n:,}", "end")
                for line, said in enumerate(lines):
                    sheet.text("tick" if stage.kind == "unknown" else "label", 120, y + 15 + 19 * line, said)
                y += 19 * len(lines) + 9
        for (_, bottom), (top, _) in itertools.pairwise(joints):
            sheet.line("branch", (trunk, bottom), (trunk, top))
        if joints and y > joints[-1][1] + 10:
            sheet.line("branch", (trunk, joints[-1][1]), (trunk, y - 9))
        sheet.height = y + 2

    said = {"here": "here", "out": "left out", "unknown": "kept, although unknown"}
    return framed(
        caption,
        draw,
        Table(
            head=("Step", "What", "Rows", "Share of those before"),
            rows=[(stage.words, said[stage.kind], f"{stage.n:,}", stage.share or "–") for stage in stages],
        ),
        notes=[*notes, *([f"Nobody was left out for: {', '.join(none_left)}."] if none_left else [])],
    )
