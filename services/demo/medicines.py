"""Medicines: long-term regimens renewed every year, short courses, and what is given during a stay."""

from __future__ import annotations

from services.demo.dice import Dice
from services.demo.facts import DAY, MINUTE, NEVER, Order, PatientRecord, Stay

RENEWAL = 365 * DAY
# illness: drugs of the regimen and how likely each is prescribed
REGIMEN: dict[str, tuple[tuple[str, float], ...]] = {
    "hypertension": (("lisinopril", 0.50), ("amlodipine", 0.45), ("hydrochlorothiazide", 0.30), ("losartan", 0.20)),
    "dyslipidaemia": (("atorvastatin", 0.65), ("rosuvastatin", 0.15)),
    "diabetes": (("metformin", 0.70), ("glipizide", 0.25), ("insulin_glargine", 0.30), ("empagliflozin", 0.20)),
    "diabetes_kidney": (("insulin_glargine", 0.50), ("empagliflozin", 0.45), ("insulin_lispro", 0.25)),
    "heart_failure": (("furosemide", 0.80), ("carvedilol", 0.70), ("spironolactone", 0.40), ("losartan", 0.25)),
    "coronary": (("metoprolol", 0.55), ("atorvastatin", 0.50)),
    "peripheral_artery": (("atorvastatin", 0.40),),
    "ckd4": (("furosemide", 0.50),),
    "ckd5": (("furosemide", 0.70),),
    "rheumatoid": (("methotrexate", 0.55), ("meloxicam", 0.30)),
    "stroke_sequelae": (("diltiazem", 0.15), ("atorvastatin", 0.45)),
}
# principal diagnosis: what is given during the stay, beside what every patient may get
IN_STAY: dict[str, tuple[tuple[str, float], ...]] = {
    "heart_failure_acute": (("furosemide", 0.95),),
    "pneumonia": (("vancomycin", 0.45),),
    "sepsis": (("vancomycin", 0.80),),
    "infarction": (("metoprolol", 0.70), ("atorvastatin", 0.80)),
    "hyperosmolar": (("insulin_regular", 0.95),),
    "chemotherapy": (("cisplatin", 0.60),),
}
EVERYBODY_IN_STAY = (("acetaminophen", 0.70), ("insulin_regular", 0.15))


class Pharmacy:
    """Writes one patient's orders."""

    def __init__(self, dice: Dice, record: PatientRecord) -> None:
        self._dice = dice
        self._record = record
        self._regimen: dict[str, tuple[int, str]] = {}  # drug → since when, first encounter
        self._considered: set[str] = set()

    def active(self) -> int:
        """How many long-term drugs the patient takes now."""
        return len(self._regimen)

    def review(self, at: int, encounter: str) -> None:
        """Start the regimen of every illness that has set in and was not treated before."""
        for illness, onset in self._record.person.illnesses.items():
            if onset > at or illness in self._considered:
                continue
            self._considered.add(illness)
            for drug, likely in REGIMEN.get(illness, ()):
                if self._dice.chance(likely) and drug not in self._regimen:
                    self._regimen[drug] = (at, encounter)

    def change_at_discharge(self, at: int, encounter: str) -> None:
        """One in eight loses a long-term drug at discharge; one in five gains one."""
        if self._regimen and self._dice.chance(0.125):
            drug = sorted(self._regimen)[int(self._dice.uniform(0, len(self._regimen)))]
            since, first = self._regimen.pop(drug)
            self._write_cycle(drug, since, first, stop=at, stopped=True)
        if self._dice.chance(0.20):
            drug = ("metoprolol", "furosemide", "amlodipine", "atorvastatin")[int(self._dice.uniform(0, 4))]
            self._regimen.setdefault(drug, (at, encounter))

    def short_course(self, at: int, encounter: str) -> None:
        """A painkiller for some weeks, with an end that is known only when it comes."""
        drug = "ibuprofen" if self._dice.chance(0.6) else "meloxicam"
        self._write(drug, at, at + int(self._dice.uniform(7, 60)) * DAY, encounter)

    def give_in_stay(self, stay: Stay, principal: str) -> None:
        """Orders of the stay; the ward system ends them some minutes after the patient has left."""
        for drug, likely in (*IN_STAY.get(principal, ()), *EVERYBODY_IN_STAY):
            if self._dice.chance(likely):
                written = stay.start + int(self._dice.uniform(30, 300)) * MINUTE
                ended = stay.end + int(self._dice.uniform(5, 60)) * MINUTE
                self._write(drug, min(written, stay.end), ended, stay.id, inpatient=True)

    def close(self, horizon: int) -> None:
        """Write the cycles that still run; death stops them all."""
        for drug, (since, first) in sorted(self._regimen.items()):
            died = self._record.person.died
            self._write_cycle(drug, since, first, stop=died if died < horizon else NEVER, horizon=horizon, stopped=True)
        self._record.orders.sort(key=lambda order: order.written)

    def _write_cycle(
        self, drug: str, since: int, first: str, *, stop: int, horizon: int = NEVER, stopped: bool = False
    ) -> None:
        """One order a year from `since` until `stop`; renewals belong to no encounter."""
        written, encounter = since, first
        while written < min(stop, horizon):
            ended = min(written + RENEWAL, stop)
            self._write(drug, written, ended, encounter, stopped=stopped and ended == stop)
            written, encounter = ended, ""

    def _write(
        self, drug: str, written: int, ended: int, encounter: str, *, inpatient: bool = False, stopped: bool = False
    ) -> None:
        number = len(self._record.orders) + 1
        self._record.orders.append(
            Order(f"{self._record.person.id}-m{number:03d}", drug, written, ended, encounter, inpatient, stopped)
        )
