"""What values of a test can be at all, in its canonical unit: the ranges of the clinical content, sections 1 and 3.

Beyond them a value is missing and reported, never clipped. Here they judge whole columns, not single values.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Plausible(NamedTuple):
    """From `low` to `high`, both within; and in which units of the same kind laboratories also send it."""

    unit: str
    low: float
    high: float
    also: tuple[str, ...] = ()


_CREATININE = Plausible("mg/dL", 0.1, 25)
_GLUCOSE = Plausible("mg/dL", 10, 1500)

PLAUSIBLE: Final[dict[str, Plausible]] = {
    **dict.fromkeys(("2160-0", "14682-9", "38483-4"), _CREATININE),
    "3094-0": Plausible("mg/dL", 1, 250),
    "1975-2": Plausible("mg/dL", 0.1, 60),
    **dict.fromkeys(("2345-7", "2339-0"), _GLUCOSE),
    "718-7": Plausible("g/dL", 2, 25, ("g/L",)),
    "1751-7": Plausible("g/dL", 0.5, 7, ("g/L",)),
    "4548-4": Plausible("%", 3, 20),
    **dict.fromkeys(("2951-2", "2947-0"), Plausible("mmol/L", 100, 180)),
    **dict.fromkeys(("2823-3", "6298-4"), Plausible("mmol/L", 1, 10)),
    "1963-8": Plausible("mmol/L", 2, 50),
    "2085-9": Plausible("mg/dL", 5, 150),
    "2571-8": Plausible("mg/dL", 20, 3000),
    "1920-8": Plausible("U/L", 1, 5000),
    **dict.fromkeys(("6690-2", "26464-8"), Plausible("10*3/uL", 0, 300, ("/uL",))),
    "8310-5": Plausible("Cel", 25, 45, ("[degF]",)),
    "8480-6": Plausible("mm[Hg]", 40, 260),
    "8867-4": Plausible("/min", 10, 300),
    "9279-1": Plausible("/min", 2, 80),
    "39156-5": Plausible("kg/m2", 12, 80),
}
"""LOINC code → its plausible range; where guidances differ, the widest."""
