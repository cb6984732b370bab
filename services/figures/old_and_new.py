"""What is different from what runs now (F8): flagged by both, by one, by neither, with what became of them."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, framed
from services.figures.sheet import Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Four:
    """Each as (patients, of these with the outcome)."""

    both: tuple[int, int]
    only_old: tuple[int, int]
    only_new: tuple[int, int]
    neither: tuple[int, int]


def old_and_new(caption: Caption, cells: Four, *, notes: tuple[str, ...] = ()) -> Markup:
    """Two by two; who would newly lose an alert is marked."""

    def draw(sheet: Sheet) -> None:
        left = 108.0 if sheet.wide else 66.0
        width = (sheet.width - left) / 2
        for place, words in enumerate(("new: flagged", "new: not")):
            sheet.text("label", left + width * place + width / 2, 16, words, "middle")
        for place, words in enumerate(("flagged", "not")):
            sheet.text("label", 0, 70 + 106 * place, "old:")
            sheet.text("label", 0, 88 + 106 * place, words)
        for place, ((rows, events), words, kind) in enumerate(
            (
                (cells.both, "by both", ""),
                (cells.only_old, "lose the alert", "s2"),
                (cells.only_new, "newly flagged", "s1"),
                (cells.neither, "by neither", ""),
            )
        ):
            x, y = left + width * (place % 2), 26.0 + 106 * (place // 2)
            sheet.rect("box", x + 2, y, width - 4, 98)
            if kind:
                sheet.rect(f"flag {kind}", x + 2, y, 5, 98)
            sheet.text("count", x + 14, y + 30, f"{rows:,}")
            sheet.text("label", x + 14, y + 54, words)
            sheet.text("tick", x + 14, y + 78, f"{events:,} with it")
        sheet.height = 236

    return framed(
        caption,
        draw,
        Table(
            head=("Flagged by", "Patients", "With the outcome", "Of 100"),
            rows=[
                (words, f"{rows:,}", f"{events:,}", f"{100 * events / rows:.0f}" if rows >= 10 else "not shown")
                for words, (rows, events) in (
                    ("both", cells.both),
                    ("only the old (would lose the alert)", cells.only_old),
                    ("only the new", cells.only_new),
                    ("neither", cells.neither),
                )
            ],
        ),
        notes=notes,
    )
