"""Claims about `guidance.conditions`."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.conditions import FALSE, TRUE, UNKNOWN, parse
from services.timeline.errors import BadInput

Truth = bool | None
TRUTHS: tuple[Truth, ...] = (True, False, None)


def columns(rows: list[Mapping[str, float | None]]) -> dict[str, tuple[Any, Any]]:
    """Rows of optional numbers as columns of values and states."""
    return {
        name: (
            np.array([math.nan if (value := row[name]) is None else value for row in rows], np.float64),
            np.array([2 if row[name] is None else 0 for row in rows], np.uint8),
        )
        for name in rows[0]
    }


def both(text: str, row: Mapping[str, float | None]) -> Truth:
    """The truth of one row, after checking that the columns say the same."""
    condition = parse(text)
    one = condition.evaluate_one(row)
    many = condition.evaluate(columns([row, row]))
    assert many.dtype == np.int8
    assert set(many.tolist()) == {UNKNOWN if one is None else int(one)}
    return one


def number(truth: Truth) -> float | None:
    """A truth as a feature."""
    return None if truth is None else float(truth)


KLEENE_AND = {
    (True, True): True, (True, False): False, (True, None): None,
    (False, True): False, (False, False): False, (False, None): False,
    (None, True): None, (None, False): False, (None, None): None,
}  # fmt: skip
KLEENE_OR = {
    (True, True): True, (True, False): True, (True, None): True,
    (False, True): True, (False, False): False, (False, None): None,
    (None, True): True, (None, False): None, (None, None): None,
}  # fmt: skip


@pytest.mark.parametrize(("a", "b"), list(itertools.product(TRUTHS, TRUTHS)))
def test_the_truth_table_of_unknown(a: Truth, b: Truth) -> None:
    """Kleene's tables: one false decides an `and`, one true an `or`; else what is unknown stays unknown."""
    row = {"a": number(a), "b": number(b)}
    assert both("a and b", row) is KLEENE_AND[a, b]
    assert both("a or b", row) is both("any_of(a, b)", row) is KLEENE_OR[a, b]
    assert both("not a", row) is (None if a is None else not a)
    assert both("known(a) and not known(b)", row) is (a is not None and b is None)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("x >= 18", True), ("x < 18", False), ("18 <= x < 65", True), ("18 <= x < 40", False), ("x == 40", True),
        ("x != 40", False), ("missing < 3", None), ("missing == missing", None), ("x > 3 or missing > 3", True),
        ("x > 99 or missing > 3", None), ("x > 99 and missing > 3", False), ("3 < missing < 2", None),
        ("50 < x < missing", False), ("x / zero > 1", None), ("0 / zero == 0", None), ("x / zero > 1 or x > 1", True),
        ("2 * x - 10 / 4 + 1 == 78.5", True), ("-x < 0", True), ("+x > 0", True), ("x", True), ("zero", False),
        ("not zero", True), ("missing", None), ("any_of(zero, missing, x > 39)", True), ("any_of(zero, missing)", None),
        ("any_of(zero)", False), ("(x > 1) + (x > 2) == 2", True), ("x * 1e308 > 1", None), ("known(missing)", False),
        ("1 > 0", True), ("not (x > 1 and missing)", None),
    ],
)  # fmt: skip
def test_what_conditions_say(text: str, truth: Truth) -> None:
    """Comparisons, chains, arithmetic and truthiness; dividing by zero and leaving the finite numbers is unknown."""
    assert both(text, {"x": 40.0, "zero": 0.0, "missing": None}) is truth


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1), ("age >", 5), ("age >= 18 and", 13), ("age = 18", 5), ("age >= '18'", 8), ("age is None", 1),
        ("age in (1, 2)", 1), ("__import__('os')", 1), ("age.real > 1", 1), ("age[0]", 1), ("age ** 2 > 1", 1),
        ("age // 2 > 1", 1), ("age % 2", 1), ("lambda: 1", 1), ("x if y else z", 1), ("[age]", 1), ("True", 1),
        ("age > True", 7), ("any_of()", 1), ("any_of", 1), ("known(1)", 1), ("known(a, b)", 1), ("any_of(*a)", 8),
        ("any_of(a=1)", 1), ("f(a)", 1), ("(age := 3)", 2), ("~age", 1), ("1 or 2j", 6), ("age > 1\x00", None),
        ("1or 2", 1), ("1" + "0" * 400 + " > age", 1), ("not " * 60 + "age", None), ("(" * 300 + "1", None),
        ("ä > é'", None), ("1 +" * 700, None), ("age; age", 4), ("age > 1e999", 7), ("  age > 'x'", 9),
        ("a) or (b", 2), ("age > 3 # old", 9), ("  ", 1), ("age\n>\n'x'", 7),
    ],
)  # fmt: skip
def test_whatever_is_not_of_the_language_is_refused_with_its_column(text: str, column: int | None) -> None:
    """Calls, attributes, strings, powers and other Python never run: they are faults of the guidance."""
    with pytest.raises(BadInput) as caught:
        parse(text)
    if column is not None:
        assert caught.value.place == f"column {column}"


