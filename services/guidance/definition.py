"""guidance.yaml as types: guidance is data, and this is its grammar.

Every key that a guidance may hold is declared here, with its unit; unknown keys are faults. The published
JSON Schema (`knowdo guidance schema`) is generated from these classes.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from services.guidance.alert_definition import LONGEST_QUIET_HOURS, CircuitBreaker, QuietHours, Snooze, Told
from services.guidance.change_plan import ChangePlan
from services.guidance.evidence_limits import EvidenceLimits
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
from services.guidance.learning_definition import Learning
from services.guidance.prediction_definition import (
    Condition,
    Index,
    KidneyInjury,
    Model,
    Outcome,
    OutcomeEvent,
    Prediction,
    StayPlanned,
)

__all__ = [
    "EVENT_FIELDS", "PRIMARY", "About", "Action", "Band", "Card", "ChangePlan", "CircuitBreaker", "Codes", "Condition", "EventFields", "EvidenceLimits",
    "Feature", "Guidance", "Hook", "Identifier", "Index", "KidneyInjury", "Kind", "Link", "Loudness", "Model", "Name",
    "Outcome", "OutcomeEvent", "OverrideReason", "Part", "Policy", "Population", "Prediction", "Snooze", "StayPlanned",
    "Suggestion", "Suppression", "Window", "average_of",
]  # fmt: skip

PRIMARY: Final = "risk"
"""The name of the first prediction, in conditions and templates; its average is `base_rate`."""


Loudness = Literal["info", "warning", "critical"]


class Hook(Part):
    """A CDS Hooks hook on which this guidance may speak, and when."""

    hook: Identifier = Field(description="name of the hook in the CDS Hooks library")
    when: Condition | None = Field(default=None, description="speak only if this holds, e.g. `discharge_planned`")


class Population(Part):
    """Who the guidance is for. A condition that is unknown does not include, and does not exclude, on its own: it is counted."""

    include: tuple[Condition, ...] = Field(default=(), description="all of these must hold")
    exclude: tuple[Condition, ...] = Field(default=(), description="none of these may hold")


class Band(Part):
    """A range of risk and what happens in it."""

    name: Name = Field(description="what reports call it")
    when: Condition = Field(
        description="over `risk`, `base_rate`, other predictions and features, e.g. `risk >= 2 * base_rate or hospital >= 7`"
    )
    card: Name | None = Field(default=None, description="card shown, none = nothing is said")


class Suppression(Part):
    """When a card is computed and kept, and yet not shown."""

    when: Condition = Field(description="over features and predictions; only what surely holds silences")
    reason: str = Field(min_length=1, description="what the decision log says of it")


class Policy(Part):
    """What the committee starts with; a site's overlay may replace any of it without a new release."""

    risk_tier: Literal["low", "moderate", "high"] = Field(
        default="moderate", description="how long it may speak unheard by the registry: 24 hours, 4 hours, 15 minutes"
    )
    bands: tuple[Band, ...] = Field(min_length=1, description="the worst first; the first that holds is taken")
    when_unknown: Literal["answer", "abstain"] = Field(
        default="answer", description="when an optional input is not known: answer and say so, or say nothing"
    )
    max_unknown_share: float = Field(
        default=0.5, ge=0, le=1, description="more model inputs unknown than this: no risk"
    )
    without_risk: Literal["abstain", "speak"] = Field(
        default="abstain", description="when the first risk is not known: say nothing, or let the rules speak alone"
    )
    suppressions: tuple[Suppression, ...] = Field(default=(), description="the first that holds silences the card")
    cooldown_hours: float = Field(
        default=24.0,
        ge=0,
        le=LONGEST_QUIET_HOURS,
        description="hours in which what was said of a patient is not said again, unless the band is higher",
    )
    cooldown_per: Told = Field(
        default="patient", description="who must have been told: anyone with that patient, or the same clinician"
    )
    once_per_encounter: bool = Field(
        default=False, description="say a band once in one encounter, on whichever hook, unless a higher one follows"
    )
    snooze: dict[str, QuietHours | Snooze] = Field(
        default_factory=dict,
        description="by code of the override reason: hours (for who declined), or `{hours: …, per: patient}`",
    )
    circuit_breaker: CircuitBreaker | None = Field(
        default=None, description="hard cap: over it the guidance answers 503, loudly, until the hour is over"
    )
    alert_budget: float = Field(
        default=0.2, gt=0, le=1, description="share of calls that may carry a card; proposes thresholds, drops nobody"
    )
    reasons: int = Field(default=3, ge=0, le=5, description="how many reasons a card names at most")

    @property
    def snoozes(self) -> dict[str, Snooze]:
        """Every snooze in full, by code."""
        return {
            code: one if isinstance(one, Snooze) else Snooze(hours=one) for code, one in sorted(self.snooze.items())
        }


