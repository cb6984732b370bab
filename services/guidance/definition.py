"""guidance.yaml as types: guidance is data, and this is its grammar.

Every key that a guidance may hold is declared here, with its unit; unknown keys are faults. The published
JSON Schema (`knowdo guidance schema`) is generated from these classes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Condition = Annotated[str, StringConstraints(min_length=1)]
"""A three-valued condition over feature names, e.g. `age >= 18 and not delivery` (see `guidance.conditions`)."""


class Part(BaseModel):
    """Base of every part of a guidance: frozen, and an unknown key is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Codes(Part):
    """What an event must be coded as: any of the value sets or of the `system|code` tokens named."""

    value_set: Identifier | None = None
    value_sets: tuple[Identifier, ...] = ()
    tokens: tuple[str, ...] = ()


class Window(Part):
    """When an event must have happened, counted back from the index (or from the start of this stay).

    `this_stay`: from the start of the stay to the index. `days`: the number of days before the anchor.
    Neither: ever. `or_this_stay`: the window and this stay together.
    """

    days: float | None = Field(default=None, gt=0, description="days counted back from the anchor")
    hours: float | None = Field(default=None, gt=0, description="hours counted back from the anchor")
    before: Literal["index", "admission"] = "index"
    this_stay: bool = False
    or_this_stay: bool = False


Kind = Literal[
    "last", "first", "min", "max", "mean", "sum", "count", "exists", "days_since", "slope",
    "current", "age", "duration", "formula",
]  # fmt: skip


class Feature(Part):
    """One input: where in FHIR it stands, how it is coded, in which unit and window, and how events become one number."""

    kind: Kind
    source: str | None = Field(default=None, alias="from", description="the event field, e.g. `Observation.code`")
    codes: Codes | None = None
    answers: Codes | None = Field(
        default=None, description="the coded value must be one of these (exists, count, last)"
    )
    unit: str | None = Field(default=None, description="UCUM unit of the feature; events are converted to it")
    range: tuple[float, float] | None = Field(
        default=None, description="plausible range; outside is missing and reported"
    )
    window: Window = Window()
    this_encounter: bool = Field(default=False, description="only events of the very encounter of the index")
    distinct: Literal["code", "icd10-3", "resource"] | None = Field(default=None, description="what `count` counts")
    levels: dict[str, float] = Field(
        default_factory=dict, description="coded value (`system|code`) to number, for `last`"
    )
    formula: str | None = Field(default=None, description="name in `guidance.formulas`")
    inputs: dict[str, Name] = Field(default_factory=dict, description="formula argument to feature name")
    use: Literal["model", "rule", "helper", "audit"] = Field(
        default="model",
        description="model: an input of the model; rule: conditions and card; helper: only inside formulas; audit: fairness only",
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
        default=None, description="reason on the card, `{value}` filled in, e.g. `haemoglobin {value} g/dL`"
    )
    decimals: int = Field(default=0, ge=0, le=3)


class Hook(Part):
    """A CDS Hooks hook on which this guidance may speak, and when."""

    hook: Identifier
    when: Condition | None = Field(default=None, description="speak only if this holds, e.g. `discharge_planned`")


class Index(Part):
    """The moments at which the learner trains: one row per stay."""

    stay: Codes = Field(description="classes of Encounter that are stays")
    at: Literal["admission", "discharge"] = "discharge"
    plus_hours: float = Field(default=0.0, ge=0, description="hours after it")
    hours_tolerated: float = Field(default=0.0, ge=0, description="longer than this and the stay must still be open")


class Population(Part):
    """Who the guidance is for. A condition that is unknown does not include, and does not exclude, on its own: it is counted."""

    include: tuple[Condition, ...] = ()
    exclude: tuple[Condition, ...] = ()


class StayPlanned(Part):
    """When a later stay was planned: its principal diagnosis, or an elective priority without an acute diagnosis."""

    always: Codes
    elective: Codes
    acute: Codes