def test_a_column_counts_characters_and_not_bytes() -> None:
    """After a letter outside ASCII the column is still the reader's."""
    with pytest.raises(BadInput) as caught:
        parse("größe > 3 and 'x'")
    assert caught.value.place == "column 15"


def test_names_are_those_that_must_be_given() -> None:
    """`names` lists every feature that is read; evaluating without one is an error that names it."""
    condition = parse("risk >= 2 * base_rate or any_of(hospital >= 7, known(lace))")
    assert condition.names == {"risk", "base_rate", "hospital", "lace"}
    with pytest.raises(BadInput, match="base_rate, hospital, lace"):
        condition.evaluate_one({"risk": 0.3})
    with pytest.raises(BadInput, match="lace"):
        condition.evaluate(columns([{"risk": 0.3, "base_rate": 0.1, "hospital": None}]))


def test_an_absent_value_is_as_unknown_to_a_comparison_as_one_not_asked_for() -> None:
    """State 1 (absent) and 2 (unknown) both leave a comparison unknown, whatever number stands beside them."""
    values = {"hb": (np.array([9.0, 9.0, 9.0]), np.array([0, 1, 2], np.uint8))}
    assert parse("hb < 12").evaluate(values).tolist() == [TRUE, UNKNOWN, UNKNOWN]
    assert parse("known(hb)").evaluate(values).tolist() == [TRUE, FALSE, FALSE]


def test_a_condition_without_names_has_one_answer_for_all_rows() -> None:
    """Constants are spread over the rows."""
    assert parse("1 > 0").evaluate(columns([{"a": 1.0}] * 3)).tolist() == [TRUE] * 3
    assert parse("1 > 0").evaluate({}).tolist() == [TRUE]


NUMBERS = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 2.0, -3.5, 1e308, 5e-324]))
ROWS = st.lists(st.fixed_dictionaries({"a": NUMBERS, "b": NUMBERS, "c": NUMBERS}), min_size=1, max_size=6)
SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
ACTS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}

Tree = tuple[Any, ...]
LEAVES = st.one_of(
    st.sampled_from([("name", "a"), ("name", "b"), ("name", "c")]),
    st.sampled_from([0.0, 1.0, 2.5, 1e300]).map(lambda value: ("number", value)),
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or", "any_of"]), st.lists(inner, min_size=2, max_size=3)),
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("-"), inner),
        st.tuples(st.just("act"), st.sampled_from(sorted(ACTS)), inner, inner),
        st.tuples(st.just("compare"), st.lists(st.sampled_from(sorted(SIGNS)), min_size=1, max_size=2), st.lists(inner, min_size=3, max_size=3)),
        st.sampled_from("abc").map(lambda name: ("known", name)),
    ),
    max_leaves=12,
)  # fmt: skip


def written(tree: Tree) -> str:
    """A tree as text."""
    match tree:
        case ("name", name) | ("number", name):
            return str(name)
        case ("and" | "or" as word, parts):
            return "(" + f" {word} ".join(map(written, parts)) + ")"
        case ("any_of", parts):
            return f"any_of({', '.join(map(written, parts))})"
        case ("not", part):
            return f"(not {written(part)})"
        case ("-", part):
            return f"(-{written(part)})"
        case ("act", sign, left, right):
            return f"({written(left)} {sign} {written(right)})"
        case ("compare", signs, sides):
            return (
                "("
                + written(sides[0])
                + "".join(f" {s} {written(side)}" for s, side in zip(signs, sides[1:], strict=False))
                + ")"
            )
        case ("known", name):
            return f"known({name})"
    raise AssertionError(tree)


