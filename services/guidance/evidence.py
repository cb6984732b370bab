"""The reports a committee reads, as types: `evaluation.json` (training), `silent.json` (the silent month).

That of a trial is in `trial_evidence`, and is written and read by the same two functions. The learner fills them, the
registry's gates check them, and the evidence page prints them: one shape for all three. A number without
its interval and its counts has no place here. No timestamps of the run, run ids or durations: the digest of an evidence
pack says what was found, not when it was computed.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
import rfc8785

from services.guidance.alert_evidence import Alerts
from services.guidance.bedside_evidence import Bedside
from services.guidance.comparison import Compared
from services.guidance.estimate import Estimate as Estimate  # whoever reads a report reads these
from services.timeline.errors import BadInput

EVALUATION_FILE = "evaluation.json"
SILENT_FILE = "silent.json"

Kind = Literal["training", "silent", "trial", "external"]
"""What an evidence pack tells of; a gate reads `evaluation.json`, `silent.json` and `trial.json`."""

Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class ModelReport(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of model did on rows that it was not fitted on (after calibration)."""

    auroc: Share
    auroc_ci: tuple[float, float]
    auprc: Share
    brier: Share
    calibration_intercept: Estimate
    calibration_slope: Estimate
    brier_ci: tuple[float, float] | None = None
    auprc_ci: tuple[float, float] | None = None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What clarity costs: forest minus scorecard, in AUROC and Brier, and the sentence that says so."""

    auroc: float
    brier: float
    sentence: str


class Leaks(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms for a leak of the outcome into the inputs. `found` holds one sentence for each alarm that rang."""

    shuffled_auroc: Estimate
    """AUROC after the labels were shuffled: must be about 0.5."""
    largest_feature: str
    """The input that alone tells most."""
    largest_feature_auroc: Share
    """Its AUROC on its own (0.5 or more: the better of the two directions)."""
    found: tuple[str, ...] = ()


