"""What is not there, and whether it comes in time (F12): missing inputs by outcome, and hours from card to event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.figures.frame import Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, round_up, ticks, wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Per 100 rows without a value: of those with the outcome, and of those without (value, low, high)."""

    name: str
    all_rows: float
    happened: tuple[float, float, float]
    not_happened: tuple[float, float, float]


def missing_inputs(caption: Caption, inputs: Sequence[Missing], *, notes: Sequence[str] = ()) -> Markup:
    """A pair of marks for each input; inputs that are never missing are named below, not drawn."""
    shown = [one for one in inputs if one.all_rows > 0]
    always = [one.name for one in inputs if one.all_rows == 0]
    said = [f"Never missing: {', '.join(always)}."] if always else []
    if not shown:
        return absent(caption.key, caption.message, " ".join([*notes, *said, "No input is missing anywhere."]))

    def draw(sheet: Sheet) -> None:
        left = 236.0 if sheet.wide else 8.0
        step = 30.0 if sheet.wide else 46.0
        x = Scale(low=0, high=100, start=left, end=sheet.width - 12)
        sheet.mark("dot", "s1", left + 6, 10)
        sheet.text("label", left + 16, 15, "with the outcome")
        sheet.mark("square", "s2", left + 156, 10)
        sheet.text("label", left + 166, 15, "without it")
        top = 30.0
        bottom = top + step * len(shown)
        for tick in ticks(0, 100):
            sheet.line("grid", (x.at(tick), top), (x.at(tick), bottom))
        for place, one in enumerate(shown):
            y = top + step * place
            sheet.text("label", 0, y + 17, wrapped(one.name, 222 if sheet.wide else 350, lines=1)[0])
            middle = y + (14 if sheet.wide else 32)
            sheet.interval("s1", x, middle - 4, one.happened)
            sheet.interval("s2", x, middle + 5, one.not_happened, shape="square")
        sheet.x_axis(x, bottom, ticks(0, 100), "missing, of 100 rows")
        sheet.height = bottom + 44

    return framed(
        caption,
        draw,
        Table(
            head=("Input", "Missing, of 100", "With the outcome", "Without it"),
            rows=[(one.name, f"{one.all_rows:.1f}", _said(one.happened), _said(one.not_happened)) for one in inputs],
        ),
        notes=[*notes, *said],
    )


def _said(found: tuple[float, float, float]) -> str:
    value, low, high = found
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def lead_time(caption: Caption, edges: Sequence[float], counts: Sequence[int]) -> Markup:
    """Events that the threshold catches, by the hours (or days) from the prediction to them."""
    if not sum(counts):
        return absent(caption.key, caption.message, "No event that the threshold catches has a time.")
    by_day = edges[-1] > 96
    unit, part = ("days", 24.0) if by_day else ("hours", 1.0)
    top = round_up(max(counts))

    def draw(sheet: Sheet) -> None:
        x = Scale(low=0, high=edges[-1] / part, start=52, end=sheet.width - 14)
        y = Scale(low=0, high=top, start=196, end=28)
        sheet.text("label", 0, 15, "events caught")
        sheet.y_axis(y, 52, sheet.width - 14, ticks(0, top, about=4))
        for i, count in enumerate(counts):
            left, right = x.at(edges[i] / part), x.at(edges[i + 1] / part)
            sheet.rect("column s1", left + 0.5, y.at(count), right - left - 1, y.start - y.at(count))
        sheet.x_axis(x, 196, ticks(0, x.high), f"{unit} from the prediction to the event")
        sheet.height = 240

    return framed(
        caption,
        draw,
        Table(
            head=(f"{unit.capitalize()} from the prediction", "Events caught"),
            rows=[(f"{edges[i] / part:g} to {edges[i + 1] / part:g}", f"{count:,}") for i, count in enumerate(counts)],
        ),
    )
