"""A patient's life, event by event: visits, emergencies, stays, readmissions drawn from their true risks, and death.

Chance is drawn so that the true risks stay exact: after a discharge the next 30 days belong to one draw (readmission,
death, or neither); unplanned admissions of the background process wait until those days are over, and planned stays
wait until a drawn readmission or death has come.
"""

from __future__ import annotations

import heapq

from services.demo import truth
from services.demo.admissions import PLANNED, Admission, admit, days_of, likely_procedures
from services.demo.costs import charge
from services.demo.dice import Dice
from services.demo.facts import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    YEAR,
    Course,
    Diagnosis,
    Intervention,
    PatientRecord,
    Person,
    Referral,
    Stay,
    TrueRisk,
)
from services.demo.laboratory import Laboratory, own_levels
from services.demo.medicines import Pharmacy

WINDOW = 30 * DAY
PSYCHIATRIC_PER_YEAR, DELIVERIES_PER_YEAR, SURGERY_PER_YEAR, OBSERVATIONS_PER_YEAR = 0.008, 0.07, 0.035, 0.05
CODED_LATER = 0.22  # of secondary diagnoses reach the record only after discharge
REFUTED = 0.02  # of principal diagnoses of unplanned stays are withdrawn within days
KEEPS_EMERGENCY_VISIT = 2  # the site where a visit that leads to admission stays an Encounter of its own
FOLLOW_UP = 0.56  # of live discharges have a follow-up visit ordered


