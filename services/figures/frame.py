"""What stands around every figure: its message, the measure, both drawings, the numbers as a table, the source.

A figure without numbers is not an empty chart: it says what is not drawn, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from services.figures.sheet import WIDTHS, Sheet

FEWEST_FOR_A_CURVE: Final = 100
"""Events, and non-events, below which no smooth curve is drawn."""
TOO_FEW: Final = "Fewer than 100 with the outcome or without it: too few to draw a curve."


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The numbers of a figure; the first cell of a row names it."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What a figure says: the finding as a sentence, what is measured where and when, and where the numbers are kept."""

    key: str
    """Its id on the page, e.g. `calibration`."""
    message: str
    measure: str
    source: str
    desc: str
    """One sentence for who does not see it."""


def framed(caption: Caption, draw: Callable[[Sheet], None], table: Table, *, notes: Sequence[str] = ()) -> Markup:
    """The whole figure; `draw` is called once for each width."""
    drawings = []
    for width in WIDTHS:
        sheet = Sheet(width=width)
        draw(sheet)
        drawings.append(sheet.svg(caption.key, caption.message, caption.desc))
    return Markup(  # noqa: S704 - the template escapes
        _TEMPLATES.get_template("figure.html.j2").render(
            key=caption.key,
            message=caption.message.removesuffix("."),
            measure=caption.measure,
            source=caption.source,
            drawings=drawings,
            notes=notes,
            table=table,
        )
    )


def absent(key: str, what: str, why: str) -> Markup:
    """In the place of a figure that cannot be drawn."""
    return Markup(  # noqa: S704 - the template escapes
        _TEMPLATES.get_template("absent.html.j2").render(key=key, what=what.removesuffix("."), why=why)
    )


_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