def worked_out(tree: Tree, row: Mapping[str, float | None]) -> float | None:
    """A tree by brute force: every unknown truth is tried as true and as false only where Kleene's logic asks."""
    match tree:
        case ("name", name):
            return row[name]
        case ("number", value):
            return float(value)
        case ("known", name):
            return float(row[name] is not None)
        case ("and" | "or" | "any_of" as word, parts):
            truths = [truth(worked_out(part, row)) for part in parts]
            decisive = word != "and"
            if decisive in truths:
                return float(decisive)
            return None if None in truths else float(not decisive)
        case ("not", part):
            inner = truth(worked_out(part, row))
            return None if inner is None else float(not inner)
        case ("-", part):
            value = worked_out(part, row)
            return None if value is None else -value
        case ("act", sign, left, right):
            a, b = worked_out(left, row), worked_out(right, row)
            if a is None or b is None or (sign == "/" and b == 0):
                return None
            result = ACTS[sign](a, b)
            return result if math.isfinite(result) else None
        case ("compare", signs, sides):
            numbers = [worked_out(side, row) for side in sides]
            links = [
                None if (a := numbers[i]) is None or (b := numbers[i + 1]) is None else SIGNS[sign](a, b)
                for i, sign in enumerate(signs)
            ]
            return 0.0 if False in links else None if None in links else 1.0
    raise AssertionError(tree)


def truth(value: float | None) -> Truth:
    """A number as a truth."""
    return None if value is None else value != 0


@settings(max_examples=300, deadline=None)
@given(TREES, ROWS)
def test_columns_rows_and_brute_force_agree(tree: Tree, rows: list[Mapping[str, float | None]]) -> None:
    """Any expression: evaluated over columns, for one row, and worked out by hand, it says the same."""
    condition = parse(written(tree))
    many = condition.evaluate(columns(rows))
    for place, row in enumerate(rows):
        expected = truth(worked_out(tree, row))
        assert condition.evaluate_one(row) is expected
        assert many[place] == (UNKNOWN if expected is None else int(expected))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["a and b", "a or not b", "any_of(a, b, c)", "a and (b or c)"]), min_size=1), ROWS)
def test_filling_in_an_unknown_never_overturns_an_answer(
    texts: list[str], rows: list[Mapping[str, float | None]]
) -> None:
    """What is decided with data missing stays decided, whatever the missing data turns out to be."""
    for text, row in itertools.product(texts, rows):
        answer = parse(text).evaluate_one(row)
        if answer is None:
            continue
        unknown = [name for name, value in row.items() if value is None]
        for filled in itertools.product([0.0, 1.0], repeat=len(unknown)):
            assert parse(text).evaluate_one(dict(row) | dict(zip(unknown, filled, strict=True))) is answer


@given(st.text(alphabet="ab01 .<>=!+-*/()andornotkwy_,'\n", max_size=40))
def test_no_text_makes_the_reader_fall(text: str) -> None:
    """Any text is a condition or BadInput, never another exception."""
    try:
        condition = parse(text)
    except BadInput:
        return
    condition.evaluate_one(dict.fromkeys(condition.names, 1.0))


NEWS2_OR_RISK = "news2 >= 7 or news2_largest == 3 or deterioration >= 0.08"


@pytest.mark.parametrize(
    ("news2", "largest", "deterioration", "truth"),
    [
        (7.0, 2.0, 0.01, True), (4.0, 3.0, 0.01, True), (4.0, 2.0, 0.08, True), (4.0, 2.0, 0.0799, False),
        (None, None, 0.08, True), (None, None, 0.01, None), (7.0, 3.0, None, True), (4.0, 2.0, None, None),
        (None, 3.0, None, True), (4.0, None, 0.01, None), (None, None, None, None),
    ],
)  # fmt: skip
def test_news2_or_a_single_three_or_the_risk_of_the_next_day(
    news2: float | None, largest: float | None, deterioration: float | None, truth: Truth
) -> None:
    """NEWS2 at least 7, or any single 3, or a 24-hour risk of at least 8 %: one known suffices; unknown is never `no`."""
    row = {"news2": news2, "news2_largest": largest, "deterioration": deterioration}
    assert both(NEWS2_OR_RISK, row) is truth
