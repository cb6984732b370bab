"""Three-valued conditions over features: true, false or unknown (Kleene), never an exception and never a guess.

The language is a small part of Python's expressions, read by `ast` and never executed: names, numbers, `and`, `or`,
`not`, comparisons (chained too), `+ - * /`, `any_of(a, b, ...)` and `known(x)`. A number stands for true unless it is 0.
What has no value makes its comparison unknown; dividing by zero, or leaving the finite numbers, is unknown too.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.timeline.errors import BadInput

TRUE: Final = 1
FALSE: Final = 0
UNKNOWN: Final = -1

Truths = NDArray[np.int8]
Numbers = NDArray[np.float64]
Columns = Mapping[str, tuple[Numbers, NDArray[np.uint8]]]
"""Name → values and states of every row (state 0: there is a value, see `features`)."""
Row = Mapping[str, float | None]

_LONGEST = 2_000  # characters
_DEEPEST = 50  # levels of nesting: far below what Python's own recursion bears

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an expression: its number in every row (NaN = unknown), or in one (None = unknown)."""

    many: Callable[[Columns], Numbers]
    one: Callable[[Row], float | None]


@dataclass(frozen=True, slots=True)
class ConditionExpr:
    """A parsed condition: the names that it reads, and its truth in many rows or in one."""

    text: str
    names: frozenset[str]
    _whole: _Part

    def evaluate(self, values: Columns) -> Truths:
        """Truth in every row: 1 true, 0 false, -1 unknown."""
        self._demand(values)
        rows = len(next(iter(values.values()))[0]) if values else 1
        with np.errstate(all="ignore"):
            number = np.broadcast_to(self._whole.many(values), (rows,))
        return np.where(np.isnan(number), UNKNOWN, number).astype(np.int8)

    def evaluate_one(self, values: Row) -> bool | None:
        """Truth in one row; None (or NaN) as a value is unknown, and so may be the answer."""
        self._demand(values)
        number = self._whole.one(values)
        return None if number is None else number == TRUE

    def _demand(self, values: Mapping[str, object]) -> None:
        missing = self.names.difference(values)
        if missing:
            raise BadInput(
                f"The condition `{self.text}` reads {', '.join(sorted(missing))}, which is not there",
                remedy="Name features of this guidance only",
            )


def parse(text: str) -> ConditionExpr:
    """Read a condition; whatever is not of the language is BadInput that names the column."""
    if len(text) > _LONGEST:
        raise BadInput(f"A condition is longer than {_LONGEST} characters", remedy="Split it into several")
    line = text.replace("\n", " ")
    if "#" in line:
        raise _fault(text, line.index("#") + 1, "a comment has no place here")
    blanks = len(line) - len(line.lstrip())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Python only warns of `1or 2`; here it is a fault
        try:
            tree = ast.parse(line.strip(), mode="eval")
        except SyntaxError as fault:
            # At the very end Python names no place.
            place = blanks + fault.offset if fault.offset else len(line.rstrip())
            raise _fault(text, max(place, 1), "this is not an expression") from fault
        except (ValueError, RecursionError, MemoryError) as fault:
            raise _fault(text, 1, "this is not an expression") from fault
    reader = _Reader(line.strip(), blanks)
    whole = _truth(reader.read(tree.body, depth=0))
    return ConditionExpr(text, frozenset(reader.names), whole)


def _fault(text: str, column: int, what: str) -> BadInput:
    return BadInput(
        f"Condition `{text}`: {what}",
        place=f"column {column}",
        remedy="Use names, numbers, and, or, not, comparisons, + - * /, any_of(...) and known(...)",
    )


