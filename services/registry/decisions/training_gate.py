"""What training evidence must show: of each prediction on its own, whether learned or published.

What was learned is asked for its sample, its alarms and its intervals. A published score is asked whether its risks hold
here; where that could not be seen yet, a reviewer must accept it with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import msgspec

from services.guidance.definition import PRIMARY, Guidance, Model
from services.guidance.evidence import EVALUATION_FILE, Evaluation, Judged, ModelReport, SampleSize, Weighed
from services.guidance.lifecycle import Check, Role
from services.guidance.policies import Policy
from services.guidance.release import EvidencePack
from services.registry.decisions.checked import check, met, within
from services.registry.decisions.gate_facts import GateFacts
from services.registry.decisions.reports import checked_evidence, file_of, read_evaluation
from services.timeline.errors import BadInput

NUMBERS: Final[frozenset[Role]] = frozenset({"data-science-reviewer", "statistician"})
DATASET_FILE: Final = "dataset.json"
SHUFFLED: Final = (0.4, 0.6)  # where the AUROC of shuffled labels must be able to lie


class _Dataset(msgspec.Struct):
    """What a gate reads of `dataset.json`."""

    store: str
    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    rows: int
    events: int
    patients: int
    values_from_the_future: int
    rows_with_canaries: int


DATASET: Final = msgspec.json.Decoder(_Dataset)


def training_gate(facts: GateFacts) -> Iterator[Check]:
    """Asked wherever training evidence is."""
    return checked_evidence(
        facts, "training", lambda pack: _training(pack, read_evaluation(pack), facts.guidance, facts.policy)
    )


def _training(pack: EvidencePack, report: Evaluation, guidance: Guidance, policy: Policy) -> Iterator[Check]:
    """What is asked of the report, then of each prediction on its own; those after the first have its name before theirs."""
    yield check(
        "training-report-bound",
        "The report is about this guidance and this release, and of each of its predictions",
        f"it is about {report.guidance}, {report.release[:19]}…",
        met(
            report.guidance == guidance.id
            and report.release == pack.release
            and report.predictions.keys() == guidance.predictions.keys()
        ),
        pack,
    )
    yield _dataset(pack, report)
    for name, judged in report.everything.items():
        prediction = guidance.all_predictions.get(name or PRIMARY)
        if prediction is None:
            continue
        if (judged.published is None) != (prediction.model.published is None):
            checks = iter([_otherwise(judged, pack)])
        elif judged.published is not None:
            checks = _weighed(pack, judged, judged.published, policy.narrowed(guidance.evidence.observed_expected))
        else:
            checks = _learned(pack, judged, prediction.model, policy)
        yield from (_of(name, prediction.label, one) for one in checks)


def _dataset(pack: EvidencePack, report: Evaluation) -> Check:
    """The manifest of the data: which store, which time, how many; and that no value came from after its prediction."""
    try:
        data = DATASET.decode(file_of(pack, DATASET_FILE))
    except msgspec.DecodeError as fault:
        raise BadInput(f"it cannot be read: {fault}", place=DATASET_FILE, remedy="Train again") from fault
    same = (data.rows, data.events, data.patients) == (report.rows, report.events, report.patients)
    period = (data.since, data.until) == (report.since, report.until)
    return check(
        "dataset",
        "The data are named by digest, are those of the report, and no value is from after its prediction",
        f"store {data.store[:19]}…, {data.since[:10]} to {data.until[:10]}, {data.rows:,} rows; "
        f"{data.values_from_the_future:,} values from the future in {data.rows_with_canaries:,} rows with canaries",
        met(bool(data.store) and same and period and data.values_from_the_future == 0),
        pack,
        rows=data.rows,
        values_from_the_future=data.values_from_the_future,
        rows_with_canaries=data.rows_with_canaries,
    )


def _of(name: str, label: str, one: Check) -> Check:
    """The check of one prediction; the first one's has no prefix."""
    return replace(one, name=f"{name}/{one.name}", asked=f"{label}: {one.asked}") if name else one


def _otherwise(judged: Judged, pack: EvidencePack) -> Check:
    said = "learned" if judged.published is None else "published"
    return check(
        "kind-of-model", "The model is of the kind that the guidance asks for", f"it is {said}", "does not meet", pack
    )