class Action(Part):
    """One step of a suggestion: a resource that it creates, bound to the call, or draft orders of the call that it deletes."""

    type: Literal["create", "delete"] = Field(default="create", description="create a resource, or delete draft orders")
    description: str = Field(description="what the clinician agrees to")
    resource: str | None = Field(
        default=None, pattern=r"^[a-z0-9][a-z0-9._-]*\.json$", description="of `create`: file in `resources/`"
    )
    draft: Name | None = Field(
        default=None,
        description="of `delete`: the feature (`window: {this_order: true}`) whose draft orders are deleted, each of them; "
        "if the call holds none, the suggestion is not offered",
    )


class Suggestion(Part):
    """A button on the card: one press does all of its actions. Whether they may be parted, `together` says."""

    label: str = Field(max_length=80, description="the words on the button: verb and object")
    actions: tuple[Action, ...] = Field(min_length=1, description="what one press does")
    when: Condition | None = Field(default=None, description="offer it only if this holds")
    together: bool = Field(
        default=False,
        description="its actions belong together: where a client takes one at a time, no button is offered, and the card "
        "says them in words",
    )
    recommended: bool = Field(default=False, description="the one to press, of several")


class Link(Part):
    """A link: to a page, or to a SMART app that the client launches for this patient and user."""

    label: str = Field(description="the words of the link")
    url: str = Field(pattern=r"^https?://", description="where it leads; for an app, its launch address")
    type: Literal["absolute", "smart"] = Field(default="absolute", description="a page, or a SMART app")
    app_context: str | None = Field(
        default=None, description="what the app is told at its launch: a template such as a card's summary; SMART only"
    )
    autolaunchable: bool = Field(
        default=False,
        description="the client may open the app unasked, because it says all that the card says; SMART only",
    )


class OverrideReason(Part):
    """Why a clinician may decline."""

    code: str = Field(description="code in the CDS Hooks override reasons")
    system: str = Field(description="their code system")
    display: str = Field(description="the words of that code, unchanged")


class Card(Part):
    """One card. Templates are Jinja2 (sandboxed); patient-derived text is escaped."""

    indicator: Loudness = Field(default="info", description="how loud it is")
    indicator_on: dict[Identifier, Loudness] = Field(
        default_factory=dict, description="hook → how loud it is there, e.g. `order-sign: warning`"
    )
    summary: str = Field(description="at most 139 characters once filled in")
    detail: str = Field(description="GitHub-flavoured Markdown")
    suggestions: tuple[Suggestion, ...] = Field(default=(), description="buttons that create drafts")
    selection: Literal["any", "at-most-one"] = Field(default="any", description="how many buttons may be pressed")
    links: tuple[Link, ...] = Field(default=(), description="where to read more")
    system_actions: tuple[Action, ...] = Field(
        default=(), description="what clients that agreed to it (their profile says so) do without asking anyone"
    )


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
    model: Model = Field(default=Model(), description="how the risk is found")
    predictions: dict[Name, Prediction] = Field(
        default_factory=dict, description="further risks by name, each learned and judged on its own"
    )
    learning: Learning = Field(default=Learning(), description="when it is learned anew")
    policy: Policy = Field(description="what happens at which risk")
    evidence: EvidenceLimits = Field(
        default=EvidenceLimits(), description="what the evidence is held against, fixed before the data"
    )
    change_plan: ChangePlan | None = Field(
        default=None, description="how it may change without being registered anew; needed before general use"
    )
    cards: dict[Name, Card] = Field(default_factory=dict, description="what it says, by name")
    override_reasons: tuple[OverrideReason, ...] = Field(default=(), description="why a clinician may decline")
    pronouns: bool = Field(default=False, description="speak of him and her by Patient.gender; else of `this patient`")

    @property
    def all_predictions(self) -> dict[str, Prediction]:
        """Every prediction by the name that conditions and templates know it by, the first (`risk`) first."""
        first = Prediction(label=self.outcome.name, outcome=self.outcome, model=self.model)
        return {PRIMARY: first, **self.predictions}

    @property
    def predicted_names(self) -> frozenset[str]:
        """What is known once the models have spoken: each risk and its average."""
        names = self.all_predictions
        return frozenset({*names, *map(average_of, names)})


def average_of(prediction: str) -> str:
    """What a prediction's average is called: `base_rate` of the first, `<name>_average` of the others."""
    return "base_rate" if prediction == PRIMARY else f"{prediction}_average"
