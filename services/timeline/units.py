"""Unit conversion: `value * factor + offset`. Analyte by analyte where mass and amount differ; None if unsure.

The factors are those of the clinical content, section 1. Units of one kind (mg/dL and g/L) convert by their sizes,
which are UCUM's (`unit_grammar`); here stands only what UCUM cannot know: what one mole of an analyte weighs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from services.timeline.unit_grammar import LONGEST, Kind, Unit, read_unit
from services.timeline.unit_spellings import in_ucum

UNCHANGED: Final = (1.0, 0.0)


class Analyte(NamedTuple):
    """How one analyte's amount becomes mass: `canonical = amount * factor + offset`."""

    canonical: str
    amount: str
    factor: float
    offset: float = 0.0


_CREATININE = Analyte("mg/dL", "umol/L", 1 / 88.4)
_UREA_NITROGEN = Analyte("mg/dL", "mmol/L", 2.801)
_BILIRUBIN = Analyte("mg/dL", "umol/L", 1 / 17.1)
_GLUCOSE = Analyte("mg/dL", "mmol/L", 18.016)
_CHOLESTEROL = Analyte("mg/dL", "mmol/L", 1 / 0.02586)  # PREVENT's own factor
_HAEMOGLOBIN = Analyte("g/dL", "mmol/L", 1.611)
_HBA1C = Analyte("%", "mmol/mol", 0.0915, 2.15)
_MONOVALENT = Analyte("mmol/L", "meq/L", 1.0)  # sodium, potassium, bicarbonate, chloride: one charge each

ANALYTES: Final[dict[str, Analyte]] = {
    **dict.fromkeys(("2160-0", "14682-9", "38483-4"), _CREATININE),
    **dict.fromkeys(("3094-0", "6299-2"), _UREA_NITROGEN),
    "1975-2": _BILIRUBIN,
    **dict.fromkeys(("2345-7", "1558-6", "1557-8", "2339-0"), _GLUCOSE),
    **dict.fromkeys(("2093-3", "2085-9", "13457-7", "18262-6", "2089-1"), _CHOLESTEROL),
    **dict.fromkeys(("718-7", "30313-1", "59260-0"), _HAEMOGLOBIN),
    "4548-4": _HBA1C,
    **dict.fromkeys(("2951-2", "2947-0", "2823-3", "6298-4", "1963-8", "2028-9", "2075-0"), _MONOVALENT),
}
"""LOINC code → its analyte."""

_LOINC: Final = "http://loinc.org|"


def conversion(*, token_or_codes: str, from_unit: str, to_unit: str | None) -> tuple[float, float] | None:
    """Factor and offset from one unit to another for what is so coded; None if they cannot be converted.

    A missing unit ("") converts to nothing: a number without a unit is not known to be in any.
    """
    if to_unit is None:
        return UNCHANGED
    if not from_unit or len(from_unit) > LONGEST:
        return None
    if from_unit == to_unit:
        return UNCHANGED
    analyte = next(
        (ANALYTES[one[len(_LOINC) :]] for one in token_or_codes.split("\n")
         if one.startswith(_LOINC) and one[len(_LOINC) :] in ANALYTES),
        None,
    )  # fmt: skip
    return _converted(analyte, from_unit, to_unit)


@lru_cache(maxsize=4096)
def _converted(analyte: Analyte | None, from_unit: str, to_unit: str) -> tuple[float, float] | None:
    spelled = in_ucum(from_unit)
    if spelled and spelled == in_ucum(to_unit):  # mg/dl for mg/dL: nothing to compute, and so nothing to import
        return UNCHANGED
    have, want = read_unit(from_unit), read_unit(to_unit)
    if have is None or want is None:
        return None
    if have.kind == want.kind:
        return float(have.size / want.size), 0.0
    if have.size == want.size == 1 and (have.kind, want.kind) in _TEMPERATURES:
        return _TEMPERATURES[have.kind, want.kind]
    return _through(analyte, have, want) if analyte is not None else None


_CELSIUS: Final = (("Cel",), ())
_FAHRENHEIT: Final = (("[degF]",), ())
_KELVIN: Final = (("K",), ())
_TEMPERATURES: Final[dict[tuple[Kind, Kind], tuple[float, float]]] = {
    (_FAHRENHEIT, _CELSIUS): (1 / 1.8, -32 / 1.8),
    (_CELSIUS, _FAHRENHEIT): (1.8, 32.0),
    (_KELVIN, _CELSIUS): (1.0, -273.15),
    (_CELSIUS, _KELVIN): (1.0, 273.15),
    (_KELVIN, _FAHRENHEIT): (1.8, -459.67),
    (_FAHRENHEIT, _KELVIN): (1 / 1.8, 459.67 / 1.8),
}


def _through(analyte: Analyte, have: Unit, want: Unit) -> tuple[float, float] | None:
    """Between mass and amount, through the analyte's canonical unit."""
    canonical, amount = read_unit(analyte.canonical), read_unit(analyte.amount)
    if canonical is None or amount is None:  # the table above is tested; a unit there always reads
        return None
    if have.kind == amount.kind and want.kind == canonical.kind:
        scale = float(canonical.size / want.size)
        return float(have.size / amount.size) * analyte.factor * scale, analyte.offset * scale
    if have.kind == canonical.kind and want.kind == amount.kind:
        scale = float(amount.size / want.size)
        return float(have.size / canonical.size) / analyte.factor * scale, -analyte.offset / analyte.factor * scale
    return None
