"""How the risks are spread (F4): with and without the outcome, on one scale; piles stand, nothing is smoothed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, framed
from services.figures.sheet import Scale, Sheet, round_up, ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Counts of patients between edges (risks as shares)."""

    edges: Sequence[float]
    happened: Sequence[int]
    not_happened: Sequence[int]
    threshold: float | None = None


def spread(caption: Caption, bins: Bins, *, notes: Sequence[str] = ()) -> Markup:
    """Two histograms, one over the other, both counted on the same scale of patients."""
    right, most = 100 * bins.edges[-1], max(*bins.happened, *bins.not_happened, 1)
    top = round_up(most)

    def draw(sheet: Sheet) -> None:
        x = Scale(low=100 * bins.edges[0], high=right, start=60, end=sheet.width - 14)
        for place, (kind, counts, words) in enumerate(
            (("s1", bins.happened, "with the outcome"), ("s2", bins.not_happened, "without it"))
        ):
            above = 26.0 + 160 * place
            y = Scale(low=0, high=top, start=above + 120, end=above)
            sheet.y_axis(y, 60, sheet.width - 14, ticks(0, top, about=3))
            sheet.text("label", 60, above - 8, f"patients {words}")
            for i, count in enumerate(counts):
                left, end = x.at(100 * bins.edges[i]), x.at(100 * bins.edges[i + 1])
                sheet.rect(f"column {kind}", left + 0.5, y.at(count), end - left - 1, y.start - y.at(count))
            sheet.line("axis", (60, y.start), (sheet.width - 14, y.start))
            if bins.threshold is not None:
                at = x.at(100 * bins.threshold)
                sheet.line("limit", (at, above - 4), (at, y.start))
                if place == 0:
                    beyond = at > sheet.width - 110
                    sheet.text(
                        "note",
                        at + (-6 if beyond else 6),
                        above + 10,
                        "flagged from here",
                        "end" if beyond else "start",
                    )
        sheet.x_axis(x, 306, ticks(100 * bins.edges[0], right), "stated risk, patients per 100")
        sheet.height = 350

    return framed(
        caption,
        draw,
        Table(
            head=("Stated risk, per 100", "With the outcome", "Without it"),
            rows=[
                (f"{100 * bins.edges[i]:.1f} to {100 * bins.edges[i + 1]:.1f}", f"{a:,}", f"{b:,}")
                for i, (a, b) in enumerate(zip(bins.happened, bins.not_happened, strict=True))
            ],
        ),
        notes=notes,
    )
