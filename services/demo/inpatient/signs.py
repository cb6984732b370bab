"""What the wards measure: rounds of vital signs several times a day, more often and with blood tests while somebody declines.

A reading is the person's own level, the push of the severity at admission, and `DECLINE` times the acuity of the moment,
with noise. What the life has measured before shows a decline as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.demo.catalogue import ACVPU, TESTS
from services.demo.dice import Dice
from services.demo.facts import DAY, HOUR, MINUTE, NEVER, Course, Intervention, PatientRecord, Result, Stay
from services.demo.inpatient.course import acuity, run_courses
from services.demo.laboratory import NOISE, VITALS, faded, pushed

# How far one unit of acuity moves a reading; creatinine grows by a share of itself.
DECLINE: Final = {
    "pressure": -9.0, "pulse": 12.0, "breathing": 3.2, "temperature": 0.35, "saturation": -2.6, "gcs": -2.6,
    "lactate": 1.3, "ph": -0.045, "pafi": -75.0, "bilirubin": 0.5, "urine": -380.0, "wbc": 2.5, "bun": 5.0, "na": -0.8,
    "k": 0.15, "glucose": 18.0, "creatinine": 0.18, "albumin": -0.15, "hb": -0.3,
}  # fmt: skip
# Own level and push per unit of severity of what only the wards measure.
WARD_LEVEL: Final = {
    "lactate": (1.1, 0.25), "ph": (7.41, -0.01), "pafi": (410.0, -30.0), "bilirubin": (0.7, 0.1),
    "urine": (1750.0, -120.0),
}  # fmt: skip
READING_NOISE: Final = NOISE | {"lactate": 0.25, "ph": 0.02, "pafi": 28.0, "bilirubin": 0.15, "urine": 260.0}
ACUTE_PANEL: Final = ("lactate", "ph", "pafi", "bilirubin", "wbc", "creatinine", "bun", "na", "k", "glucose")
FIRST_ROUND: Final = 7 * HOUR  # after admission; beside them the life has its morning round
EVERY: Final = 8 * HOUR
FREQUENT: Final = 3 * DAY  # of unplanned stays; afterwards, and in planned ones, every SELDOM
SELDOM: Final = 12 * HOUR
EVERY_WHILE_DECLINING: Final = 4 * HOUR
NEEDS_OXYGEN: Final = 91.5  # true saturation below which oxygen is given
OXYGEN_HELPS: Final = 3.0
SAYS_ROOM_AIR: Final = 0.3  # of stays note a flow of 0 once a day; in the others no flow means room air
SCORES_COMA: Final = 0.2  # of stays have the coma scale once a day; the others only while declining
CHARTS_OXYGEN: Final = 0.6  # of those on oxygen have it as a Procedure too
CHARTS_INTENSIVE: Final = 0.5  # of moves to intensive care are a Procedure too


def attend(dice: Dice, record: PatientRecord) -> None:
    """Run the courses of the record's inpatient stays, and file what the wards measure of them."""
    run_courses(dice, record)
    earlier: dict[str, list[Result]] = {identity: [] for identity, c in record.courses.items() if c.declines}
    if earlier:
        for result in record.results:
            if result.encounter in earlier:
                earlier[result.encounter].append(result)
    for stay in record.stays:
        if stay.kind == "IMP":
            _Ward(dice, record, stay).watch(earlier.get(stay.id, []))


