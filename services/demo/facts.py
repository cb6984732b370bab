"""What happened to one demo patient, as plain facts; `resources` gives them their FHIR shapes.

Times are microseconds since 1970 UTC. A fact knows its whole story (when it came about, when it was told, when it was
changed), so that the record can be rendered as it stood at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365.25 * DAY
NEVER = 2**62
"""Later than every time that is rendered: what has not happened."""


@dataclass(slots=True)
class Person:
    """Who the patient is, and the two latent traits that no resource shows."""

    id: str
    birth: int
    female: bool
    family: str
    given: str
    race: tuple[str, str]
    ethnicity: tuple[str, str]
    language: tuple[str, str]
    site: int
    frailty: float
    smoker: str
    bmi: float
    illnesses: dict[str, int]  # chronic illness → onset
    died: int = NEVER

    def age(self, at: int) -> float:
        """Years since birth."""
        return (at - self.birth) / YEAR

    def has(self, illness: str, at: int) -> bool:
        """Whether the illness has set in."""
        return self.illnesses.get(illness, NEVER) <= at


@dataclass(slots=True)
class Stay:
    """One Encounter. `announced` is when the planned disposition was entered; at `coded` the record is closed."""

    id: str
    kind: str  # AMB, EMER, OBSENC, IMP
    start: int
    end: int
    site: int
    priority: str = ""  # EM, UR, EL
    from_emergency: bool = False
    service: str = ""
    oncology: bool = False
    disposition: str = ""
    planned_disposition: str = ""
    announced: int = NEVER
    coded: int = NEVER
    diagnoses: list[Diagnosis] = field(default_factory=list)


@dataclass(slots=True)
class Diagnosis:
    """One Condition: recorded once per stay, or on the problem list; `refuted` is when it was withdrawn."""

    id: str
    illness: str
    onset: int
    recorded: int
    encounter: str
    problem: bool = False
    abated: int = NEVER
    refuted: int = NEVER


@dataclass(slots=True)
class Result:
    """One Observation: taken, issued, perhaps corrected. `second` is the diastolic pressure; `word` a coded answer."""

    id: str
    test: str
    value: float
    taken: int
    issued: int
    encounter: str
    site: int = 0
    second: float = 0.0
    word: str = ""
    corrected: int = NEVER
    corrected_value: float = 0.0
    withdrawn: bool = False  # the correction says that it was entered in error


@dataclass(slots=True)
class Order:
    """One MedicationRequest: active from `written` until `ended` (which nobody knows before)."""

    id: str
    drug: str
    written: int
    ended: int
    encounter: str
    inpatient: bool = False
    stopped: bool = False


@dataclass(slots=True)
class Intervention:
    """One Procedure."""

    id: str
    procedure: str
    start: int
    end: int
    encounter: str


@dataclass(slots=True)
class Referral:
    """One ServiceRequest: a follow-up visit, asked for at discharge."""

    id: str
    written: int
    done: int
    encounter: str


@dataclass(slots=True)
class Charge:
    """One ChargeItem, entered days after the service."""

    id: str
    text: str
    quantity: float
    amount: float
    given: int
    entered: int
    encounter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """A stretch of a stay in which the patient gets worse; a setback is over some time later, the last decline never is."""

    onset: int
    worsens_until: int
    over: int
    terminal: bool = False


@dataclass(slots=True)
class Course:
    """How a stay truly went: latent, but for the moves between ward and intensive care."""

    reason: str
    severity: float
    admitted: int = 0  # the class becomes inpatient; until then the patient is in the emergency department
    declines: tuple[Decline, ...] = ()
    intensive_from: int = NEVER
    intensive_until: int = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueRisk:
    """What the generative model knew when the patient left: the risks that chance was drawn from."""

    encounter: str
    discharged: int
    readmission: float
    death: float


@dataclass(frozen=True, slots=True)
class Levels:
    """A person's own level of every analyte when well, and their eGFR."""

    of: dict[str, float]
    egfr: float


@dataclass(slots=True)
class PatientRecord:
    """Everything about one patient, facts first. `faults`: the sites' planted faults show in its resources."""

    person: Person
    registered: int
    levels: Levels
    seed: int = 0
    faults: bool = False
    stays: list[Stay] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    interventions: list[Intervention] = field(default_factory=list)
    referrals: list[Referral] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    risks: list[TrueRisk] = field(default_factory=list)
    courses: dict[str, Course] = field(default_factory=dict)
    """By encounter id, of inpatient stays."""

    @property
    def number(self) -> int:
        """Which patient of the hospital this is."""
        return int(self.person.id[1:])

    def stay(self, encounter: str) -> Stay:
        """The stay of that encounter id."""
        return next(stay for stay in self.stays if stay.id == encounter)