class _Reader:
    """Turns a syntax tree into parts, and refuses every node that is not of the language."""

    def __init__(self, text: str, blanks: int) -> None:
        self.text = text
        self.blanks = blanks
        self.names: set[str] = set()

    def read(self, node: ast.expr, *, depth: int) -> _Part:
        """The part that a node stands for."""
        if depth > _DEEPEST:
            raise self._refuse(node, f"it is nested deeper than {_DEEPEST} levels")

        def within(child: ast.expr) -> _Part:
            return self.read(child, depth=depth + 1)

        match node:
            case ast.Constant(value=bool()):
                raise self._refuse(node, "write a condition instead of True or False")
            case ast.Constant(value=int() | float() as number):
                return self._constant(node, number)
            case ast.Name(id=name):
                if name in ("any_of", "known"):
                    raise self._refuse(node, f"`{name}` is a function: `{name}(...)`")
                self.names.add(name)
                return _name(name)
            case ast.BoolOp(op=ast.And(), values=parts):
                return _conjunction([_truth(within(part)) for part in parts])
            case ast.BoolOp(op=ast.Or(), values=parts):
                return _disjunction([_truth(within(part)) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return _pair(operator.sub, _number(1.0), _truth(within(part)))
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return _pair(operator.sub, _number(0.0), within(part))
            case ast.UnaryOp(op=ast.UAdd(), operand=part):
                return within(part)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
                return _pair(_ARITHMETIC[type(sign)], within(left), within(right))
            case ast.Compare(left=left, ops=signs, comparators=others) if all(type(s) in _COMPARISONS for s in signs):
                sides = [within(side) for side in (left, *others)]
                return _conjunction(
                    [_pair(_COMPARISONS[type(sign)], sides[i], sides[i + 1]) for i, sign in enumerate(signs)]
                )
            case ast.Call(func=ast.Name(id="any_of"), args=parts, keywords=[]) if parts:
                return _disjunction([_truth(within(part)) for part in parts])
            case ast.Call(func=ast.Name(id="known"), args=[ast.Name() as part], keywords=[]):
                return _known(within(part))
            case _:
                raise self._refuse(node, "this is not part of the language of conditions")

    def _constant(self, node: ast.expr, number: float) -> _Part:
        try:
            value = float(number)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self._refuse(node, "this number is too large")
        return _number(value)

    def _refuse(self, node: ast.expr, what: str) -> BadInput:
        # ast counts columns in UTF-8 bytes.
        before = self.text.encode()[: node.col_offset].decode(errors="ignore")
        return _fault(self.text, self.blanks + len(before) + 1, what)


def _number(value: float) -> _Part:
    constant = np.array([value])
    return _Part(lambda _: constant, lambda _: value)


def _name(name: str) -> _Part:
    def many(values: Columns) -> Numbers:
        value, state = values[name]
        return np.where((state == 0) & np.isfinite(value), value, np.nan)

    def one(values: Row) -> float | None:
        value = values[name]
        return value if value is not None and math.isfinite(value) else None

    return _Part(many, one)


def _pair(act: Callable[[Any, Any], Any], left: _Part, right: _Part) -> _Part:
    """Arithmetic or a comparison: unknown if either side is, or if what comes out is not a finite number."""

    def many(values: Columns) -> Numbers:
        a, b = left.many(values), right.many(values)
        result = np.where(np.isnan(a) | np.isnan(b), np.nan, act(a, b))
        return np.where(np.isfinite(result), result, np.nan)

    def one(values: Row) -> float | None:
        a, b = left.one(values), right.one(values)
        if a is None or b is None or (b == 0.0 and act is operator.truediv):
            return None
        result = float(act(a, b))
        return result if math.isfinite(result) else None

    return _Part(many, one)


def _truth(part: _Part) -> _Part:
    """A number as a truth: 1 unless it is 0."""

    def many(values: Columns) -> Numbers:
        number = part.many(values)
        return np.where(np.isnan(number), np.nan, number != 0.0)

    def one(values: Row) -> float | None:
        number = part.one(values)
        return None if number is None else float(number != 0.0)

    return _Part(many, one)


def _conjunction(parts: list[_Part]) -> _Part:
    """All of them: one false decides, else one unknown leaves it unknown."""

    def many(values: Columns) -> Numbers:
        result = parts[0].many(values)
        for part in parts[1:]:
            other = part.many(values)
            result = np.where((result == FALSE) | (other == FALSE), FALSE, result * other)
        return result

    def one(values: Row) -> float | None:
        truths = [part.one(values) for part in parts]
        return 0.0 if 0.0 in truths else None if None in truths else 1.0

    return _Part(many, one)


def _disjunction(parts: list[_Part]) -> _Part:
    """Any of them: one true decides, else one unknown leaves it unknown."""

    def many(values: Columns) -> Numbers:
        result = parts[0].many(values)
        for part in parts[1:]:
            other = part.many(values)
            result = np.where((result == TRUE) | (other == TRUE), TRUE, result + other)
        return result

    def one(values: Row) -> float | None:
        truths = [part.one(values) for part in parts]
        return 1.0 if 1.0 in truths else None if None in truths else 0.0

    return _Part(many, one)


def _known(part: _Part) -> _Part:
    """Whether there is a value: never unknown itself."""
    return _Part(
        lambda values: (~np.isnan(part.many(values))).astype(np.float64),
        lambda values: float(part.one(values) is not None),
    )
