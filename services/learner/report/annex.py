"""The figures of the annex, for the statistician: flow, months, ranking, what is missing, shapes, stability, elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from markupsafe import Markup

from services.figures.flow import Stage, flow
from services.figures.frame import Caption, absent
from services.figures.missing import Missing, lead_time, missing_inputs
from services.figures.over_time import Found, Month, control_chart
from services.figures.ranking import Point, ranking
from services.figures.shapes import shapes
from services.figures.stability import Moved, stability
from services.figures.validations import Bounds, validations
from services.guidance.definition import Guidance
from services.guidance.evidence import Estimate
from services.guidance.models.scorecard import Scorecard
from services.guidance.words import figure_messages as words
from services.guidance.words.rounding import percent
from services.learner.report.consequences import intersections_figure
from services.learner.report.shape_functions import shape_functions
from services.learner.report.told import NOT_RECKONED, Told
from services.learner.report.verdicts import within

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.guidance.models.model_file import RiskModel
    from services.learner.cohort import FlowStep
    from services.learner.evidence.ranking import RankingPoint
    from services.learner.feature_matrix import CohortRows

DRAWN_SHAPES: Final = 12
_NAMED: Final = 4


def annex_figures(told: Told, model: RiskModel, rows: CohortRows) -> dict[str, Markup]:
    """Groups two by two, F10 to F12, then shapes, stability, and where it was not fitted."""
    return {
        "intersections": intersections_figure(told),
        "months": _months(told),
        "ranking": _ranking(told),
        "missing": _missing(told),
        "lead": _lead(told),
        "shapes": _shapes(told, model, rows),
        "stability": _stability(told),
        "elsewhere": _elsewhere(told),
    }


def flow_figure(
    guidance: Guidance, steps: Sequence[FlowStep], states: Mapping[str, int], *, source: str, where: str
) -> Markup:
    """F9: from everybody in the store to the rows that were analysed, then what became of them."""
    kinds: dict[str, Literal["here", "out", "unknown"]] = {"here": "here", "left out": "out", "unknown": "unknown"}
    stages, before = [], 0
    for step in steps:
        kind = kinds[step.kind]
        share = "" if kind == "here" or not before else percent(step.n / before)
        stages.append(Stage(words=_in_words(guidance, step.step), kind=kind, n=step.n, share=share))
        before = step.n if kind == "here" else before
    settled = {state: n for state, n in states.items() if state in ("positive", "negative", "planned-readmission")}
    rows = sum(states.values())
    for state, n in states.items():
        if state not in settled:
            stages.append(
                Stage(
                    words=f"outcome: {state.replace('-', ' ')}",
                    kind="out",
                    n=n,
                    share=percent(n / rows) if rows else "",
                )
            )
    stages.append(Stage(words="analysed, with a known outcome", kind="here", n=sum(settled.values())))
    first = next((stage.n for stage in stages if stage.kind == "here"), 0)
    return flow(
        Caption(
            key="flow",
            message=f"From {first:,} patients in the record to {stages[-1].n:,} moments of prediction that were analysed",
            measure=f"Who was learned from, who was left out, and why; {where}.",
            source=source,
            desc="A trunk from all patients down to the rows analysed; each group that left stands on a branch with its reason.",
        ),
        stages,
        notes=["What became of those left out by a rule of the guidance was not looked up."],
    )


def _in_words(guidance: Guidance, step: str) -> str:
    """A condition of one feature by its label, as people read it."""
    for prefix, said in (("unknown whether: ", "unknown whether: "), ("not: ", "not: "), ("", "")):
        name = step.removeprefix(prefix)
        if step.startswith(prefix) and name in guidance.features:
            return f"{said}{guidance.features[name].label}"
    return step.replace(">=", "at least").replace("<=", "at most")


def _months(told: Told) -> Markup:
    found = told.looks.over_time
    if found is None:
        return absent(f"{told.prefix}months", "Whether it holds over calendar time", NOT_RECKONED)
    judged = [one.observed_expected for one in found.months if one.ripe and one.observed_expected is not None]
    outside = sum(within(one, *found.limits) == "does not meet" for one in judged)
    return control_chart(
        told.caption(
            "months",
            words.months(outside=outside, judged=len(judged), last_ripe=found.last_ripe),
            "By the month of the prediction; shaded: the limits agreed; hollow: not every outcome is known yet",
            "Two panels by month: observed over expected with its limits, and how many of 100 alerts were right.",
        ),
        [
            Month(
                name=one.month, rows=one.rows, events=one.events, alerts=one.alerts, ripe=one.ripe,
                observed_expected=_three(one.observed_expected), right_per_100=None if one.right is None else _hundred(one.right),
            )
            for one in found.months
        ],
        limits=found.limits,
    )  # fmt: skip


def _ranking(told: Told) -> Markup:
    found, performance = told.looks.ranking, told.looks.performance
    if found is None:
        return absent(f"{told.prefix}ranking", "How well it ranks", NOT_RECKONED)

    def point(one: RankingPoint) -> Point:
        return Point(
            threshold=one.threshold,
            false_alarms=100 * one.false_alarms,
            caught=100 * one.caught,
            right=None if one.right is None else 100 * one.right,
        )

    return ranking(
        told.caption(
            "ranking",
            words.ranks(auroc=performance.auroc.value, interval=performance.auroc.ci),
            "ROC and precision against recall; the square is the threshold",
            "Two panels: events against non-events flagged, and how many of those flagged are right.",
        ),
        [point(one) for one in found.points],
        point(found.at_threshold),
        base_rate=100 * found.base_rate,
    )


def _missing(told: Told) -> Markup:
    found = told.looks.missing_inputs
    if not found:
        return absent(f"{told.prefix}missing", "Which inputs are missing", NOT_RECKONED)
    most = max(found, key=lambda one: one.all_rows.value)

    return missing_inputs(
        told.caption(
            "missing",
            words.missing(name=most.label, share=most.all_rows.value),
            "Rows without a value, of 100 with the outcome and of 100 without it; a missing value is used as missing, never filled in",
            "One row for each input: how often it is missing with and without the outcome.",
        ),
        [
            Missing(
                name=one.label, all_rows=100 * one.all_rows.value, happened=_hundred(one.happened),
                not_happened=_hundred(one.not_happened),
            )
            for one in found
        ],
    )  # fmt: skip


def _lead(told: Told) -> Markup:
    found = told.looks.lead_time
    if found is None:
        return absent(
            f"{told.prefix}lead",
            "How long before the event the card is there",
            "The outcome has no moment of its own, or too few events were caught.",
        )
    return lead_time(
        told.caption(
            "lead",
            words.lead(median=found.median, events=found.events),
            f"Events that the threshold catches; {found.within_an_hour:,} came within an hour; {found.already:,} had happened "
            "before the prediction and are counted in no figure",
            "Bars: events caught by the time from the prediction to the event.",
        ),
        found.edges,
        found.counts,
    )


def _shapes(told: Told, model: RiskModel, rows: CohortRows) -> Markup:
    if not isinstance(model, Scorecard):
        why = (
            "The score was published; how it is reckoned stands where it was published."
            if told.judged.published is not None
            else "A forest has no function of one input; its reasons are reckoned for each patient (exact TreeSHAP)."
        )
        return absent(f"{told.prefix}shapes", "What each input adds", why)
    found = shape_functions(told.guidance, model, rows)
    notes = [
        "Below each line: how many patients the step was learned from. The ring is what is added where the value is missing."
    ]
    if len(found) > DRAWN_SHAPES:
        notes.append(f"The {DRAWN_SHAPES} inputs that weigh most are drawn; all {len(found)} are in the table.")
    if model.file.pairs:
        pairs = [
            " with ".join(told.guidance.features[model.inputs[i]].label for i in pair.inputs)
            for pair in model.file.pairs
        ]
        named = f": {'; '.join(pairs)}" if len(pairs) <= _NAMED else ""
        notes.append(f"{len(pairs)} tables of two inputs are in model.json and not drawn{named}.")
    return shapes(
        told.caption(
            "shapes",
            words.weighs([shape.name for shape in found[:3]]),
            "What each input adds to the log-odds, against the average patient; 0.7 doubles the odds; "
            "from the lowest to the highest value without the outermost 1 of 100 patients",
            "Small panels on one scale: what each input adds over its range, with the number of patients below.",
        ),
        found,
        drawn=DRAWN_SHAPES,
        notes=notes,
    )


def _stability(told: Told) -> Markup:
    found = told.looks.instability
    if found is None:
        why = "Nothing was fitted." if told.judged.published is not None else NOT_RECKONED
        return absent(f"{told.prefix}stability", "How far a risk would move with other patients to learn from", why)
    return stability(
        told.caption(
            "stability",
            words.moved(difference=found.mean_difference, samples=found.samples),
            f"Where 95 of 100 of {found.samples} refits on patients drawn again put the same patients; "
            f"{percent(found.changes_side)} would change the side of the threshold",
            "Bars over the stated risk: how widely refitted models differ.",
        ),
        [
            Moved(stated=one.stated, low=one.low, high=one.high, mean_difference=one.mean_difference, rows=one.rows)
            for one in found.bands
        ],
    )


def _elsewhere(told: Told) -> Markup:
    tests = told.judged.validations
    if not tests:
        why = (
            "Nothing was fitted; the whole of the data is a test of the published score."
            if told.judged.published is not None
            else "It was not tested in later time or at a site left out."
        )
        return absent(f"{told.prefix}elsewhere-tests", "Later time and other sites", why)
    limits = told.guidance.evidence.observed_expected
    judged = [one.observed_expected for one in tests if one.observed_expected is not None]
    outside = sum(within(one, *limits) == "does not meet" for one in judged)
    return validations(
        told.caption(
            "elsewhere-tests",
            words.elsewhere(judged=len(judged), outside=outside, unjudged=len(tests) - len(judged)),
            "Fitted again without that time or that site, and tested there; shaded: the limits agreed; events of rows beside each name",
            "One row for each test in later time or at a site left out: observed over expected, and calibration slope.",
        ),
        tests,
        Bounds(observed_expected=limits, slope=told.guidance.evidence.calibration_slope),
    )


def _hundred(share: Estimate) -> Found:
    return 100 * share.value, 100 * share.ci[0], 100 * share.ci[1]


def _three(estimate: Estimate | None) -> Found | None:
    return None if estimate is None else (estimate.value, *estimate.ci)
