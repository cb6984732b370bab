"""The part of the grammar that says what is predicted: from which moments, what may happen, and how its risk is found."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from services.guidance.feature_definition import Codes, EventFields, Name, Part

Condition = Annotated[str, StringConstraints(min_length=1)]
"""A three-valued condition over feature names, e.g. `age >= 18 and not delivery` (see `guidance.conditions`)."""


class Index(Part):
    """The moments at which the learner trains: one row per stay (a visit is a short one), every so many hours, or per order."""

    stay: Codes = Field(description="classes of Encounter that are stays, or visits")
    at: Literal["admission", "discharge", "order"] = Field(
        default="discharge", description="counted from here; `order`: whenever one was written during the stay"
    )
    of: Name | None = Field(
        default=None, description="of `order`: the feature (`window: {this_order: true}`) that says which orders"
    )
    plus_hours: float = Field(default=0.0, ge=0, description="hours after it")
    every_hours: float | None = Field(
        default=None,
        ge=1,
        description="landmarks: after the first moment a row every so many hours, until the stay ends",
    )
    hours_tolerated: float = Field(default=0.0, ge=0, description="longer than this and the stay must still be open")


class StayPlanned(Part):
    """When a later stay was planned: its principal diagnosis, or an elective priority without an acute diagnosis."""

    always: Codes = Field(description="principal diagnoses that make a stay planned, whatever its priority")
    elective: Codes = Field(description="priorities or types of an elective stay")
    acute: Codes = Field(description="principal diagnoses that make even an elective stay unplanned")


class OutcomeEvent(Part):
    """One way in which the outcome shows in the record."""

    source: EventFields = Field(alias="from", description="the event field, or several joined by `|`")
    codes: Codes = Field(description="how the event must be coded")
    answers: Codes | None = Field(default=None, description="the coded value must be one of these")
    unit: str | None = Field(
        default=None, description="UCUM unit of `at_least` and `at_most`; readings are converted to it"
    )
    at_least: float | None = Field(default=None, description="a reading of so much or more, e.g. `6.5` (% of HbA1c)")
    at_most: float | None = Field(default=None, description="a reading above it is implausible and does not count")
    times: int = Field(
        default=1,
        ge=1,
        le=10,
        description="so many distinct days after the index must have one; the last of them is it",
    )


class KidneyInjury(Part):
    """Acute kidney injury as KDIGO stages it by creatinine; urine output is not used."""

    creatinine: Codes = Field(description="creatinine in serum, by mass or by substance: it is converted to mg/dL")
    replacement: Codes | None = Field(
        default=None, description="procedures of renal replacement therapy: one after the index is stage 3"
    )
    stage: Literal[1, 2, 3] = Field(default=1, description="this stage or a higher one is the outcome")


class Outcome(Part):
    """What is predicted.

    `readmission`: a new unplanned stay within the horizon. `death-in-stay`: died before the stay ended. `event`: the
    first of the named events after the index, within the horizon or the stay. `kidney-injury`: a KDIGO stage by
    creatinine within the horizon, against the baseline before the index.
    """

    kind: Literal["readmission", "death-in-stay", "event", "kidney-injury"] = Field(
        description="how it is found in the record"
    )
    name: str = Field(description="as in a sentence: `unplanned readmission within 30 days`")
    happens: str = Field(description="verb phrase: `come back unplanned within 30 days`")
    happens_not: str = Field(default="do not", description="verb phrase of the complement")
    happened: str | None = Field(
        default=None, description="the verb phrase in the past: `came back unplanned within 30 days`"
    )
    happened_not: str = Field(default="did not", description="the complement in the past")
    horizon_days: float | None = Field(default=None, gt=0, description="within how many days after the index")
    horizon_hours: float | None = Field(default=None, gt=0, description="or within how many hours (`event`)")
    died: Codes = Field(default=Codes(), description="discharge dispositions that mean death")
    transferred: Codes = Field(
        default=Codes(),
        description="discharge dispositions that mean that the care goes on in another hospital: what happened there nobody "
        "here sees (`readmission`, `death-in-stay`, `within_stay`)",
    )
    seen_after_days: float | None = Field(
        default=None,
        ge=0,
        description="whoever is not seen again, by a contact of any kind later than so many days after the index, is lost to "
        "follow-up and no negative; not given: absence from the record is taken for health",
    )
    planned: StayPlanned | None = Field(default=None, description="which later stays do not count")
    transfer_hours: float = Field(
        default=24.0, description="a new stay this soon after the last is a transfer, one episode"
    )
    events: tuple[OutcomeEvent, ...] = Field(default=(), description="what counts as the outcome (`event`)")
    injury: KidneyInjury | None = Field(default=None, description="how the injury is measured (`kidney-injury`)")
    death: Literal["counts", "competes"] = Field(
        default="competes", description="whether a death is the outcome, or ends the wait for it (`event`)"
    )
    competing: tuple[OutcomeEvent, ...] = Field(
        default=(), description="what makes the outcome impossible and ends the wait for it, as a death does (`event`)"
    )
    within_stay: bool = Field(
        default=False, description="only until the stay ends: leaving alive without it settles that it did not happen"
    )
    looked_for: tuple[OutcomeEvent, ...] = Field(
        default=(),
        description="a test without which it cannot be found: the evidence tells, for each group, how many had one within "
        "the horizon (`event`)",
    )
    may_overlap: tuple[Name, ...] = Field(
        default=(), description="features that read the outcome's own codes on purpose"
    )

    @property
    def horizon_in_hours(self) -> float | None:
        """The horizon, however it is written; None = until the stay ends."""
        return self.horizon_days * 24 if self.horizon_days is not None else self.horizon_hours


class LaterTime(Part):
    """The test in later time: fitted on what was settled before a day, tested on what came after it."""

    share: float = Field(default=0.3, gt=0, lt=1, description="share of the rows, the latest ones, that are tested")
    impossible: str | None = Field(
        default=None,
        min_length=20,
        description="why there is no later time to test in, e.g. dates that are made up; the evidence shows it, and a "
        "reviewer must accept it by name",
    )


class ValidationSchemes(Part):
    """How it is tested where it was not fitted, beside the folds: patients drawn at random are no proof for next year."""

    temporal: LaterTime = Field(default=LaterTime(), description="in later time")
    censored: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="a larger share of rows lost to follow-up or sent on, and the evidence gives the figures once more, "
        "weighted for them",
    )


class Beside(Part):
    """Another's prediction of the same outcome, shown beside what is learned, on the same rows; never an input."""

    feature: Name = Field(description="a feature of `use: audit` that holds the probability, 0 to 1")
    label: str = Field(min_length=1, description="whose prediction it is")
    tells: Literal["happens", "happens-not"] = Field(
        default="happens", description="what it is the probability of: the outcome, or (a survival) its absence"
    )
    caveat: str = Field(default="", description="what a reader must know, e.g. that it was developed on these patients")


