"""The two reports a committee reads, as types: `evaluation.json` (training) and `silent.json` (the silent month).

The learner fills them, the registry's gates check them, and the evidence page prints them: one shape for all three.
A number without its interval and its counts has no place here. No timestamps of the run, run ids or durations: the
digest of an evidence pack says what was found, not when it was computed.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeVar

import msgspec
import rfc8785

from services.timeline.errors import BadInput

EVALUATION_FILE = "evaluation.json"
SILENT_FILE = "silent.json"

Kind = Literal["training", "silent", "trial", "external"]
"""What an evidence pack tells of; the file that a gate reads is `evaluation.json` or `silent.json`."""

Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number and its 95 % interval."""

    value: float
    ci: tuple[float, float]

    def __post_init__(self) -> None:
        low, high = self.ci
        if not (math.isfinite(self.value) and math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ValueError("an interval is two finite numbers, the lower one first, around a finite value")


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
    sentence: str = ""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """`evaluation.json`: the training evidence of one release."""

    guidance: str
    release: str
    """Digest of the release that holds the model evaluated here."""
    since: str = msgspec.field(name="from")
    """First index time of the rows, RFC 3339."""
    until: str = msgspec.field(name="to")
    """Last index time of the rows, RFC 3339."""
    rows: Count
    events: Count
    patients: Count
    split: str
    """How rows were kept apart, e.g. `5-fold cross-validation, grouped by patient`."""
    models: dict[str, ModelReport]
    """By kind: `logistic`, `scorecard_additive`, `scorecard` (with pairs), `forest`."""
    chosen: str
    price_of_glass_box: Price
    leaks: Leaks
    sample_size: SampleSize
    states: dict[str, int] = {}
    """Rows by state of the outcome, those left out too: positive, negative, pending, competing-death, censored."""

    def __post_init__(self) -> None:
        if self.chosen not in self.models:
            raise ValueError(f"`chosen` names {self.chosen!r}, which is not among `models`")

    @property
    def model(self) -> ModelReport:
        """The report of the model that was chosen."""
        return self.models[self.chosen]


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
    calibration: Calibration
    alert_rate: Estimate
    """Share of decisions that would have carried a card."""
    alert_budget: Share
    """The share that the guidance allows (`policy.alert_budget`)."""
    skew: Skew
    unknown_share: Share
    """Share of feature values that were unknown."""

    def __post_init__(self) -> None:
        if not self.events <= self.matured <= self.decisions:
            raise ValueError("`events` <= `matured` <= `decisions` must hold")


Report = TypeVar("Report", Evaluation, SilentMonth)


def encode_report(report: Evaluation | SilentMonth) -> bytes:
    """The report as canonical JSON: the bytes that go into the evidence pack."""
    return rfc8785.dumps(msgspec.to_builtins(report))


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
