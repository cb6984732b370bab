"""Can the stated risks be believed (F3): what was stated against what happened, on one scale, with the counts below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from services.figures.frame import FEWEST_FOR_A_CURVE, TOO_FEW, Caption, Table, absent, framed
from services.figures.sheet import Scale, Sheet, round_up, ticks

_LOW_END: Final = 30
"""Patients per 100: where most groups lie below it on a larger scale, that corner is drawn again, larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskGroup:
    """Patients of like risk: what was stated on average, and what happened (shares, with the 95 % interval)."""

    stated: float
    observed: float
    low: float
    high: float
    rows: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Smooth:
    """The curve through stated and observed; the band is where it lies in 95 of 100 draws of other patients."""

    stated: Sequence[float]
    observed: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def calibration(caption: Caption, groups: Sequence[RiskGroup], *, smooth: Smooth | None = None) -> Markup:
    """Ten groups of like risk as dots with bars; the curve only where there are enough patients to draw one."""
    drawn = [group for group in groups if group.rows]
    if not drawn:
        return absent(caption.key, caption.message, "There is no group of patients.")
    rows, events = sum(group.rows for group in drawn), sum(group.events for group in drawn)
    few = min(events, rows - events) < FEWEST_FOR_A_CURVE
    curve = None if few else smooth
    highest = max(max(group.stated, group.high) for group in drawn)
    if curve is not None and curve.high:
        # The band is drawn whole, unless it is so wide at its end that the dots would be pressed into a corner.
        highest = min(max(highest, *curve.high), 1.25 * highest)
    top = min(round_up(100 * highest), 100.0)
    crowded = top >= 2 * _LOW_END and sum(100 * group.high <= _LOW_END for group in drawn) * 2 > len(drawn)

    def draw(sheet: Sheet) -> None:
        side = min(sheet.width - 70, 430.0)
        _square(sheet, drawn, curve, top=top, side=side, above=28)
        _counts(sheet, drawn, top=top, side=side, above=side + 100)
        sheet.height = side + 168
        if crowded:
            sheet.text("label", 4, sheet.height + 26, f"The crowded low end, 0 to {_LOW_END} in 100, larger:")
            _square(sheet, drawn, curve, top=_LOW_END, side=side * 0.75, above=sheet.height + 66)
            sheet.height += side * 0.75 + 112

    return framed(
        caption,
        draw,
        Table(
            head=("Stated, per 100", "Observed, per 100", "95% interval", "Patients", "With outcome", "Without"),
            rows=[
                (
                    f"{100 * group.stated:.1f}",
                    f"{100 * group.observed:.1f}",
                    f"{100 * group.low:.1f} to {100 * group.high:.1f}",
                    f"{group.rows:,}",
                    f"{group.events:,}",
                    f"{group.rows - group.events:,}",
                )
                for group in drawn
            ],
        ),
        notes=[TOO_FEW] if few else [],
    )


def _square(
    sheet: Sheet, groups: Sequence[RiskGroup], curve: Smooth | None, *, top: float, side: float, above: float
) -> None:
    x = Scale(low=0, high=top, start=52, end=52 + side)
    y = Scale(low=0, high=top, start=above + side, end=above)
    sheet.text("label", 4, above - 13, "what happened, patients per 100")
    sheet.y_axis(y, 52, 52 + side, ticks(0, top))
    sheet.line("diagonal", (x.at(0), y.at(0)), (x.at(top), y.at(top)))
    if curve is not None:
        _curve(sheet, curve, x, y, top)
    for group in groups:
        if 100 * group.stated > top or 100 * group.observed > top:
            continue
        at = x.at(100 * group.stated)
        sheet.line("bar s1", (at, y.at(100 * group.low)), (at, y.at(100 * group.high)))
        sheet.mark("dot", "s1", at, y.at(100 * group.observed))
    sheet.text("note", x.end, y.start - 10, "dashed: as stated", "end")
    sheet.x_axis(x, above + side, ticks(0, top), "stated, patients per 100")


def _curve(sheet: Sheet, curve: Smooth, x: Scale, y: Scale, top: float) -> None:
    inside = [i for i, stated in enumerate(curve.stated) if 100 * stated <= top and 100 * curve.observed[i] <= top]
    across = [x.at(100 * curve.stated[i]) for i in inside]
    if curve.low and curve.high and len(inside) > 1:
        sheet.band(
            "s1", across, [y.at(100 * curve.low[i]) for i in inside], [y.at(100 * curve.high[i]) for i in inside]
        )
    sheet.path("line s1", zip(across, [y.at(100 * curve.observed[i]) for i in inside], strict=True))


def _counts(sheet: Sheet, groups: Sequence[RiskGroup], *, top: float, side: float, above: float) -> None:
    x = Scale(low=0, high=top, start=52, end=52 + side)
    widest = max(group.rows for group in groups)
    floor = above + 62
    sheet.text("note", 52, above - 6, "patients; filled: with the outcome")
    for group in groups:
        height, part = 46 * group.rows / widest, 46 * group.events / widest
        sheet.rect("count", x.at(100 * group.stated) - 3.5, floor - height, 7, height)
        sheet.rect("count filled", x.at(100 * group.stated) - 3.5, floor - part, 7, part)
    sheet.line("axis", (52, floor), (52 + side, floor))


def calibration_message(groups: Sequence[RiskGroup]) -> str:
    """The finding in one sentence, from the groups whose interval leaves the diagonal out."""
    drawn = [group for group in groups if group.rows]
    above = [group for group in drawn if group.stated > group.high]
    below = [group for group in drawn if group.stated < group.low]
    if not above and not below:
        return "What is stated is what happens, within the error of counting, in every group"
    parts = []
    for found, said in ((above, "more"), (below, "less")):
        if found:
            low, high = (f"{100 * max(bound, 0):.0f}" for bound in (found[0].stated, found[-1].stated))
            where = f"about {low}" if low == high else f"{low} to {high}"
            parts.append(f"at {where} in 100 it says {said} than happens ({len(found)} of {len(drawn)} groups)")
    said = "; ".join(parts)
    return said[:1].upper() + said[1:]