class Tuning(Part):
    """How much may be searched, declared before the data. Everything that is fitted, in every test too, is searched so."""

    settings: int = Field(
        default=1,
        ge=1,
        le=100,
        description="settings of each kind that are tried, in the order in which the kind declares them; 1 = its first, and "
        "nothing is searched",
    )
    seconds: float | None = Field(
        default=None,
        gt=0,
        description="a search begins no further setting after so long; a search that the clock ended may end otherwise on "
        "another machine, and the evidence says so",
    )


class Model(Part):
    """How the risk is found: a published score as it is, or a recipe by which it is learned."""

    published: Name | None = Field(
        default=None, description="a feature of kind `score` whose value, 0 to 1, is the risk: nothing is learned"
    )
    recalibrate: bool = Field(
        default=False,
        description="of `published`: its level and slope are fitted to the outcomes here, two numbers; its order stays",
    )
    needs: Condition | None = Field(default=None, description="computed only if this holds; else its risk is unknown")
    candidates: tuple[Literal["logistic", "scorecard_additive", "scorecard", "ebm", "forest"], ...] = Field(
        default=("logistic", "scorecard_additive", "scorecard", "forest"),
        description="kinds of model that are fitted and compared; `scorecard` has pairs, `scorecard_additive` has none; `ebm` needs the extra of that name",
    )
    glass_box_price: float = Field(
        default=0.01, ge=0, description="AUROC that a forest must gain before it is chosen over a scorecard"
    )
    auroc_alarm: float = Field(default=0.95, description="above this a leak is presumed and nothing is proposed")
    beside: tuple[Beside, ...] = Field(default=(), description="predictions of others that it is compared with")
    tuning: Tuning = Field(default=Tuning(), description="how many settings of each kind are tried")
    validation: ValidationSchemes = Field(
        default=ValidationSchemes(), description="how what is learned is tested where it was not fitted"
    )


class Prediction(Part):
    """One risk: what it is called, what may happen, and how it is found."""

    label: str = Field(min_length=1, description="what a clinician reads, e.g. `deterioration within 24 hours`")
    outcome: Outcome = Field(description="what it predicts")
    model: Model = Field(default=Model(), description="how its risk is found")
