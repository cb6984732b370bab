"""Two answers beside each other: what is marked, and that marking adds no way in."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.registry.console.card_view import detail_of, lines_of, view_of
from services.registry.console.try_sides import differing, inputs_beside, prefetch_beside, sides_of

CARD: dict[str, Any] = {
    "summary": "28 in 100 return", "indicator": "info", "source": {"label": "Knowdo"},
    "detail": "Usual here: 12 in 100.\nWhat raised it:\n\n- **3 admissions**\n- `creatinine` 182\n",
    "suggestions": [{"label": "Call", "actions": [{"description": "a call in 7 days"}]}],
    "overrideReasons": [{"display": "not suitable"}], "links": [{"label": "How good", "url": "https://x.example/"}],
}  # fmt: skip


def answer(*cards: dict[str, Any], inputs: Any = (), prefetch: Any = ()) -> dict[str, Any]:
    """What the CDS says, as far as it is compared."""
    return {"answer": {"cards": list(cards)}, "status": "shown", "inputs": list(inputs), "prefetch": list(prefetch)}


def test_only_lines_that_the_other_does_not_have_are_marked() -> None:
    """Within the detail line by line, list by list; the rest of the card by its parts."""
    changed = {**CARD, "summary": "31 in 100 return", "detail": CARD["detail"].replace("182", "190")}
    one, other = sides_of([("a", answer(CARD)), ("b", answer(changed))])
    (mine,), (theirs,) = one.cards, other.cards
    assert mine.differs("28 in 100 return")
    assert not mine.differs("not suitable")
    assert str(mine.detail).count("<mark>") == 1
    assert "<li><mark>≠ <code>creatinine</code> 182</mark></li>" in str(mine.detail)
    assert "<mark>≠ <code>creatinine</code> 190</mark>" in str(theirs.detail)


def test_beside_no_card_and_alone_nothing_is_marked() -> None:
    """A mark on every line would tell nothing."""
    one, other = sides_of([("a", answer(CARD)), ("b", answer())])
    assert not other.cards
    assert "<mark>" not in str(one.cards[0].detail)
    assert not one.cards[0].differs("28 in 100 return")
    (alone,) = sides_of([("a", answer(CARD))])
    assert alone.cards == [view_of(CARD)]


def test_inputs_stand_beside_each_other_also_where_one_release_has_none() -> None:
    """The order of the first; an input that is missing adds nothing, and is called no input."""

    def row(name: str, contribution: float | None) -> dict[str, Any]:
        return {
            "name": name,
            "label": name.title(),
            "value": 3.0,
            "state": "",
            "contribution": contribution,
            "source": "",
        }

    one, other = sides_of(
        [
            ("a", answer(inputs=[row("age", 0.5), row("stay", 0.2)])),
            ("b", answer(inputs=[row("stay", 0.204), row("egfr", -0.3)])),
        ]
    )
    rows = inputs_beside(one, other)
    assert [(found.label, found.differs) for found in rows] == [("Age", True), ("Stay", False), ("Egfr", True)]
    assert rows[0].contributions == (0.5, None)
    assert rows[0].values == ("3", None)
    assert differing(rows) == "2 of 3 inputs add another amount"
    assert differing(rows[1:2]) == "Every input adds the same in both"


def test_each_prefetch_key_of_either_release_has_a_line() -> None:
    """And is said not to be asked for by the other."""
    gave = {"key": "labs", "state": "given", "resources": 1200}
    one, other = sides_of([("a", answer(prefetch=[gave])), ("b", answer())])
    (line,) = prefetch_beside(one, other)
    assert line.gave == ("given, 1,200", None)


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_the_words_are_marking_them_changes_no_word_and_lets_nothing_in(mine: str, theirs: str) -> None:
    """Without the marks the detail is what it is alone; a card beside itself has none."""
    beside = detail_of(mine, lines_of({"detail": theirs}))
    assert str(beside).replace("<mark>≠ ", "").replace("</mark>", "") == str(detail_of(mine))
    assert detail_of(mine, lines_of({"detail": mine})) == detail_of(mine)
    assert "<script" not in str(beside)
