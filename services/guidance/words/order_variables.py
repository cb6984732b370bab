"""What a template may name of the orders that a call is about: the words on them, which are the prescriber's, not ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.guidance.definition import Guidance
from services.guidance.words.grammar import listed
from services.guidance.words.markdown import one_line

NAMED: Final = "_named"
"""Added to a feature of this very order: the names of the orders that it counts, `Ibuprofen 400 MG Oral Tablet`."""
LONGEST: Final = 40
"""Characters of all names together: they stand in a summary, with what must be said of them."""
NAMELESS: Final = "This order"
"""Where no order has a name, or none is counted."""


def of_orders(guidance: Guidance) -> dict[str, str]:
    """Every variable that orders bring, with its feature."""
    return {f"{name}{NAMED}": name for name, feature in guidance.features.items() if feature.window.this_order}


def named_in(orders: Sequence[str]) -> str:
    """The names of some orders, to begin a sentence with; text of the record, so not yet escaped."""
    said = one_line(listed(orders), limit=LONGEST)
    return f"{said[:1].upper()}{said[1:]}" or NAMELESS
