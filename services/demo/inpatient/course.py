"""How a stay goes: setbacks that pass, the decline before a death, and the moves to intensive care.

Whether a patient dies in the stay is decided at admission (`truth.death_in_stay`) and stays as it is; here is drawn how
it comes about. While it lasts, a setback cannot be told from a last decline: only whether it ends differs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from services.demo.dice import Dice
from services.demo.facts import HOUR, MINUTE, NEVER, Course, Decline, PatientRecord, Stay
from services.demo.stays import KEEPS_EMERGENCY_VISIT
from services.demo.truth import sigmoid

ANNOUNCED: Final = 0.85  # of deaths in a stay come with a decline; the others are sudden
LONGEST_DECLINE: Final = 96.0  # hours before death in which the last decline begins at the earliest
SHORTEST_DECLINE: Final = 6.0  # hours, or a fifth of a short stay
FIRST, LAST = 0.05, 0.70  # of a stay: between these a setback begins
SETBACK_HOURS: Final = (20.0, 0.4)  # median and spread of how long it gets worse
TURNS_BY: Final = 0.6  # of what is left of the stay: by then a setback has turned
RECOVERY: Final = 36 * HOUR  # and is over as long afterwards, or at discharge: who leaves has recovered
HEIGHT, RISE = 3.0, 18.0  # acuity `hours` into a decline: HEIGHT (1 - exp(-hours / RISE))
INTENSIVE: Final = 0.70  # of declines go to intensive care
INTENSIVE_HOURS: Final = (8.0, 0.5)  # median and spread from the beginning of the decline to the move
STEP_DOWN: Final = 30 * HOUR  # after a setback has turned, back to the ward


def setback_chance(severity: float) -> float:
    """Probability that a stay has a setback (one at most)."""
    return sigmoid(-2.0 + 0.8 * severity)


def last_decline_between(hours: float) -> tuple[float, float]:
    """The hours of a fatal stay of that length between which its last decline begins, evenly."""
    latest = hours - min(SHORTEST_DECLINE, 0.2 * hours)
    return max(FIRST * hours, hours - LONGEST_DECLINE), latest


def run_courses(dice: Dice, record: PatientRecord) -> None:
    """Draw the course of every inpatient stay of the record."""
    for stay in record.stays:
        if stay.kind == "IMP":
            _run(dice, record.courses[stay.id], stay)


def _run(dice: Dice, course: Course, stay: Stay) -> None:
    length = stay.end - stay.start
    if stay.from_emergency and stay.site != KEEPS_EMERGENCY_VISIT:
        course.admitted = _minute(stay.start + int(min(dice.uniform(1.5, 7.0) * HOUR, 0.2 * length)))
    declines = []
    if dice.chance(setback_chance(course.severity)):
        onset = stay.start + int(dice.uniform(FIRST, LAST) * length)
        turns = onset + int(min(dice.around(*SETBACK_HOURS) * HOUR, TURNS_BY * (stay.end - onset)))
        over = min(turns + RECOVERY, stay.end)
        declines.append(Decline(onset=_minute(onset), worsens_until=_minute(turns), over=_minute(over)))
    if stay.disposition == "exp" and dice.chance(ANNOUNCED):
        low, high = last_decline_between(length / HOUR)
        onset = stay.start + int(dice.uniform(low, high) * HOUR)
        declines.append(Decline(onset=_minute(onset), worsens_until=stay.end, over=stay.end, terminal=True))
    course.declines = tuple(declines)
    for decline in sorted(declines, key=lambda one: one.onset):
        moves, after = dice.chance(INTENSIVE), dice.around(*INTENSIVE_HOURS)
        at = _minute(decline.onset + int(after * HOUR))
        if moves and at < decline.worsens_until and course.intensive_from == NEVER:
            course.intensive_from = at
            back = _minute(decline.worsens_until + STEP_DOWN)
            course.intensive_until = stay.end if decline.terminal else min(back, stay.end)


def acuity(declines: Iterable[Decline], at: int) -> float:
    """How far the patient has declined at that time: 0 is as the severity at admission says, 3 the utmost."""
    return max((_height(decline, at) for decline in declines if decline.onset <= at < decline.over), default=0.0)


def worsening_since(declines: Iterable[Decline], at: int) -> int | None:
    """Since when the patient has been getting worse, or None if that is not so."""
    return min((one.onset for one in declines if one.onset <= at < one.worsens_until), default=None)


def _height(decline: Decline, at: int) -> float:
    height = HEIGHT * (1.0 - math.exp(-(min(at, decline.worsens_until) - decline.onset) / HOUR / RISE))
    if at <= decline.worsens_until:
        return height
    return height * (decline.over - at) / (decline.over - decline.worsens_until)


def _minute(at: int) -> int:
    return at // MINUTE * MINUTE