class Outcome(Part):
    """What is predicted. `readmission`: a new unplanned stay within the horizon. `death-in-stay`: died before the stay ended."""

    kind: Literal["readmission", "death-in-stay"]
    name: str = Field(description="as in a sentence: `unplanned readmission within 30 days`")
    happens: str = Field(description="verb phrase: `come back unplanned within 30 days`")
    happens_not: str = Field(default="do not", description="verb phrase of the complement")
    horizon_days: float | None = Field(default=None, gt=0)
    died: Codes = Field(description="discharge dispositions that mean death")
    planned: StayPlanned | None = None
    transfer_hours: float = Field(
        default=24.0, description="a new stay this soon after the last is a transfer, one episode"
    )


class Model(Part):
    """The recipe: which models are tried, and how much clarity is worth."""

    candidates: tuple[Literal["logistic", "scorecard_additive", "scorecard", "forest"], ...] = (
        "logistic",
        "scorecard_additive",
        "scorecard",
        "forest",
    )
    glass_box_price: float = Field(
        default=0.01, ge=0, description="AUROC that a forest must gain before it is chosen over a scorecard"
    )
    auroc_alarm: float = Field(default=0.95, description="above this a leak is presumed and nothing is proposed")


class Band(Part):
    """A range of risk and what happens in it."""

    name: Name
    when: Condition = Field(
        description="over `risk`, `base_rate` and rule features, e.g. `risk >= 2 * base_rate or hospital >= 7`"
    )
    card: Name | None = Field(default=None, description="card shown, none = nothing is said")


class Policy(Part):
    """What the committee starts with; a site's overlay may replace any of it without a new release."""

    risk_tier: Literal["low", "moderate", "high"] = "moderate"
    bands: tuple[Band, ...] = Field(min_length=1, description="the first that holds is taken")
    when_unknown: Literal["answer", "abstain"] = "answer"
    max_unknown_share: float = Field(
        default=0.5, ge=0, le=1, description="more model inputs unknown than this: abstain"
    )
    cooldown_hours: float = Field(default=24.0, ge=0)
    alert_budget: float = Field(
        default=0.2, gt=0, le=1, description="share of calls that may carry a card; proposes thresholds, drops nobody"
    )
    reasons: int = Field(default=3, ge=0, le=5)


class Action(Part):
    """A resource that a suggestion creates; bound to the patient, encounter and practitioner of the call."""

    description: str
    resource: str = Field(description="file in `resources/`")


class Suggestion(Part):
    """A button on the card."""

    label: str = Field(max_length=80)
    actions: tuple[Action, ...] = Field(min_length=1)
    when: Condition | None = None


class Link(Part):
    """An absolute link."""

    label: str
    url: str = Field(pattern=r"^https?://")


class OverrideReason(Part):
    """Why a clinician may decline."""

    code: str
    system: str
    display: str


class Card(Part):
    """One card. Templates are Jinja2 (sandboxed); patient-derived text is escaped."""

    indicator: Literal["info", "warning", "critical"] = "info"
    summary: str = Field(description="at most 139 characters once filled in")
    detail: str
    suggestions: tuple[Suggestion, ...] = ()
    selection: Literal["any", "at-most-one"] = "any"
    links: tuple[Link, ...] = ()


class About(Part):
    """What the committee and the reader of the evidence page are told; the human half of the HTI-1 source attributes."""

    question: str
    intended_use: str
    intended_users: tuple[str, ...]
    not_for: tuple[str, ...]
    harm_of_false_positive: str
    harm_of_false_negative: str
    equity: str
    developer: str
    funding: str
    citations: tuple[str, ...] = ()


class Guidance(Part):
    """One piece of decision support as data: the whole of guidance.yaml."""

    id: Identifier
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description="semantic version of the text")
    title: str
    description: str
    about: About
    hooks: tuple[Hook, ...] = Field(min_length=1)
    index: Index
    population: Population
    features: dict[Name, Feature] = Field(min_length=1)
    outcome: Outcome
    model: Model = Model()
    policy: Policy
    cards: dict[Name, Card] = Field(default_factory=dict)
    override_reasons: tuple[OverrideReason, ...] = ()
    pronouns: bool = False