def _weighed(pack: EvidencePack, judged: Judged, score: Weighed, limits: tuple[float, float]) -> Iterator[Check]:
    """A published score was not fitted here: what is asked is whether its risks hold here, or who answers for it."""
    if judged.model is None or score.observed_expected is None:
        yield check(
            "published-unevaluated",
            "The published risk was compared with what happened here",
            judged.unevaluated or "it was not",
            "cannot tell",
            pack,
            accepted_by=NUMBERS,
            scored=score.scored,
            mean_risk=score.mean_risk,
            rows=judged.rows,
            events=judged.events,
        )
        return
    low, high = limits
    ratio = score.observed_expected
    yield check(
        "published-calibration",
        f"Events observed against those that the published risk expects within {low:g} to {high:g}",
        f"{judged.events:,} events in {judged.rows:,} rows: {ratio.value:.2f} ({ratio.ci[0]:.2f} to {ratio.ci[1]:.2f})",
        within(ratio, low, high),
        pack,
        accepted_by=NUMBERS,
        observed_expected=ratio.value,
        low=ratio.ci[0],
        high=ratio.ci[1],
    )
    yield _intervals(judged.chosen, judged.model, pack)


def _learned(pack: EvidencePack, judged: Judged, recipe: Model, policy: Policy) -> Iterator[Check]:
    floors, size, leaks, model = policy.floors, judged.sample_size, judged.leaks, judged.model
    alarm = recipe.auroc_alarm
    if size is None or leaks is None or model is None:
        raise BadInput("what belongs to a learned model is missing", place=EVALUATION_FILE, remedy="Train again")
    needed = max(floors.training_rows, round(size.needed * floors.riley_share))
    yield check(
        "sample-size",
        f"At least {needed:,} rows (Riley: {size.needed:,}) and {floors.training_events:,} events",
        f"{judged.rows:,} rows, {judged.events:,} events",
        met(judged.rows >= needed and judged.events >= floors.training_events),
        pack,
        rows=judged.rows,
        events=judged.events,
        needed=needed,
    )
    yield _later_time(judged, size, recipe.validation.temporal.impossible, pack)
    yield check(
        "leak-alarms",
        "No alarm for a leak of the outcome into the inputs",
        "; ".join(leaks.found) or "none rang",
        met(not leaks.found),
        pack,
    )
    best = max(one.auroc for one in judged.models.values())
    alone = leaks.largest_feature_auroc
    yield check(
        "too-good",
        f"No AUROC above {alarm:g}, of any model or of one input alone",
        f"best model {best:.3f}; {leaks.largest_feature} alone {alone:.3f}",
        met(best <= alarm and alone <= alarm),
        pack,
        best_auroc=best,
        largest_feature_auroc=alone,
    )
    shuffled = leaks.shuffled_auroc
    yield check(
        "shuffled-labels",
        "With shuffled labels nothing is learnt (AUROC about 0.5)",
        f"{shuffled.value:.3f} ({shuffled.ci[0]:.3f} to {shuffled.ci[1]:.3f})",
        met(shuffled.ci[0] <= SHUFFLED[1] and shuffled.ci[1] >= SHUFFLED[0]),
        pack,
        shuffled_auroc=shuffled.value,
    )
    yield _intervals(judged.chosen, model, pack)


def _later_time(judged: Judged, size: SampleSize, impossible: str | None, pack: EvidencePack) -> Check:
    """Patients drawn at random are no proof for next year: without a test in later time only a declared reason helps."""
    asked = "Tested in a time after all that it was fitted on, on other patients"
    of_time = next((one for one in judged.validations if one.scheme == "temporal"), None)
    if of_time is not None and of_time.auroc is not None:
        auroc = of_time.auroc
        # Wide intervals are told, and are no fault of the split.
        narrow = "" if size.external is None else f"; narrow intervals ask for {size.external:,} rows"
        return check(
            "later-time",
            asked,
            f"{of_time.name}, {of_time.rows:,} rows, {of_time.events:,} events: "
            f"AUROC {auroc.value:.3f} ({auroc.ci[0]:.3f} to {auroc.ci[1]:.3f}){narrow}",
            "meets",
            pack,
            rows=of_time.rows,
            events=of_time.events,
            fitted_rows=of_time.fitted_rows,
            auroc=auroc.value,
        )
    if impossible is not None:
        return check(
            "later-time", asked, f"declared impossible: {impossible}", "cannot tell", pack, accepted_by=NUMBERS
        )
    why = "only patients drawn at random were held back" if of_time is None else of_time.unjudged
    return check("later-time", asked, why, "does not meet", pack)


def _intervals(chosen: str, model: ModelReport, pack: EvidencePack) -> Check:
    low, high = model.auroc_ci
    return check(
        "intervals",
        "Discrimination and calibration of the chosen model, each with its interval",
        f"{chosen}: AUROC {model.auroc:.3f} ({low:.3f} to {high:.3f}), calibration slope "
        f"{model.calibration_slope.value:.2f} ({model.calibration_slope.ci[0]:.2f} to {model.calibration_slope.ci[1]:.2f})",
        met(low <= model.auroc <= high and low < high),
        pack,
        auroc=model.auroc,
        auroc_low=low,
        auroc_high=high,
    )
