"""guidance.yaml as types: guidance is data, and this is its grammar.

Every key that a guidance may hold is declared here, with its unit; unknown keys are faults. The published
JSON Schema (`knowdo guidance schema`) is generated from these classes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from services.guidance.feature_definition import (
    EVENT_FIELDS,
    Codes,
    EventFields,
    Feature,
    Identifier,
    Kind,
    Name,
    Part,
    Window,
)

__all__ = [
    "EVENT_FIELDS", "About", "Action", "Band", "Card", "Codes", "Condition", "EventFields", "Feature", "Guidance", "Hook",
    "Identifier", "Index", "Kind", "Link", "Model", "Name", "Outcome", "OverrideReason", "Part", "Policy", "Population",
    "StayPlanned", "Suggestion", "Window",
]  # fmt: skip

Condition = Annotated[str, StringConstraints(min_length=1)]
"""A three-valued condition over feature names, e.g. `age >= 18 and not delivery` (see `guidance.conditions`)."""


class Hook(Part):
    """A CDS Hooks hook on which this guidance may speak, and when."""

    hook: Identifier = Field(description="name of the hook in the CDS Hooks library")
    when: Condition | None = Field(default=None, description="speak only if this holds, e.g. `discharge_planned`")


class Index(Part):
    """The moments at which the learner trains: one row per stay."""

    stay: Codes = Field(description="classes of Encounter that are stays")
    at: Literal["admission", "discharge"] = Field(default="discharge", description="counted from here")
    plus_hours: float = Field(default=0.0, ge=0, description="hours after it")
    hours_tolerated: float = Field(default=0.0, ge=0, description="longer than this and the stay must still be open")


class Population(Part):
    """Who the guidance is for. A condition that is unknown does not include, and does not exclude, on its own: it is counted."""

    include: tuple[Condition, ...] = Field(default=(), description="all of these must hold")
    exclude: tuple[Condition, ...] = Field(default=(), description="none of these may hold")


class StayPlanned(Part):
    """When a later stay was planned: its principal diagnosis, or an elective priority without an acute diagnosis."""

    always: Codes = Field(description="principal diagnoses that make a stay planned, whatever its priority")
    elective: Codes = Field(description="priorities or types of an elective stay")
    acute: Codes = Field(description="principal diagnoses that make even an elective stay unplanned")


class Outcome(Part):
    """What is predicted. `readmission`: a new unplanned stay within the horizon. `death-in-stay`: died before the stay ended."""

    kind: Literal["readmission", "death-in-stay"] = Field(description="how it is found in the record")
    name: str = Field(description="as in a sentence: `unplanned readmission within 30 days`")
    happens: str = Field(description="verb phrase: `come back unplanned within 30 days`")
    happens_not: str = Field(default="do not", description="verb phrase of the complement")
    happened: str | None = Field(
        default=None, description="the verb phrase in the past: `came back unplanned within 30 days`"
    )
    happened_not: str = Field(default="did not", description="the complement in the past")
    horizon_days: float | None = Field(default=None, gt=0, description="within how many days after the index")
    died: Codes = Field(description="discharge dispositions that mean death")
    planned: StayPlanned | None = Field(default=None, description="which later stays do not count")
    transfer_hours: float = Field(
        default=24.0, description="a new stay this soon after the last is a transfer, one episode"
    )


class Model(Part):
    """The recipe: which models are tried, and how much clarity is worth."""

    candidates: tuple[Literal["logistic", "scorecard_additive", "scorecard", "forest"], ...] = Field(
        default=("logistic", "scorecard_additive", "scorecard", "forest"),
        description="kinds of model that are fitted and compared; `scorecard` has pairs, `scorecard_additive` has none",
    )
    glass_box_price: float = Field(
        default=0.01, ge=0, description="AUROC that a forest must gain before it is chosen over a scorecard"
    )
    auroc_alarm: float = Field(default=0.95, description="above this a leak is presumed and nothing is proposed")


class Band(Part):
    """A range of risk and what happens in it."""

    name: Name = Field(description="what reports call it")
    when: Condition = Field(
        description="over `risk`, `base_rate` and rule features, e.g. `risk >= 2 * base_rate or hospital >= 7`"
    )
    card: Name | None = Field(default=None, description="card shown, none = nothing is said")


class Policy(Part):
    """What the committee starts with; a site's overlay may replace any of it without a new release."""

    risk_tier: Literal["low", "moderate", "high"] = Field(
        default="moderate", description="how long it may speak unheard by the registry: 24 hours, 4 hours, 15 minutes"
    )
    bands: tuple[Band, ...] = Field(min_length=1, description="the first that holds is taken")
    when_unknown: Literal["answer", "abstain"] = Field(
        default="answer", description="when an optional input is not known: answer and say so, or say nothing"
    )
    max_unknown_share: float = Field(
        default=0.5, ge=0, le=1, description="more model inputs unknown than this: abstain"
    )
    cooldown_hours: float = Field(
        default=24.0, ge=0, description="hours in which the same card is not shown again for the same patient"
    )
    alert_budget: float = Field(
        default=0.2, gt=0, le=1, description="share of calls that may carry a card; proposes thresholds, drops nobody"
    )
    reasons: int = Field(default=3, ge=0, le=5, description="how many reasons a card names at most")