class SampleSize(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest sound sample by Riley's criteria, beside what there was."""

    needed: Count
    rows: Count
    events: Count
    parameters: Count
    """Candidate parameters counted; for a scorecard the effective number of steps."""
    external: Count | None = None
    """Rows that a test elsewhere needs for narrow intervals of O:E, slope and C; None: it ranks no better than chance."""
    sentence: str = ""


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """A published score beside what happened here: nothing was fitted, so nothing can be tuned to look well."""

    score: str
    """The feature that holds it."""
    mean_risk: Share
    """Mean of the published risk over all rows for which it is computed: the average that a card compares with."""
    scored: Count
    """These rows, whether their outcome is known or not."""
    observed_expected: Estimate | None = None
    """Events seen against events expected; None where the outcome cannot be judged yet."""


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """How the kind that was chosen did where it was not fitted: in later time, or at a site that it had not seen."""

    scheme: Literal["temporal", "site"]
    name: str
    """The period tested, `2025-01-01 to 2025-12-31`, or the site."""
    fitted_rows: Count
    rows: Count
    events: Count
    patients: Count
    auroc: Estimate | None = None
    observed_expected: Estimate | None = None
    calibration_intercept: Estimate | None = None
    calibration_slope: Estimate | None = None
    unjudged: str = ""
    """The sentence that says why there are no numbers."""


class Censoring(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that nobody followed to the end, and what the figures would be if leaving says nothing of the outcome."""

    censored: Count
    """Lost to follow-up or sent on; by reason they stand in `states`."""
    share: Share
    """Of these and the rows with a known outcome."""
    rate: Share | None = None
    """Events among the rows with a known outcome; this and what follows only above the share that the guidance declares."""
    weighted_rate: Share | None = None
    """The same, each row weighted by the inverse chance of being followed so long."""
    weighted_observed_expected: Estimate | None = None
    """Of the model that was chosen, out of fold, with these weights; the weights are taken as known."""
    largest_weight: float | None = None
    sentence: str


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one prediction: learned, or published and weighed."""

    rows: Count
    """With a known outcome."""
    events: Count
    patients: Count
    models: dict[str, ModelReport]
    """By kind: `logistic`, `scorecard_additive`, `scorecard` (with pairs), `ebm`, `forest`, `imported`; or `published`, `recalibrated`, `refitted`."""
    chosen: str
    price_of_glass_box: Price | None = None
    leaks: Leaks | None = None
    sample_size: SampleSize | None = None
    """These three are there whenever something was learned."""
    states: dict[str, int] = {}
    """Rows by state of the outcome, those left out too: positive, negative, pending, competing-death, not-meant."""
    published: Weighed | None = None
    validations: tuple[Validation, ...] = ()
    """In later time and at each site left out."""
    censoring: Censoring | None = None
    """None: no row was lost or sent on."""
    no_later_time: str = ""
    """Why, by the guidance's own words, there is no later time to test in (`model.validation.temporal.impossible`)."""
    beside: Compared | None = None
    """Beside the predictions of others, where the guidance names some."""
    unevaluated: str = ""
    """The sentence that says why a published score could not be judged here; then there is no model report."""

    def __post_init__(self) -> None:
        if self.published is None:
            for name in ("price_of_glass_box", "leaks", "sample_size"):
                if getattr(self, name) is None:
                    raise ValueError(f"`{name}` is missing: it belongs to whatever is learned")
        if not (self.published is not None and self.unevaluated) and self.chosen not in self.models:
            raise ValueError(f"`chosen` names {self.chosen!r}, which is not among `models`")

    @property
    def model(self) -> ModelReport | None:
        """The report of the model that was chosen; None where nothing could be judged."""
        return self.models.get(self.chosen)

    @property
    def tested_in_later_time(self) -> bool:
        """Whether it was judged in a time that came after all that it was fitted on."""
        return any(one.scheme == "temporal" and one.auroc is not None for one in self.validations)

    @property
    def alarms(self) -> tuple[str, ...]:
        """One sentence for each alarm that rang."""
        return self.leaks.found if self.leaks is not None else ()


class JudgedPrediction(Judged, frozen=True, kw_only=True):
    """What was found of a further prediction."""

    label: str


class Evaluation(Judged, frozen=True, kw_only=True):
    """`evaluation.json`: the training evidence of one release; what it says at the top is of the first prediction."""

    guidance: str
    release: str
    """Digest of the release that holds the models evaluated here."""
    since: str = msgspec.field(name="from")
    """First index time of the rows, RFC 3339."""
    until: str = msgspec.field(name="to")
    """Last index time of the rows, RFC 3339."""
    split: str
    """How rows were kept apart, e.g. `5-fold cross-validation, grouped by patient`."""
    predictions: dict[str, JudgedPrediction] = {}
    """The further predictions by name."""

    @property
    def everything(self) -> dict[str, Judged]:
        """Every prediction by name, the first as ``."""
        return {"": self, **self.predictions}


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Events seen against events expected, among the decisions whose outcome is known."""

    observed: float
    """Events that happened."""
    expected: float
    """Sum of the predicted risks."""
    o_e: Estimate
    """Observed / expected."""


class Skew(msgspec.Struct, frozen=True, kw_only=True):
    """Features as logged at the bedside against the rebuild from the final history."""

    compared: Count
    """Feature values compared."""
    different: Count
    """Of these, not bit-identical."""
    causes: dict[str, int] = {}
    """Different values by named cause; they must add up to `different`."""

    def __post_init__(self) -> None:
        if self.different > self.compared:
            raise ValueError("`different` cannot exceed `compared`")

    @property
    def unexplained(self) -> int:
        """Different values for which no cause is named."""
        return max(self.different - sum(self.causes.values()), 0)


class SilentMonth(msgspec.Struct, frozen=True, kw_only=True):
    """`silent.json`: what the release would have said while it said nothing."""

    guidance: str
    release: str
    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    decisions: Count
    """Decisions in the log of this release in the silent stage."""
    matured: Count
    """Of these, with a known outcome."""
    events: Count
    """Of these, with the event."""
    calibration: Calibration | None
    """None: of a published score whose outcome takes longer than the silent month, nothing is known yet."""
    alert_rate: Estimate
    """Share of decisions that would have carried a card."""
    alert_budget: Share
    """The share that the guidance allows (`policy.alert_budget`)."""
    skew: Skew
    unknown_share: Share
    """Share of feature values that were unknown."""
    alerts: Alerts | None = None
    """How many of the cards would have been right; None: no outcome is known, or the report is of before this was counted."""
    bedside: Bedside | None = None
    """What the CDS service did, by its own log; None: the report is of before this was read."""

    def __post_init__(self) -> None:
        if not self.events <= self.matured <= self.decisions:
            raise ValueError("`events` <= `matured` <= `decisions` must hold")
        if self.matured and self.calibration is None:
            raise ValueError("`calibration` is missing, although outcomes are known")
        if self.bedside is not None and self.bedside.decisions != self.decisions:
            raise ValueError("`bedside` must be of the same decisions")


# A guidance with one learned prediction says nothing of these, as before there were others.
_WHERE_THERE_IS_ONE: Final = (
    "predictions", "published", "unevaluated", "price_of_glass_box", "leaks", "sample_size", "validations", "no_later_time",
    "censoring", "beside", "alerts", "bedside",
)  # fmt: skip

Report = TypeVar("Report", bound=msgspec.Struct)


def encode_report(report: msgspec.Struct) -> bytes:
    """The report as canonical JSON: the bytes that go into the evidence pack."""
    told: dict[str, Any] = msgspec.to_builtins(report)
    for part in (told, *told.get("predictions", {}).values()):
        for name in _WHERE_THERE_IS_ONE:
            if name in part and not part[name]:
                del part[name]
    return rfc8785.dumps(told)


def decode_report(data: bytes, kind: type[Report], *, place: str) -> Report:
    """Read a report; a missing or impossible number is one clear fault that names its path."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, ValueError) as fault:
        raise BadInput(
            f"the evidence report cannot be read: {fault}",
            place=place,
            remedy="Write it with `services.guidance.evidence.encode_report`",
        ) from fault
