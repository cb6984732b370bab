"""Unit texts as laboratories and devices spell them, rewritten in UCUM: only spellings that have one reading in use.

UCUM itself is read by a library (`unit_grammar`). What is rewritten here comes before it, because some of these
texts are UCUM for something else: "Mg" is megagram there and milligram on every printout, "H" is henry and hour.
"""

from __future__ import annotations

import re
from typing import Final

BODY_SURFACE: Final = "{1.73_m2}"
"""The one annotation that makes another kind of unit; all others say nothing about the number."""

NUMBERS: Final = frozenset({1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 2, 3, 4, 5, 6, 7, 8, 12, 24, 48, 72})
"""Numbers that stand in units: per 100 cells, in 24 hours. Others are misprints ("103/uL" lost its exponent)."""

# Whole units, compared without blanks and in small letters.
_WHOLE: Final = {
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

# One word inside a unit, in small letters. Only where no other reading is in use ("MU" may be mega: it is left).
_WORDS: Final = {
    "g": "g", "gm": "g", "gms": "g", "kg": "kg", "mg": "mg", "mgs": "mg", "ug": "ug", "mcg": "ug", "ng": "ng", "pg": "pg",
    "mol": "mol", "mmol": "mmol", "umol": "umol", "mcmol": "umol", "nmol": "nmol", "pmol": "pmol",
    "eq": "eq", "meq": "meq", "ueq": "ueq", "osm": "osm", "mosm": "mosm", "mosmol": "mosm",
    "l": "L", "dl": "dL", "cl": "cL", "ml": "mL", "ul": "uL", "mcl": "uL", "nl": "nL", "pl": "pL", "fl": "fL",
    "liter": "L", "litre": "L", "cc": "mL", "cumm": "uL", "cmm": "uL",
    "cm3": "mL", "mm3": "uL", "dm3": "L",
    "u": "U", "unit": "U", "units": "U", "iu": "U", "[iu]": "U", "miu": "mU", "m[iu]": "mU", "uiu": "uU", "u[iu]": "uU",
    "min": "min", "minute": "min", "minutes": "min", "sec": "s", "second": "s", "seconds": "s",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "d": "d", "day": "d", "days": "d",
    "cm": "cm", "mmhg": "mm[Hg]", "mm[hg]": "mm[Hg]", "kpa": "kPa",
}  # fmt: skip
_UCUM_WORDS: Final = frozenset(_WORDS.values())

_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_RAISED: Final = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_BODY_SURFACE: Final = re.compile(r"[./*]?\{?1[.,]73[_.*]*(?:m2|m\^2|m\*\*2|sqm|sq\.m)\}?", re.IGNORECASE)
_ANNOTATION: Final = re.compile(r"\{[^{}]*\}")
_BRACKETED_POWER: Final = re.compile(r"([x×]?10)\(([0-9]{1,2})\)", re.IGNORECASE)
_PIECES: Final = re.compile(r"\{[^{}]*\}|[./()]|(?:\[[^\]]*\]|[^./(){}\[\]])+|.")
_POWER_OF_TEN: Final = re.compile(r"[x×]?10(?:\*\*|[*^e])?\+?([0-9]{1,2})", re.IGNORECASE)
_RAISED_WORD: Final = re.compile(r"([a-zA-Z_\[\]]+)\^?([1-9])")
_NUMBERED_WORD: Final = re.compile(r"([0-9]{1,7})([a-zA-Z]+)")


def in_ucum(text: str) -> str | None:
    """The text in UCUM, "" for a unit that is only an annotation; None if there is nothing to read.

    What is not known as a laboratory's spelling is left as it is: UCUM, or nothing that can be read.
    """
    compact = text.strip().replace("µ", "u").replace("μ", "u").replace(" per ", "/").replace(" ", "")
    compact = _RAISED.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPTS), compact)
    if not any(sign.isalnum() or sign in "%#{" for sign in compact):
        return None
    plain = _BODY_SURFACE.sub("/" + BODY_SURFACE, _WHOLE.get(compact.lower(), compact))
    plain = _ANNOTATION.sub(lambda found: found[0] if found[0] == BODY_SURFACE else "{}", plain)
    bare = plain.replace("{}", "")
    if (whole := _WHOLE.get(bare.lower())) is not None or not bare:
        return whole or ""
    if plain.startswith("/"):  # a/b/c is a/(b.c) from left to right, and so is /b/c
        plain = "1" + plain
    return "".join(map(_piece, _PIECES.findall(_BRACKETED_POWER.sub(r"\1*\2", plain))))


def _piece(piece: str) -> str:
    """One term between signs: a number, a power of ten, or a word with what raises or counts it."""
    if piece.isascii() and piece.isdigit():
        return piece
    if found := _POWER_OF_TEN.fullmatch(piece):
        return f"10*{found[1]}"
    if piece in _UCUM_WORDS:
        return piece
    if (word := _WORDS.get(piece.lower())) is not None:
        return word
    if found := _RAISED_WORD.fullmatch(piece):
        return _word(found[1]) + found[2]
    if found := _NUMBERED_WORD.fullmatch(piece):  # 24h below the line is (24.h); UCUM would read 24 and then h
        return f"({found[1]}.{_word(found[2])})"
    return piece


def _word(word: str) -> str:
    return word if word in _UCUM_WORDS else _WORDS.get(word.lower(), word)