class Action(Part):
    """A resource that a suggestion creates; bound to the patient, encounter and practitioner of the call."""

    description: str = Field(description="what the clinician agrees to")
    resource: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*\.json$", description="file in `resources/`")


class Suggestion(Part):
    """A button on the card."""

    label: str = Field(max_length=80, description="the words on the button: verb and object")
    actions: tuple[Action, ...] = Field(min_length=1, description="what one press creates")
    when: Condition | None = Field(default=None, description="offer it only if this holds")


class Link(Part):
    """An absolute link."""

    label: str = Field(description="the words of the link")
    url: str = Field(pattern=r"^https?://", description="where it leads")


class OverrideReason(Part):
    """Why a clinician may decline."""

    code: str = Field(description="code in the CDS Hooks override reasons")
    system: str = Field(description="their code system")
    display: str = Field(description="the words of that code, unchanged")


class Card(Part):
    """One card. Templates are Jinja2 (sandboxed); patient-derived text is escaped."""

    indicator: Literal["info", "warning", "critical"] = Field(default="info", description="how loud it is")
    summary: str = Field(description="at most 139 characters once filled in")
    detail: str = Field(description="GitHub-flavoured Markdown")
    suggestions: tuple[Suggestion, ...] = Field(default=(), description="buttons that create drafts")
    selection: Literal["any", "at-most-one"] = Field(default="any", description="how many buttons may be pressed")
    links: tuple[Link, ...] = Field(default=(), description="where to read more")


class About(Part):
    """What the committee and the reader of the evidence page are told; the human half of the HTI-1 source attributes."""

    question: str = Field(description="the question it answers, in words a ward sister uses")
    intended_use: str = Field(description="when, for whom and to what end")
    intended_users: tuple[str, ...] = Field(description="who reads the card")
    not_for: tuple[str, ...] = Field(description="what it must not be used for")
    harm_of_false_positive: str = Field(description="what happens to one flagged for nothing")
    harm_of_false_negative: str = Field(description="what happens to one missed")
    equity: str = Field(description="for whom it may be worse, and how that is watched")
    developer: str = Field(description="who made it, and how to reach them")
    funding: str = Field(description="who paid for it")
    citations: tuple[str, ...] = Field(default=(), description="the evidence it rests on")


class Guidance(Part):
    """One piece of decision support as data: the whole of guidance.yaml."""

    id: Identifier = Field(description="its name in addresses, the ledger and MLflow; never changed")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description="semantic version of the text")
    title: str = Field(description="its name for people")
    description: str = Field(description="one paragraph for discovery (CDS Hooks) and lists")
    about: About = Field(description="what the committee is told")
    hooks: tuple[Hook, ...] = Field(min_length=1, description="when it may speak")
    index: Index = Field(description="the moments at which the learner trains")
    population: Population = Field(description="who it is for")
    features: dict[Name, Feature] = Field(min_length=1, description="what it reads, by name")
    outcome: Outcome = Field(description="what it predicts")
    model: Model = Field(default=Model(), description="how it is learned")
    policy: Policy = Field(description="what happens at which risk")
    cards: dict[Name, Card] = Field(default_factory=dict, description="what it says, by name")
    override_reasons: tuple[OverrideReason, ...] = Field(default=(), description="why a clinician may decline")
    pronouns: bool = Field(default=False, description="speak of him and her by Patient.gender; else of `this patient`")
