"""Units as laboratories spell them, and what converts to what."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.timeline.unit_grammar import read_unit
from services.timeline.units import ANALYTES, conversion


def loinc(code: str) -> str:
    """A LOINC token."""
    return f"http://loinc.org|{code}"


@pytest.mark.parametrize(
    ("code", "value", "from_unit", "to_unit", "expected"),
    [
        ("2160-0", 88.4, "umol/L", "mg/dL", 1.0),
        ("14682-9", 176.8, "µmol/L", "mg/dL", 2.0),
        ("2160-0", 1.0, "mg/dL", "umol/L", 88.4),
        ("2160-0", 0.0884, "mmol/L", "mg/dL", 1.0),
        ("3094-0", 10.0, "mmol/L", "mg/dL", 28.01),
        ("1975-2", 17.1, "umol/L", "mg/dL", 1.0),
        ("2345-7", 5.0, "mmol/L", "mg/dL", 90.08),
        ("1558-6", 5.0, "mmol/L", "mg/dL", 90.08),
        ("2093-3", 5.0, "mmol/L", "mg/dL", 5.0 / 0.02586),
        ("2085-9", 1.3, "mmol/l", "mg/dL", 1.3 / 0.02586),
        ("718-7", 120.0, "g/L", "g/dL", 12.0),
        ("1751-7", 35.0, "g/L", "g/dL", 3.5),
        ("59260-0", 8.0, "mmol/L", "g/dL", 12.888),
        ("4548-4", 48.0, "mmol/mol", "%", 6.542),
        ("4548-4", 6.542, "%", "mmol/mol", 48.0),
        ("8310-5", 98.6, "[degF]", "Cel", 37.0),
        ("8310-5", 37.0, "Cel", "[degF]", 98.6),
        ("8310-5", 310.15, "K", "Cel", 37.0),
        ("6690-2", 7300.0, "/uL", "10*3/uL", 7.3),
        ("6690-2", 7.3, "10*9/L", "10*3/uL", 7.3),
        ("2951-2", 140.0, "mEq/L", "mmol/L", 140.0),
        ("29463-7", 150.0, "[lb_av]", "kg", 68.0388555),
        ("8302-2", 70.0, "[in_i]", "cm", 177.8),
        ("2703-7", 10.0, "kPa", "mm[Hg]", 75.006157584),
        ("9192-6", 1.5, "L", "mL", 1500.0),
    ],
)
def test_what_converts(code: str, value: float, from_unit: str, to_unit: str, expected: float) -> None:
    """The table of the clinical content, in both directions, with SI prefixes."""
    converted = conversion(token_or_codes=loinc(code), from_unit=from_unit, to_unit=to_unit)
    assert converted is not None
    factor, offset = converted
    assert value * factor + offset == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("code", "from_unit", "to_unit"),
    [
        ("2160-0", "", "mg/dL"),
        ("2160-0", "furlong", "mg/dL"),
        ("2160-0", "mg", "mg/dL"),
        ("9999-9", "umol/L", "mg/dL"),
        ("9999-9", "mEq/L", "mmol/L"),
        ("98979-8", "mL/min", "mL/min/{1.73_m2}"),
        ("9999-9", "mmol/mol", "%"),
        ("9318-7", "mg/mmol", "mg/g"),
        ("6690-2", "103/uL", "10*3/uL"),
        ("2160-0", "mg/dL " * 50, "mg/dL"),
    ],
)
def test_what_is_not_certain_does_not_convert(code: str, from_unit: str, to_unit: str) -> None:
    """No unit, a unit of another kind, an unknown one: no number, rather than a wrong one."""
    assert conversion(token_or_codes=loinc(code), from_unit=from_unit, to_unit=to_unit) is None


@pytest.mark.parametrize(
    ("ucum", "spellings"),
    [
        ("mg/dL", ["mg/dl", "MG/DL", "Mg/dL", "mg / dL", "mg/100mL", "mg/100 ml"]),
        ("g/dL", ["gm/dL", "GM/DL", "g/dl"]),
        ("10*3/uL", ["10^3/uL", "10*3/ul", "K/uL", "k/ul", "K/mm3", "x10E3/uL", "10E3/uL", "x10^3/uL", "10*9/L", "10^9/L",
                     "x10(9)/L", "1000/uL", "thou/uL", "x10³/µL", "10³/μL", "×10⁹/L", "10*3/mm3", "10*3{cells}/uL"]),
        ("umol/L", ["µmol/L", "μmol/l", "mcmol/L", "UMOL/L"]),
        ("mmol/L", ["MMOL/L", "mmol/l"]),
        ("meq/L", ["mEq/L", "MEQ/L", "meq/l"]),
        ("ug/L", ["mcg/L", "µg/l", "ng/mL"]),
        ("U/L", ["IU/L", "[IU]/L", "u/l", "units/L"]),
        ("mm[Hg]", ["mmHg", "mm Hg", "MMHG"]),
        ("/min", ["bpm", "beats/min", "{beats}/min", "breaths/min", "{breaths}/min", "1/min"]),
        ("Cel", ["C", "degC", "°C", "deg C"]),
        ("[degF]", ["F", "degF", "°F"]),
        ("mL/min/{1.73_m2}", ["mL/min/1.73m2", "mL/min/1.73 m2", "ml/min/1.73m^2", "mL/min/1.73 m²", "mL/min/1.73_m2",
                              "mL/min per 1.73 m2", "mL/min/1.73sq m"]),
        ("kg/m2", ["kg/m^2", "kg/m²", "KG/m2"]),
        ("%", ["percent", "%{HbA1c}", "% {total}"]),
        ("[pH]", ["pH", "1", "{pH}"]),
        ("{score}", ["1", "{points}", "score"]),
        ("mL/(24.h)", ["mL/24h", "mL/24 h", "mL/d", "mL/day"]),
        ("kg", ["KG", "kgs"]),
        ("[in_i]", ["in", "inches", "[in_us]"]),
    ],
)  # fmt: skip
def test_spellings_of_one_unit_are_one_unit(ucum: str, spellings: list[str]) -> None:
    """Feeds spell units in many ways; none of these changes a number."""
    for spelling in spellings:
        assert conversion(token_or_codes="", from_unit=spelling, to_unit=ucum) == (1.0, 0.0), spelling


def test_no_unit_asked_for_takes_the_number_as_it_is() -> None:
    """A feature without a unit converts nothing; the same text is the same unit, even one that nobody knows."""
    assert conversion(token_or_codes="", from_unit="", to_unit=None) == (1.0, 0.0)
    assert conversion(token_or_codes="", from_unit="{whatever}", to_unit="{whatever}") == (1.0, 0.0)


def test_every_analyte_is_written_in_units_that_can_be_read() -> None:
    """The table itself holds no unit that the grammar does not know."""
    for analyte in ANALYTES.values():
        assert read_unit(analyte.canonical) is not None
        assert read_unit(analyte.amount) is not None


def test_the_first_analyte_among_several_codings_is_taken() -> None:
    """A local code beside the LOINC code does not hide it."""
    codes = f"https://example.org|CREA\n{loinc('2160-0')}"
    assert conversion(token_or_codes=codes, from_unit="umol/L", to_unit="mg/dL") is not None


_UNITS = st.sampled_from(
    [
        "ug/mL",
        "mol/L",
        "K",
        "U/L",
        "meq/L",
        "10*9/L",
        "g/(24.h)",
        "mg/g",
        "mg/dL",
        "g/L",
        "umol/L",
        "mmol/L",
        "%",
        "mmol/mol",
        "[degF]",
        "Cel",
        "kg",
        "10*3/uL",
        "/uL",
        "mL/min",
    ]
)


@given(_UNITS, _UNITS, st.sampled_from(["", *map(loinc, ANALYTES)]), st.floats(0.01, 1000))
def test_there_and_back_is_the_same_number(one: str, other: str, codes: str, value: float) -> None:
    """What converts, converts back."""
    there = conversion(token_or_codes=codes, from_unit=one, to_unit=other)
    back = conversion(token_or_codes=codes, from_unit=other, to_unit=one)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert math.isclose((value * there[0] + there[1]) * back[0] + back[1], value, rel_tol=1e-9, abs_tol=1e-9)


@given(_UNITS, _UNITS, _UNITS, st.sampled_from(["", *map(loinc, ANALYTES)]), st.floats(0.01, 1000))
def test_two_conversions_in_a_row_are_the_one_from_the_first_to_the_last(
    one: str, other: str, last: str, codes: str, value: float
) -> None:
    """Whatever way a number takes, it arrives as the same."""
    steps = [conversion(token_or_codes=codes, from_unit=a, to_unit=b) for a, b in ((one, other), (other, last))]
    straight = conversion(token_or_codes=codes, from_unit=one, to_unit=last)
    if steps[0] is not None and steps[1] is not None:
        assert straight is not None
        around = (value * steps[0][0] + steps[0][1]) * steps[1][0] + steps[1][1]
        assert math.isclose(around, value * straight[0] + straight[1], rel_tol=1e-9, abs_tol=1e-6)


def test_a_thousandth_of_a_degree_is_not_taken_for_a_degree() -> None:
    """The scale of a temperature shifts degrees, not their parts."""
    assert conversion(token_or_codes="", from_unit="mK", to_unit="Cel") is None
    assert conversion(token_or_codes="", from_unit="[degF]", to_unit="K") == (1 / 1.8, 459.67 / 1.8)


def test_a_unit_spelled_otherwise_needs_no_library() -> None:
    """The bedside sees mostly mg/dl for mg/dL: that is known without importing anything."""
    code = (
        "import sys; from services.timeline.units import conversion\n"
        "assert conversion(token_or_codes='', from_unit='mg/dl', to_unit='mg/dL') == (1.0, 0.0)\n"
        "assert not {'pint', 'lark', 'ucumvert'} & set(sys.modules)\n"
        "assert conversion(token_or_codes='', from_unit='g/L', to_unit='mg/dL') == (100.0, 0.0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.text(max_size=20) | st.text(alphabet="mguLd/.*^%{}[]10x ", max_size=12))
def test_no_unit_text_raises(text: str) -> None:
    """Whatever stands where a unit belongs, it is read or it is not."""
    conversion(token_or_codes="", from_unit=text, to_unit="mg/dL")
    unit = read_unit(text)
    assert unit is None or unit.size > 0