class _Ward:
    """Measures one stay."""

    def __init__(self, dice: Dice, record: PatientRecord, stay: Stay) -> None:
        self._dice, self._record, self._stay = dice, record, stay
        self._course: Course = record.courses[stay.id]
        self._oxygen_from = NEVER
        self._says_room_air = dice.chance(SAYS_ROOM_AIR)
        self._scores_coma = dice.chance(SCORES_COMA)

    def watch(self, earlier: list[Result]) -> None:
        """The whole stay: shift what was measured before, then go round."""
        for result in earlier:
            self._worsen(result)
        for at in self._rounds():
            self._round(at)
        for at in self._draws():
            for test in ACUTE_PANEL:
                self._test(test, at)
        if self._course.severity > 0.8:
            for test in ("lactate", "bilirubin"):
                self._test(test, self._stay.start + 50 * MINUTE)
        if self._course.severity > 0.3 or self._course.declines:
            morning = (self._stay.start // DAY + 1) * DAY + 6 * HOUR
            for at in range(morning, self._stay.end, DAY):
                self._test("urine", at)
        if self._oxygen_from != NEVER and self._dice.chance(CHARTS_OXYGEN):
            self._chart("oxygen", self._oxygen_from, self._stay.end)
        if self._course.intensive_from != NEVER and self._dice.chance(CHARTS_INTENSIVE):
            self._chart("intensive_care", self._course.intensive_from, self._course.intensive_until)

    def _chart(self, procedure: str, start: int, end: int) -> None:
        identity = f"{self._record.person.id}-p{len(self._record.interventions) + 1:03d}"
        self._record.interventions.append(Intervention(identity, procedure, start, end, self._stay.id))

    def _rounds(self) -> list[int]:
        stay = self._stay
        often = min(stay.end, stay.start + FREQUENT) if stay.priority != "EL" else stay.start
        times = set(range(stay.start + FIRST_ROUND, often, EVERY))
        times |= set(range(often + SELDOM - HOUR, stay.end, SELDOM))
        for decline in self._course.declines:
            calmer = min(decline.over, decline.worsens_until + 12 * HOUR)
            times |= set(range(decline.onset + 2 * HOUR, calmer, EVERY_WHILE_DECLINING))
        return sorted(at // MINUTE * MINUTE for at in times if at < stay.end)

    def _draws(self) -> Iterator[int]:
        """Blood is taken three hours into a decline, then every day of it."""
        for decline in self._course.declines:
            yield from (at // MINUTE * MINUTE for at in range(decline.onset + 3 * HOUR, decline.over, DAY))

    def _round(self, at: int) -> None:
        """One round of vital signs, of which the state is worked out once."""
        bad, push = self._state(at)
        true_saturation = self._level("saturation", bad, push)
        on_oxygen = true_saturation < NEEDS_OXYGEN
        for test in VITALS:
            self._take(test, at, bad, push, lift=OXYGEN_HELPS if on_oxygen and test == "saturation" else 0.0)
        daily = (at - self._stay.start) % DAY == DAY - HOUR
        if on_oxygen:
            self._oxygen_from = min(self._oxygen_from, at)
            flow = round(min(2.0 + 2.0 * bad + max(0.0, 90.0 - true_saturation) / 2.0, 15.0))
            self._file("oxygen_flow", flow, at, at)
        elif self._says_room_air and daily:
            self._file("oxygen_flow", 0.0, at, at)
        if bad > 0.0 or daily:
            score = max(round(15.0 + DECLINE["gcs"] * max(0.0, bad - 0.6)), 3)  # nobody is drowsy in a slight decline
            self._file("consciousness", 0.0, at, at, word=next(word for low, word in ACVPU if score >= low))
            if bad > 0.0 or self._scores_coma:
                self._file("gcs", score, at, at)

    def _test(self, test: str, at: int) -> None:
        self._take(test, at, *self._state(at))

    def _state(self, at: int) -> tuple[float, float]:
        """(acuity, what is left of the push of the severity at admission)."""
        bad = acuity(self._course.declines, at) if self._course.declines else 0.0
        return bad, faded(self._course.severity, (at - self._stay.start) / DAY)

    def _level(self, test: str, bad: float, push: float) -> float:
        if test in WARD_LEVEL:
            own, by_severity = WARD_LEVEL[test]
            return own + by_severity * max(self._course.severity, 0.0) + DECLINE[test] * bad
        now = pushed(self._record.levels, test, push)
        return now * (1.0 + DECLINE[test] * bad) if test == "creatinine" else now + DECLINE[test] * bad

    def _take(self, test: str, at: int, bad: float, push: float, *, lift: float = 0.0) -> None:
        """One reading, issued after its usual time."""
        dice, analyte = self._dice, TESTS[test]
        read = self._level(test, bad, push) + lift + dice.normal(0.0, READING_NOISE[test])
        value = round(min(max(read, analyte.low), analyte.high), analyte.decimals)
        issued, second = at, 0.0
        if not analyte.vital:
            issued = at + max(int(dice.around(analyte.hours, 0.5) * 60), 5) * MINUTE
        elif test == "pressure":
            second = min(round(max(0.55 * value + dice.normal(4.0, 6.0), 30.0)), value - 8.0)
        self._file(test, value, at, issued, second=second)

    def _file(self, test: str, value: float, at: int, issued: int, *, second: float = 0.0, word: str = "") -> None:
        record, stay = self._record, self._stay
        identity = f"{record.person.id}-o{len(record.results) + 1:04d}"
        record.results.append(Result(identity, test, value, at, issued, stay.id, stay.site, second, word))

    def _worsen(self, result: Result) -> None:
        """A reading of the life shows the decline it was taken in."""
        bad = acuity(self._course.declines, result.taken)
        if not bad or result.test not in DECLINE:
            return
        analyte, shift = TESTS[result.test], DECLINE[result.test] * bad
        for name in ("value", "corrected_value"):
            value = getattr(result, name)
            if value:
                moved = value * (1.0 + shift) if result.test == "creatinine" else value + shift
                setattr(result, name, round(min(max(moved, analyte.low), analyte.high), analyte.decimals))
        if result.test == "pressure":
            result.second = min(result.second, result.value - 8.0)
