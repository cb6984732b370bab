"""A card at a terminal: nothing cut, indicator as word and shape, reasons short, the release named."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from services.cds.cards.show import card_panel

CARD: dict[str, Any] = {
    "summary": "30-day readmission risk 36% (average 13%). HOSPITAL 6 of 13, LACE 12 of 19. Offer follow-up within 7 days.",
    "indicator": "info",
    "detail": "Main reasons: **urea** 32.",
    "source": {"label": "Knowdo: Readmission 1.0.0, release 0123456789ab"},
    "suggestions": [{"label": "Book", "actions": [{"description": "Request a visit"}]}],
    "overrideReasons": [{"code": f"reason-{n}", "display": f"A long sentence {n}"} for n in range(6)],
}


def drawn(card: dict[str, Any], width: int = 60) -> list[str]:
    """The lines of the box, without its sides."""
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(card_panel(card))
    lines = capture.get().splitlines()
    assert {len(line) for line in lines} == {width}
    return [line.strip("│╭╮╰╯─ ") for line in lines]


@pytest.mark.parametrize(
    ("indicator", "said"), [("info", "ⓘ Info"), ("warning", "▲ Warning"), ("critical", "■ Critical")]
)
def test_the_indicator_is_a_word_and_a_shape(indicator: str, said: str) -> None:
    """Colour never works alone."""
    assert drawn({**CARD, "indicator": indicator})[0] == said


@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_long_summary_is_wrapped_and_never_cut(width: int) -> None:
    """Every word of it stands in the box, however narrow."""
    assert CARD["summary"] in " ".join(drawn(CARD, width))


def test_reasons_to_decline_are_short_and_the_source_names_the_release() -> None:
    """The first four by code, then how many more; the label with the digest closes the card."""
    lines = drawn(CARD, 100)
    assert "Or decline: reason 0 · reason 1 · reason 2 · reason 3 · 2 more" in lines
    assert "Source: Knowdo: Readmission 1.0.0, release 0123456789ab" in lines
    assert "[ Book ]" in lines
