"""Reads what can be read of JSON that does not fit: each field that cannot be mended is left out, never raised.

Mended: one thing where a list belongs and a one-element list where a thing belongs, numbers as text and text as
numbers, "true", a bare string where a Reference or a concept belongs.
"""

from __future__ import annotations

from functools import cache, reduce
from math import isfinite
from operator import or_
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

_BARE: Final = ("reference", "text")
"""The field that a bare string stands for, in a Reference and in a concept."""


def repaired(content: dict[str, Any], kind: type[S]) -> S:
    """A struct of this kind with every field of the content that fits or can be mended."""
    found: dict[str, Any] = {}
    for name, encoded, wanted in _fields(kind):
        value = content.get(encoded)
        if value is not None and (mended := _mend(value, wanted)) is not None:
            found[name] = mended
    return kind(**found)


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Attribute, JSON name and type (without None) of every field."""
    return tuple((field.name, field.encode_name, _without_none(field.type)) for field in msgspec.structs.fields(kind))


def _without_none(wanted: Any) -> Any:
    if get_origin(wanted) in (Union, UnionType):
        return reduce(or_, (choice for choice in get_args(wanted) if choice is not NoneType))
    return wanted


def _mend(value: Any, wanted: Any) -> Any:
    """The value as the wanted type, or None."""
    if get_origin(wanted) in (Union, UnionType):  # one thing in R4, a list of them in R5
        wanted = next(one for one in get_args(wanted) if (get_origin(one) is list) is isinstance(value, list))
    if get_origin(wanted) is list:
        inner = _without_none(get_args(wanted)[0])
        mended = (_mend(one, inner) for one in (value if isinstance(value, list) else [value]))
        return [one for one in mended if one is not None]
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if wanted is str:
        return _text(value)
    if wanted is float:
        return _number(value)
    if wanted is bool:
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))
    if isinstance(value, dict):
        return repaired(value, wanted)
    if isinstance(value, str) and (bare := next((name for name in _BARE if name in wanted.__struct_fields__), None)):
        return wanted(**{bare: value})
    return None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or "_" in str(value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
