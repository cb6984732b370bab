"""Unit texts, however laboratories spell them, as a size and a kind: the part of UCUM that clinical features need.

A kind keeps numerator and denominator apart (mg/g, mmol/mol and % are three kinds, not three fractions): what a
number means is not only its dimension. `{1.73_m2}` is a kind of its own, other annotations say nothing. A unit
that is not understood is None, never a guess. (A full UCUM library can take this file's place.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

# No mega and hecto: "MG" and "Mg" are milligrams in capitals.
_PREFIXES: Final = {
    "": Fraction(1), "k": Fraction(10**3), "d": Fraction(1, 10), "c": Fraction(1, 100), "m": Fraction(1, 10**3),
    "u": Fraction(1, 10**6), "n": Fraction(1, 10**9), "p": Fraction(1, 10**12), "f": Fraction(1, 10**15),
}  # fmt: skip

# Atom → (size, kind) in base g, L, m, s, mol, eq, osm, U, Pa, and whether SI prefixes may stand before it.
_ATOMS: Final[dict[str, tuple[Fraction, str, bool]]] = {
    "g": (Fraction(1), "mass", True),
    "L": (Fraction(1), "volume", True),
    "l": (Fraction(1), "volume", True),
    "m": (Fraction(1), "length", True),
    "mol": (Fraction(1), "amount", True),
    "eq": (Fraction(1), "charge", True),
    "osm": (Fraction(1), "osmoles", True),
    "U": (Fraction(1), "activity", True),
    "kat": (Fraction(60_000_000), "activity", True),
    "Pa": (Fraction(1), "pressure", True),
    "bar": (Fraction(100_000), "pressure", True),
    "m[Hg]": (Fraction(133_322_387_415, 10**6), "pressure", True),
    "m[H2O]": (Fraction(980_665, 100), "pressure", True),
    "s": (Fraction(1), "time", True),
    "min": (Fraction(60), "time", False),
    "h": (Fraction(3600), "time", False),
    "d": (Fraction(86_400), "time", False),
    "wk": (Fraction(604_800), "time", False),
    "mo": (Fraction(2_629_800), "time", False),
    "a": (Fraction(31_557_600), "time", False),
    "[lb_av]": (Fraction(45_359_237, 10**5), "mass", False),
    "[oz_av]": (Fraction(45_359_237, 16 * 10**5), "mass", False),
    "[in_i]": (Fraction(254, 10**4), "length", False),
    "[ft_i]": (Fraction(3048, 10**4), "length", False),
    "Cel": (Fraction(1), "Cel", False),
    "[degF]": (Fraction(1), "[degF]", False),
    "K": (Fraction(1), "K", False),
    "[pH]": (Fraction(1), "", False),
    "{1.73_m2}": (Fraction(1), "body surface", False),
    "%": (Fraction(1, 100), "", False),
}

# Whole units as laboratories spell them, compared without blanks and in small letters.
_SPELLINGS: Final = {
    "mmhg": "mm[Hg]", "mm[hg]": "mm[Hg]", "kpa": "kPa", "cmh2o": "cm[H2O]", "cm[h2o]": "cm[H2O]",
    "bpm": "/min", "beats/min": "/min", "beat/min": "/min", "breaths/min": "/min", "br/min": "/min", "resp/min": "/min",
    "degc": "Cel", "°c": "Cel", "cel": "Cel", "c": "Cel", "celsius": "Cel", "degreescelsius": "Cel",
    "degf": "[degF]", "°f": "[degF]", "[degf]": "[degF]", "f": "[degF]", "fahrenheit": "[degF]",
    "degreesfahrenheit": "[degF]",
    "percent": "%", "pct": "%", "%hba1c": "%", "%ofhb": "%", "%oftotalhgb": "%", "%oftotalhb": "%",
    "ph": "[pH]", "[ph]": "[pH]", "phunits": "[pH]",
    "k/ul": "10*3/uL", "k/mm3": "10*3/uL", "k/cmm": "10*3/uL", "thou/ul": "10*3/uL", "thou/mm3": "10*3/uL",
    "thousand/ul": "10*3/uL", "thous/ul": "10*3/uL", "th/ul": "10*3/uL",
    "m/ul": "10*6/uL", "mil/ul": "10*6/uL", "mill/ul": "10*6/uL", "million/ul": "10*6/uL",
    "cells/ul": "/uL", "cell/ul": "/uL", "cells/mm3": "/uL", "#/ul": "/uL", "giga/l": "10*9/L", "tera/l": "10*12/L",
    "lb": "[lb_av]", "lbs": "[lb_av]", "pound": "[lb_av]", "pounds": "[lb_av]", "[lb_av]": "[lb_av]", "oz": "[oz_av]",
    "in": "[in_i]", "inch": "[in_i]", "inches": "[in_i]", "[in_us]": "[in_i]", "[in_i]": "[in_i]", "ft": "[ft_i]",
    "kgs": "kg", "kilograms": "kg", "kilogram": "kg", "gram": "g", "grams": "g",
    "yr": "a", "yrs": "a", "year": "a", "years": "a", "month": "mo", "months": "mo", "week": "wk", "weeks": "wk",
    "ratio": "1", "score": "1", "points": "1",
}  # fmt: skip

# One word inside a unit, in small letters → UCUM. Only where no other reading is in use ("MU" may be mega).
_WORDS: Final = {
    "g": "g", "gm": "g", "gms": "g", "kg": "kg", "mg": "mg", "mgs": "mg", "ug": "ug", "mcg": "ug", "ng": "ng", "pg": "pg",
    "mol": "mol", "mmol": "mmol", "umol": "umol", "mcmol": "umol", "nmol": "nmol", "pmol": "pmol",
    "eq": "eq", "meq": "meq", "ueq": "ueq", "osm": "osm", "mosm": "mosm", "mosmol": "mosm",
    "l": "L", "dl": "dL", "cl": "cL", "ml": "mL", "ul": "uL", "mcl": "uL", "nl": "nL", "pl": "pL", "fl": "fL",
    "liter": "L", "litre": "L", "cc": "mL", "cm3": "mL", "mm3": "uL", "cmm": "uL", "cumm": "uL", "dm3": "L",
    "u": "U", "unit": "U", "units": "U", "iu": "U", "[iu]": "U", "miu": "mU", "m[iu]": "mU", "uiu": "uU", "u[iu]": "uU",
    "min": "min", "minute": "min", "minutes": "min", "sec": "s", "second": "s", "seconds": "s",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "d": "d", "day": "d", "days": "d",
    "cm": "cm", "mmhg": "mm[Hg]", "mm[hg]": "mm[Hg]", "kpa": "kPa",
}  # fmt: skip

_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_RAISED: Final = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_BODY_SURFACE: Final = re.compile(r"[./*]?\{?1[.,]73[_.*]*(?:m2|m\^2|m\*\*2|sqm|sq\.m)\}?", re.IGNORECASE)
_ANNOTATION: Final = re.compile(r"\{[^{}]*\}")
_POWER_OF_TEN: Final = re.compile(r"[x×]?10(?:\*\*|[*^e])?\+?([0-9]{1,2})", re.IGNORECASE)
_RAISED_TERM: Final = re.compile(r"([a-zA-Z_\[\]]+)\^?([1-9])")
_NUMBERED_TERM: Final = re.compile(r"([0-9]{1,4})([a-zA-Z]+)")
_NUMBERS: Final = frozenset({1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 2, 3, 4, 6, 8, 12, 24, 48, 72})
"""Numbers that stand in units: per 100 cells, in 24 hours. Others are misprints ("103/uL" lost its exponent)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """How large a unit is, and of what kind: what stands above the line and what below."""

    size: Fraction
    above: tuple[str, ...]
    below: tuple[str, ...]

    @property
    def kind(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Two units convert by their sizes if their kinds are equal."""
        return self.above, self.below


def read_unit(text: str) -> Unit | None:
    """The unit that a text means; None if that is not certain."""
    compact = text.strip().replace("µ", "u").replace("μ", "u").replace(" per ", "/").replace(" ", "")
    compact = _RAISED.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPTS), compact)
    plain = _SPELLINGS.get(compact.lower(), compact)
    plain = _BODY_SURFACE.sub("/{1.73_m2}", plain)
    plain = _ANNOTATION.sub(lambda found: found[0] if found[0] == "{1.73_m2}" else "", plain)
    plain = _SPELLINGS.get(plain.lower(), plain)
    if len(compact) > 64 or not any(sign.isalnum() or sign in "%#{" for sign in compact):
        return None
    size = Fraction(1)
    above: list[str] = []
    below: list[str] = []
    # UCUM reads from left to right: a/b/c is a/(b.c).
    for place, part in enumerate(plain.replace("(", "").replace(")", "").split("/")):
        for term in [part] if part == "{1.73_m2}" else part.split("."):
            if not term:
                continue
            if (read := _term(term)) is None:
                return None
            scale, kinds = read
            size = size / scale if place else size * scale
            (below if place else above).extend(kinds)
    return Unit(size=size, above=tuple(sorted(above)), below=tuple(sorted(below)))


def _term(term: str) -> tuple[Fraction, tuple[str, ...]] | None:
    """Size and kinds of one term: a number, a power of ten, or a word with prefix and exponent."""
    if term.isascii() and term.isdigit():
        return (Fraction(int(term)), ()) if int(term) in _NUMBERS else None
    if found := _POWER_OF_TEN.fullmatch(term):
        return Fraction(10 ** int(found[1])), ()
    if (word := _word(term)) is not None:
        return word[0], (word[1],) if word[1] else ()
    if (found := _RAISED_TERM.fullmatch(term)) and (word := _word(found[1])) is not None:
        power = int(found[2])
        return word[0] ** power, (word[1],) * power if word[1] else ()
    if (
        (found := _NUMBERED_TERM.fullmatch(term))
        and int(found[1]) in _NUMBERS
        and (word := _word(found[2])) is not None
    ):
        return word[0] * int(found[1]), (word[1],) if word[1] else ()
    return None


def _word(word: str) -> tuple[Fraction, str] | None:
    """Size and kind of one word: exactly as UCUM writes it, else as laboratories do."""
    for candidate in (word, _WORDS.get(word.lower(), "")):
        for length in (0, 1):
            prefix, atom = candidate[:length], candidate[length:]
            if prefix in _PREFIXES and atom in _ATOMS and (_ATOMS[atom][2] or not prefix):
                return _PREFIXES[prefix] * _ATOMS[atom][0], _ATOMS[atom][1]
    return None
