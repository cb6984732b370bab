"""A site's table of ingredients."""

from __future__ import annotations

import pytest

from services.timeline.errors import BadInput
from services.timeline.ingredients import read_ingredients


def test_a_product_has_its_ingredients_and_an_ingredient_is_its_own() -> None:
    """Two lines for a combination; other columns, blanks and a byte-order mark are no matter."""
    text = "\ufeffname,product,ingredient\ncombined,200,1\ncombined, 200 ,2\nplain,300,1\n"
    assert read_ingredients(text, place="t") == {"200": ("1", "2"), "300": ("1",), "1": ("1",), "2": ("2",)}


def test_a_salt_counts_as_its_base() -> None:
    """A product of a salt, and the salt itself, contain in the end the same."""
    table = read_ingredients("product,ingredient\n200,11\n11,1\n1,1\n", place="t")
    assert table == {"200": ("1",), "11": ("1",), "1": ("1",)}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "t:1"),
        ("product;ingredient\n1;2\n", "t:1"),
        ("product,ingredient\n", "t"),
        ("product,ingredient\n200,1\n300,\n", "t:3"),
        ("product,ingredient\n200,aspirin\n", "t:2"),
        ("product,ingredient\n200\n", "t:2"),
        ("product,ingredient\n1,2\n2,1\n", "t"),
    ],
)
def test_a_table_that_cannot_be_read_is_said_with_its_line(text: str, place: str) -> None:
    """Never half a table."""
    with pytest.raises(BadInput) as caught:
        read_ingredients(text, place=place.partition(":")[0])
    assert caught.value.place == place
