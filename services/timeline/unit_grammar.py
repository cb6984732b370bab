"""Unit texts as a size and a kind: UCUM as the library `ucumvert` reads it, in the kinds that laboratories mean.

Grammar and definitions are UCUM's (version 2.2, all its units). A kind keeps numerator and denominator apart (mg/g,
mmol/mol and % are three kinds, not three fractions), and so the library's own arithmetic, where they are one, is not
used: what a number means is not only its dimension. `{1.73_m2}` is a kind of its own, as is each arbitrary unit; other
annotations say nothing. A unit that is not understood is None, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from services.timeline.unit_spellings import BODY_SURFACE, NUMBERS, in_ucum

LONGEST: Final = 64
_HIGHEST_POWER_OF_TEN: Final = 24
_HIGHEST_POWER: Final = 9
_SMALLEST, _LARGEST = Fraction(1, 10**60), Fraction(10**60)

# Where UCUM counts molecules, or calls a unit a plain 1, a laboratory means a kind of its own.
_OWN_KINDS: Final = frozenset({"mol", "eq", "osm", "[LPF]"})

# Where the clinic reads on from UCUM: a pH is a plain number, the international unit of an enzyme is its unit, and a
# column of mercury is the conventional one (UCUM rounds it to 133.322 Pa).
_AS_READ_HERE: Final = {
    "[pH]": "1",
    "[iU]": "U",
    "[IU]": "U",
    "m[Hg]": "133322387415.10*-6.Pa",
}
_IN_CAPITALS: Final = frozenset({"Y", "Z", "E", "P", "T", "G", "M"})
"""No mega before what laboratories measure in thousandths: where all is printed in capitals it is milli."""
_MEASURED_IN_THOUSANDTHS: Final = frozenset({"g", "l", "L", "m", "s", "mol", "eq", "osm", "U", "kat", "[iU]", "[IU]"})


Kind = tuple[tuple[str, ...], tuple[str, ...]]
"""The base kinds above and below the line, each sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """How large a unit is, and of what kind: what stands above the line and what below."""

    size: Fraction
    above: tuple[str, ...]
    below: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        """Two units convert by their sizes if their kinds are equal."""
        return self.above, self.below


class _Product(NamedTuple):
    """A unit as it is read: its size, and the names of its base kinds above and below, in any order."""

    size: Fraction
    above: tuple[str, ...]
    below: tuple[str, ...]

    def times(self, other: _Product) -> _Product:
        return _Product(self.size * other.size, self.above + other.above, self.below + other.below)

    def inverse(self) -> _Product:
        return _Product(1 / self.size, self.below, self.above)

    def raised(self, power: int) -> _Product:
        if power < 0:
            return self.inverse().raised(-power)
        return _Product(self.size**power, self.above * power, self.below * power)


_ONE: Final = _Product(Fraction(1), (), ())
_TEN: Final = _Product(Fraction(10), (), ())


class _NotRead(ValueError):
    """No UCUM, or UCUM that says nothing certain here."""


@lru_cache(maxsize=4096)
def read_unit(text: str) -> Unit | None:
    """The unit that a text means, UCUM or as laboratories spell it; None if that is not certain."""
    if len(text) > LONGEST or (ucum := in_ucum(text)) is None:
        return None
    try:
        read = _product(_parsed(ucum), sent=True) if ucum else _ONE
    except _NotRead:
        return None
    if not _SMALLEST < read.size < _LARGEST:
        return None
    return Unit(size=read.size, above=tuple(sorted(read.above)), below=tuple(sorted(read.below)))


def _product(node: Any, *, sent: bool) -> _Product:
    """What a parsed text is worth. Odd numbers are refused in what was `sent`, not in UCUM's own definitions."""
    parts = getattr(node, "children", None)
    if parts is None:  # an annotation in the place of a unit
        return _Product(Fraction(1), ("body surface",), ()) if str(node) == BODY_SURFACE else _ONE
    match str(node.data), parts:
        case "simple_unit", _:
            return _simple(parts, sent=sent)
        case "annotatable", _:
            return _power(_product(parts[0], sent=sent), int(str(parts[1])))
        case "component", _:  # a unit with its annotation
            return _product(parts[0], sent=sent)
        case _, [only]:
            return _product(only, sent=sent)
        case _, [_, below]:  # "/" and what is below it
            return _product(below, sent=sent).inverse()
    left, right = _product(parts[0], sent=sent), _product(parts[2], sent=sent)
    return left.times(right if str(parts[1]) == "." else right.inverse())


def _power(base: _Product, power: int) -> _Product:
    """A unit with its exponent, of 10 up to yotta."""
    if abs(power) > (_HIGHEST_POWER_OF_TEN if base == _TEN else _HIGHEST_POWER):
        raise _NotRead
    return base.raised(power)


def _simple(parts: list[Any], *, sent: bool) -> _Product:
    """A number, or an atom with or without its prefix."""
    *before, last = parts
    name = str(last)
    if last.type == "FACTOR":
        if sent and (len(name) > 7 or int(name) not in NUMBERS):
            raise _NotRead
        return _Product(Fraction(int(name)), (), ())
    if not before:
        return _atom(name)
    prefix = str(before[0])
    if sent and prefix in _IN_CAPITALS and name in _MEASURED_IN_THOUSANDTHS:
        raise _NotRead
    return _Product(_prefixes()[prefix], (), ()).times(_atom(name))


@cache
def _atom(name: str) -> _Product:
    """A unit of UCUM's table, down to the kinds that are told apart here."""
    if (here := _AS_READ_HERE.get(name)) is not None:
        return _product(_parsed(here), sent=False)
    defined = _definitions().get(name)
    # A base unit, a function of a number (the bel), and what is defined as 1 (arbitrary units, a field of view).
    if defined is None or name in _OWN_KINDS or not defined[1] or defined == ("1", "1"):
        return _Product(Fraction(1), (name,), ())
    factor, unit = defined
    size = _Product(Fraction(factor), (), ())
    return size if unit == "1" else size.times(_product(_parsed(unit), sent=False))


def _parsed(ucum: str) -> Any:
    """The library's tree of a text; raises _NotRead where it is not UCUM."""
    # Imported with the first unit that needs it: 0.15 s CPU and 8 MB in the CDS, for it brings pint with it.
    import ucumvert

    try:
        return ucumvert.parse_ucum(ucum, _parser())
    except ucumvert.InvalidUcumError:
        raise _NotRead from None


@cache
def _parser() -> Any:
    from ucumvert import get_ucum_parser

    return get_ucum_parser()  # 40 ms


@cache
def _definitions() -> dict[str, tuple[str, str]]:
    """Atom → factor and the unit that it is a multiple of ("" if it is a function of it); base units are not in it."""
    from ucumvert.xml_util import get_units_with_full_definition

    return {
        one.code_cs: (str(one.conversion_factor), "" if one.is_special else str(one.defining_unit))
        for one in get_units_with_full_definition()
    }


@cache
def _prefixes() -> dict[str, Fraction]:
    from ucumvert.xml_util import root

    return {
        one.attrib["Code"]: Fraction(value.attrib["value"])
        for one in root.findall("{*}prefix")
        if (value := one.find("{*}value")) is not None
    }
