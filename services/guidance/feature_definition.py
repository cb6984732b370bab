"""The part of the grammar that says what is read: codes, windows, features. `definition` holds the rest of it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class Part(BaseModel):
    """Base of every part of a guidance: frozen, and an unknown key is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Codes(Part):
    """What an event must be coded as: any of the value sets or of the `system|code` tokens named."""

    value_set: Identifier | None = Field(default=None, description="a set in value_sets.json")
    value_sets: tuple[Identifier, ...] = Field(default=(), description="several of them: a code of any counts")
    tokens: tuple[str, ...] = Field(
        default=(), description="codes as `system|code`, or `|text` where only text is sent"
    )


class Window(Part):
    """When an event must have happened, counted back from the index (or from the start of this stay).

    `this_stay`: from the start of the stay to the index; with `days` or `hours`, the last of them. `days`, `hours`: that
    long before the anchor, the anchor's own moment included. None of these: ever. `until_days`, `until_hours`: the near
    end, so long before the anchor. `or_this_stay`: the window and this stay together. `this_order`: the very index.
    """

    days: float | None = Field(default=None, gt=0, description="days counted back from the anchor")
    hours: float | None = Field(default=None, gt=0, description="hours counted back from the anchor")
    until_days: float | None = Field(
        default=None, gt=0, description="near end: `days: 365, until_days: 8` is from 365 to 8 days before the anchor"
    )
    until_hours: float | None = Field(
        default=None, gt=0, description="near end in hours, e.g. `hours: 48, until_hours: 24`"
    )
    before: Literal["index", "admission"] = Field(default="index", description="the anchor that is counted back from")
    this_stay: bool = Field(default=False, description="only from the start of the stay to the index")
    or_this_stay: bool = Field(default=False, description="the window, and this stay as well")
    this_order: bool = Field(
        default=False,
        description="only what is ordered at the very index: of a hook call the draft orders that it is about, in history "
        "the orders written at that moment",
    )
    exclude_leading_hours: float | None = Field(
        default=None,
        gt=0,
        description="leave out encounters that led to this stay: those that start, or end, within this many hours before "
        "its start, or end after it (an emergency visit that ended in the admission)",
    )


Kind = Literal[
    "last", "first", "min", "max", "mean", "median", "sum", "rise", "slope", "count", "exists", "current", "days_since",
    "age", "duration", "formula", "score", "absent",
]  # fmt: skip
"""What events become. `rise`: the last reading minus the lowest. `formula`: arithmetic; `score`: what was published.
`absent`: 1 where another feature was asked for and has no value."""

COMPUTED: Final = frozenset({"formula", "score", "absent"})
"""Kinds that read other features instead of the record."""

EVENT_FIELDS = (
    "Patient.birthDate", "Patient.gender", "Patient.deceased", "Patient.race", "Patient.ethnicity", "Patient.language",
    "Encounter.class", "Encounter.type", "Encounter.serviceType", "Encounter.priority", "Encounter.admitSource",
    "Encounter.dischargeDisposition", "Encounter.diagnosis", "Encounter.serviceProvider", "Encounter.classHistory",
    "Encounter.reasonCode", "Encounter.location", "Encounter.participant",
    "Condition.code", "Observation.code", "Observation.component", "QuestionnaireResponse.item", "Procedure.code",
    "MedicationRequest.medication", "MedicationAdministration.medication", "MedicationStatement.medication",
    "AllergyIntolerance.code", "Immunization.vaccineCode", "DiagnosticReport.code", "DiagnosticReport.conclusionCode",
    "ServiceRequest.code", "Appointment.serviceType", "Task.code", "Consent.provision", "FamilyMemberHistory.condition",
    "Claim.item", "Claim.total", "ExplanationOfBenefit.item", "ExplanationOfBenefit.total", "ChargeItem.code",
    "Coverage.type",
)  # fmt: skip
"""What an event may state that a feature can read."""

_ONE_FIELD = "(" + "|".join(name.replace(".", "[.]") for name in EVENT_FIELDS) + ")"
EventFields = Annotated[str, StringConstraints(pattern=rf"^{_ONE_FIELD}([|]{_ONE_FIELD})*$")]
"""One event field, or several joined by `|`: an event of any of them counts."""