class Life:
    """Lives one patient's years and files what happens."""

    def __init__(self, dice: Dice, person: Person, *, begins: int, horizon: int) -> None:
        self._dice, self._person, self._begins, self._horizon = dice, person, begins, horizon
        self.record = PatientRecord(person, begins, own_levels(dice, person, begins + int(YEAR)))
        self._laboratory = Laboratory(dice, self.record)
        self._pharmacy = Pharmacy(dice, self.record)
        self._agenda: list[tuple[int, int, str]] = []
        self._entries = 0
        self._free_from = begins  # in hospital until then
        self._protected_until = begins  # unplanned admissions of the background wait until then
        self._drawn_until = 0  # a drawn readmission or death is to come until then
        self._on_problem_list: set[str] = set()

    def live(self) -> PatientRecord:
        """Run the agenda to the horizon or to death."""
        person, dice = self._person, self._dice
        self._plan_first_events()
        while self._agenda:
            at, _, kind = heapq.heappop(self._agenda)
            if at >= min(self._horizon, person.died):
                break
            if at < self._free_from and kind not in ("readmission", "transfer"):
                self._plan(self._free_from + int(dice.uniform(1.0, 9.0) * DAY), kind)
            else:
                self._happen(kind, at)
        self._pharmacy.close(self._horizon)
        self.record.diagnoses.sort(key=lambda diagnosis: diagnosis.recorded)
        return self.record

    def _plan(self, at: int, kind: str) -> None:
        self._entries += 1
        heapq.heappush(self._agenda, (at // MINUTE * MINUTE, self._entries, kind))

    def _plan_after(self, now: int, kind: str, per_year: float) -> None:
        self._plan(now + int(self._dice.gap(1.0 / per_year) * YEAR), kind)

    def _plan_first_events(self) -> None:
        person, begins, dice = self._person, self._begins, self._dice
        self._plan(begins + int(dice.uniform(0.0, 0.4) * YEAR), "clinic")
        self._plan_after(begins, "emergency", truth.emergency_visits_per_year(person))
        self._plan_after(begins, "observation", OBSERVATIONS_PER_YEAR)
        self._plan_after(begins, "acute", truth.admissions_per_year(person, begins))
        self._plan_after(begins, "psychiatric", PSYCHIATRIC_PER_YEAR)
        self._plan_after(begins, "surgery" if dice.chance(0.7) else "joint", SURGERY_PER_YEAR)
        if person.female and person.age(begins) < 40:
            self._plan_after(begins, "delivery", DELIVERIES_PER_YEAR)
        self._plan_after(begins, "death", truth.deaths_per_year(person, begins + int(YEAR)))
        for illness, onset in person.illnesses.items():
            if illness.startswith("cancer") and onset > begins - YEAR and dice.chance(0.35):
                first = max(begins, onset) + int(dice.uniform(20, 60)) * DAY
                for cycle in range(int(dice.uniform(3, 7))):
                    self._plan((first + cycle * 21 * DAY) // DAY * DAY + 9 * HOUR, "chemotherapy")

    def _happen(self, kind: str, at: int) -> None:
        """One entry of the agenda; what returns is planned again."""
        person, dice = self._person, self._dice
        if kind in ("clinic", "follow-up"):
            self._clinic(self._working_hour(at))
            if kind == "clinic":
                self._plan_after(at + 5 * DAY, "clinic", truth.clinic_visits_per_year(person, at))
        elif kind == "emergency":
            self._short_stay("EMER", at, dice.uniform(2.0, 9.0), severity=dice.normal(0.0, 0.7))
            self._plan_after(at, kind, truth.emergency_visits_per_year(person))
        elif kind == "observation":
            self._short_stay("OBSENC", at, dice.uniform(10.0, 40.0), severity=dice.normal(0.0, 0.7))
            self._plan_after(at, kind, OBSERVATIONS_PER_YEAR)
        elif kind == "death":
            if at < self._protected_until:  # those days belong to the draw at discharge
                self._plan_after(self._protected_until, kind, truth.deaths_per_year(person, at))
            else:
                person.died = at
        elif kind == "death-drawn":
            person.died = at
        elif kind in ("acute", "psychiatric"):
            again = PSYCHIATRIC_PER_YEAR if kind == "psychiatric" else truth.admissions_per_year(person, at)
            if at < self._protected_until:
                self._plan_after(self._protected_until, kind, again)
            else:
                self._inpatient(kind, at)
                self._plan_after(self._free_from, kind, again)
        elif kind in PLANNED or kind == "delivery":
            if at < self._drawn_until:
                self._plan(self._drawn_until + int(dice.uniform(10.0, 25.0) * DAY), kind)
            else:
                self._inpatient(kind, at // DAY * DAY + int(dice.uniform(7 * 60, 11 * 60)) * MINUTE)
        else:  # readmission, transfer
            self._inpatient(kind, at)

    def _working_hour(self, at: int) -> int:
        return max(at // DAY * DAY + int(self._dice.uniform(8 * 60, 17 * 60)) * MINUTE, self._free_from)

    def _open(self, kind: str, at: int, end: int, *, site: int | None = None) -> Stay:
        stay = Stay(f"{self._person.id}-e{len(self.record.stays) + 1:03d}", kind, at, end, self._person.site)
        if site is not None:
            stay.site = site
        stay.coded = end + int(self._dice.uniform(0.5, 4.0) * DAY)
        self.record.stays.append(stay)
        return stay

    def _clinic(self, at: int) -> None:
        dice, stay = self._dice, self._open("AMB", at, at + int(self._dice.uniform(15, 45)) * MINUTE)
        self._update_problem_list(stay, likely=0.85)
        self._laboratory.visit(at + 5 * MINUTE, stay.id, stay.site)
        self._pharmacy.review(stay.end, stay.id)
        if dice.chance(0.07):
            self._pharmacy.short_course(stay.end, stay.id)
        charge(dice, self.record, stay)

    def _short_stay(self, kind: str, at: int, hours: float, *, severity: float, home: bool = True) -> None:
        stay = self._open(kind, at, at + int(hours * 60) * MINUTE)
        stay.priority = "EM"
        for test in ("pressure", "pulse", "breathing", "temperature", "saturation"):
            self._laboratory.take(test, at + 10 * MINUTE, stay.id, stay.site, severity=severity, days=0.0)
        if self._dice.chance(0.6):
            for test in ("hb", "na", "k", "creatinine"):
                self._laboratory.take(test, at + 40 * MINUTE, stay.id, stay.site, severity=severity, days=0.0)
        if home:
            stay.disposition, stay.planned_disposition, stay.announced = "home", "home", stay.end - 30 * MINUTE
        self._free_from = stay.end
        charge(self._dice, self.record, stay)

    def _update_problem_list(self, stay: Stay, *, likely: float) -> None:
        for illness, onset in self._person.illnesses.items():
            if onset <= stay.start and illness not in self._on_problem_list and self._dice.chance(likely):
                self._on_problem_list.add(illness)
                self._diagnose(illness, onset // DAY * DAY, stay.start + 15 * MINUTE, stay, problem=True)

    def _diagnose(self, illness: str, onset: int, recorded: int, stay: Stay, *, problem: bool = False) -> Diagnosis:
        diagnosis = Diagnosis(
            f"{self._person.id}-c{len(self.record.diagnoses) + 1:03d}", illness, onset, recorded, stay.id, problem
        )
        self.record.diagnoses.append(diagnosis)
        if not problem:
            stay.diagnoses.append(diagnosis)
        return diagnosis

    def _inpatient(self, reason: str, at: int) -> None:
        """A stay from admission to discharge, and the draw of what follows."""
        dice, person = self._dice, self._person
        admission = admit(dice, person, at, reason)
        site = None if reason != "transfer" else (person.site + 1) % 4
        emergency = reason not in PLANNED and reason not in ("delivery", "transfer") and dice.chance(0.8)
        if emergency and person.site == KEEPS_EMERGENCY_VISIT and at - 3 * HOUR > self._free_from:
            self._short_stay("EMER", at - 3 * HOUR, 3.0, severity=admission.severity, home=False)
        stay = self._open("IMP", at, admission.end, site=site)
        self.record.courses[stay.id] = Course(reason, admission.severity, admitted=at)
        stay.disposition, stay.planned_disposition = admission.disposition, admission.planned_disposition
        stay.announced = admission.announced
        if reason in PLANNED or reason == "delivery":
            stay.priority = "EL" if reason != "delivery" else "UR"
        else:
            stay.from_emergency = emergency
            stay.priority = "EM" if stay.from_emergency else "UR"
        stay.oncology = reason == "chemotherapy" or (
            any(key.startswith("cancer") and onset <= at for key, onset in person.illnesses.items())
            and dice.chance(0.30)
        )
        stay.service = (
            "Oncology" if stay.oncology else "Surgery" if reason in ("surgery", "joint") else "General medicine"
        )
        self._code_stay(stay, admission)
        if admission.disposition == "hosp":
            self._diagnose("palliative", stay.start, max(stay.end - 4 * HOUR, stay.start), stay)
        self._laboratory.watch_stay(stay, severity=admission.severity, until=stay.end)
        self._pharmacy.review(stay.start + 3 * HOUR, stay.id)
        self._pharmacy.give_in_stay(stay, admission.principal)
        procedures = self._intervene(stay, admission)
        charge(dice, self.record, stay, interventions=procedures)
        self._free_from = stay.end
        if admission.disposition == "exp":
            person.died = stay.end
        elif admission.disposition == "other-hcf":
            self._protected_until = stay.end + DAY
            self._plan(stay.end + int(dice.uniform(2.0, 8.0) * HOUR), "transfer")
        else:
            self._leave(stay, admission)

    def _code_stay(self, stay: Stay, admission: Admission) -> None:
        """The principal diagnosis is there within hours; some secondary ones only when the stay is coded."""
        dice = self._dice
        soon = stay.start + int(dice.uniform(20, 240)) * MINUTE
        principal = self._diagnose(admission.principal, stay.start - DAY, min(soon, stay.end), stay)
        principal.abated = stay.end + int(dice.uniform(3, 25)) * DAY
        if admission.reason in ("acute", "readmission") and dice.chance(REFUTED):
            principal.refuted, principal.abated = soon + int(dice.uniform(1.0, 6.0) * DAY), NEVER
        self._update_problem_list(stay, likely=0.5)
        for illness, onset in self._person.illnesses.items():
            if onset <= stay.start and illness != admission.principal and dice.chance(0.85):
                if dice.chance(CODED_LATER):
                    recorded = stay.end + int(dice.uniform(0.2, 4.0) * DAY)
                else:
                    recorded = min(stay.start + int(dice.uniform(1.0, 30.0) * HOUR), stay.end)
                self._diagnose(illness, onset // DAY * DAY, recorded // MINUTE * MINUTE, stay)

    def _intervene(self, stay: Stay, admission: Admission) -> int:
        """The procedures of the stay."""
        dice, person = self._dice, self._person
        done = 0
        for procedure, chance in likely_procedures(person, stay, admission).items():
            if chance and dice.chance(chance):
                start = stay.start + int(dice.uniform(0.1, 0.6) * (stay.end - stay.start)) // MINUTE * MINUTE
                end = min(start + int(dice.uniform(30, 240)) * MINUTE, stay.end)
                number = len(self.record.interventions) + 1
                self.record.interventions.append(
                    Intervention(f"{person.id}-p{number:03d}", procedure, start, end, stay.id)
                )
                done += 1
        return done

    def _leave(self, stay: Stay, admission: Admission) -> None:
        """Alive at the door: compute the true risks, draw what the next 30 days bring, and order follow-up."""
        dice, person = self._dice, self._person
        days = (stay.end - stay.start) / DAY
        severity, laboratory = admission.severity, self._laboratory
        before = [other for other in self.record.stays[:-1] if other.start < stay.start]
        state = truth.AtDischarge(
            age=person.age(stay.end),
            los_days=days_of(stay),
            urgent=stay.priority in ("EM", "UR"),
            admissions_12m=sum(other.kind == "IMP" and other.start >= stay.start - 365 * DAY for other in before),
            ed_visits_6m=sum(
                other.kind == "EMER" and stay.start - 183 * DAY <= other.start and other.end < stay.start - 12 * HOUR
                for other in before
            ),
            oncology=stay.oncology,
            hb=laboratory.level("hb", severity=severity, days=days),
            na=laboratory.level("na", severity=severity, days=days),
            bun=laboratory.level("bun", severity=severity, days=days),
            egfr=laboratory.egfr(severity=severity, days=days),
            albumin=laboratory.level("albumin", severity=severity, days=days),
            charlson=truth.charlson(person, stay.end),
            medicines=self._pharmacy.active(),
            heart_failure=person.has("heart_failure", stay.end),
            not_home=stay.disposition in ("snf", "rehab", "long"),
            hospice=stay.disposition == "hosp",
            frailty=person.frailty,
            severity=severity,
        )
        readmission, death = truth.readmission_risk(state), truth.death_risk(state)
        death = min(death, 0.98 - readmission)
        self.record.risks.append(TrueRisk(encounter=stay.id, discharged=stay.end, readmission=readmission, death=death))
        self._protected_until = stay.end + WINDOW + HOUR
        # Readmissions within a day would be read as transfers, so the first comes after 25 hours.
        delay = int((1.05 + 28.8 * dice.uniform() ** 1.35) * DAY)
        fate = dice.pick([readmission, death, 1.0 - readmission - death])
        if fate < 2:
            self._drawn_until = stay.end + delay + HOUR
            self._plan(stay.end + delay, ("readmission", "death-drawn")[fate])
        self._pharmacy.change_at_discharge(stay.end - HOUR, stay.id)
        if stay.disposition in ("home", "alt-home") and dice.chance(FOLLOW_UP):
            visit = stay.end + int(dice.uniform(4.0, 14.0) * DAY)
            self.record.referrals.append(
                Referral(f"{person.id}-r{len(self.record.referrals) + 1:03d}", stay.end - 2 * HOUR, visit, stay.id)
            )
            self._plan(visit, "follow-up")
