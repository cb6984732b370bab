"""A site's table of what its RxNorm products contain: CSV with the columns `product` and `ingredient`.

RxNorm gives it away (the relations `has_ingredient` and `ingredient_of`); a product of two ingredients stands on two
lines. Where an ingredient is itself a product of another one (a salt of its base), the last one counts.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping

from services.timeline.errors import BadInput

Ingredients = Mapping[str, tuple[str, ...]]
"""RxNorm code → the codes of its ingredients, sorted; an ingredient of the table is its own."""


def read_ingredients(text: str, *, place: str) -> Ingredients:
    """The table; BadInput, with its line, for anything but RxNorm codes in two columns. Other columns are not read."""
    rows = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    if not {"product", "ingredient"} <= set(rows.fieldnames or ()):
        raise BadInput("the first line does not name the columns `product` and `ingredient`", place=f"{place}:1")
    contains: dict[str, set[str]] = {}
    try:
        for row in rows:
            product, ingredient = ((row[name] or "").strip() for name in ("product", "ingredient"))
            if not (product.isascii() and product.isdigit() and ingredient.isascii() and ingredient.isdigit()):
                raise BadInput("an RxNorm code is a number, in both columns", place=f"{place}:{rows.line_num}")
            contains.setdefault(product, set()).add(ingredient)
    except csv.Error as fault:
        raise BadInput(f"not CSV: {fault}", place=f"{place}:{rows.line_num}") from fault
    if not contains:
        raise BadInput("the table is empty", place=place)
    everything = sorted({*contains, *(one for found in contains.values() for one in found)})
    return {code: tuple(sorted(_bases(code, contains, (), place))) for code in everything}


def _bases(code: str, contains: Mapping[str, set[str]], above: tuple[str, ...], place: str) -> set[str]:
    """What a code contains in the end; an ingredient contains itself."""
    if code in above:
        raise BadInput(f"RxNorm {code} contains itself by way of others", place=place)
    parts = contains.get(code, set()) - {code}
    if not parts:
        return {code}
    return {base for part in parts for base in _bases(part, contains, (*above, code), place)}