class Feature(Part):
    """One input: where in FHIR it stands, how it is coded, in which unit and window, and how events become one number."""

    kind: Kind = Field(description="how the events in the window become one number")
    source: EventFields | None = Field(
        default=None,
        alias="from",
        description="the event field, e.g. `Observation.code`; several are joined by `|`, and an event of any counts",
    )
    codes: Codes | None = Field(default=None, description="how an event must be coded; without it, any code")
    answers: Codes | None = Field(
        default=None, description="the coded value must be one of these (exists, count, last)"
    )
    unit: str | None = Field(
        default=None,
        description="UCUM unit of the feature; events are converted to it. Of money the currency, e.g. `USD`, never converted",
    )
    range: tuple[float, float] | None = Field(
        default=None,
        description="plausible range; outside is missing and reported. Of `Encounter.diagnosis` the number is the rank: "
        "`[1, 1]` is the principal diagnosis",
    )
    window: Window = Field(default=Window(), description="when an event must have happened; without it, ever")
    this_encounter: bool = Field(default=False, description="only events of the very encounter of the index")
    not_during: Codes | None = Field(
        default=None,
        description="classes of Encounter: an event of such an encounter, as known at the index, does not count",
    )
    not_by: Codes | None = Field(
        default=None,
        description="routes: an order that goes by one of them does not count; one that names no route does",
    )
    latest_days: int | None = Field(
        default=None,
        ge=1,
        description="only the readings of the latest calendar days (UTC) that have any, so many (mean, median, min, max)",
    )
    distinct: Literal["code", "ingredient", "icd10-3", "resource"] | None = Field(
        default=None, description="what `count` counts; `current` counts, too, when it is given"
    )
    levels: dict[str, float] = Field(
        default_factory=dict, description="coded value (`system|code`) to number, for `last`"
    )
    words: dict[str, str] = Field(
        default_factory=dict, description="what a reader sees for a level, e.g. `…|snf`: skilled nursing facility"
    )
    formula: str | None = Field(
        default=None, description="name in `guidance.scores.catalogue`, of `formula` and `score`"
    )
    inputs: dict[str, Name] = Field(default_factory=dict, description="formula argument to feature name")
    of: Name | None = Field(
        default=None,
        description="the feature that `absent` asks about: 1 if nothing usable was found, 0 if it has a value",
    )
    use: Literal["model", "rule", "helper", "audit"] = Field(
        default="model",
        description="model: an input of the model; rule: conditions and card; helper: only inside other features; audit: fairness only",
    )
    direction: Literal[-1, 0, 1] = Field(
        default=0, description="monotone constraint: risk rises (+1) or falls (-1) with it"
    )
    required: bool = Field(default=False, description="unknown means 412, not an answer")
    assume_known: bool = Field(
        default=True, description="an event without a known time counts as known when it happened"
    )
    label: str = Field(min_length=1, description="what a clinician reads, e.g. `haemoglobin`")
    phrase: str | None = Field(
        default=None,
        description="reason on the card, `{value}` filled in, e.g. `haemoglobin {value} g/dL`; "
        "`{one|many}` takes the first for 1, e.g. `{value} {admission|admissions} in the year before`",
    )
    phrase_zero: str | None = Field(
        default=None, description="reason on the card when the value is 0, e.g. `no admission in the year before`"
    )
    decimals: int = Field(default=0, ge=0, le=3, description="digits after the point that a reader sees")

    @property
    def says_yes_or_no(self) -> bool:
        """Whether its value only says that something is there (1) or not (0)."""
        return self.kind in ("exists", "absent") or (self.kind == "current" and self.distinct is None)

    @property
    def is_computed(self) -> bool:
        """Whether it is computed from other features instead of read from the record."""
        return self.kind in COMPUTED

    @property
    def computed_from(self) -> tuple[str, ...]:
        """The features that it is computed from, each as often as it is named."""
        return (*self.inputs.values(), *((self.of,) if self.of is not None else ()))
