"""What happens to people, and whether the risks can be believed (F1 to F4): what was reckoned, handed to what draws.

Where a figure's numbers are absent the page says why; there is never an empty chart.
"""

from __future__ import annotations

from markupsafe import Markup

from services.figures.calibration import RiskGroup, Smooth, calibration, calibration_message
from services.figures.frame import absent
from services.figures.people import DOTS, Flagging, hundred, tree
from services.figures.spread import Bins, spread
from services.guidance.evidence import Estimate
from services.guidance.words import figure_messages as words
from services.learner.report.consequences import changed_figure, decision_figure, groups_figure, work_figure
from services.learner.report.measuring import measuring_figure
from services.learner.report.reading import reading_figure
from services.learner.report.told import NOT_RECKONED, Told, flagged_from


def figures_of(told: Told) -> dict[str, Markup]:
    """F1 to F8 by name, and with the groups in whom inputs are measured less, or read otherwise."""
    return {
        "tree": _tree(told),
        "hundred": _hundred(told),
        "calibration": _calibration(told),
        "spread": _spread(told),
        "decision": decision_figure(told),
        "work": work_figure(told),
        "groups": groups_figure(told),
        "measured_less": measuring_figure(told),
        "read_otherwise": reading_figure(told),
        "changed": changed_figure(told),
    }


def _flagging(told: Told) -> Flagging:
    work = told.looks.work
    return Flagging(
        right=work.right,
        false_alarms=work.alerts - work.right,
        missed=work.events - work.right,
        left_alone=work.rows - work.events - (work.alerts - work.right),
    )


def _tree(told: Told) -> Markup:
    found = _flagging(told)
    shown, outcome = found.scaled(), told.prediction.outcome
    return tree(
        told.caption(
            "tree",
            words.people(outcome, whole=shown.people, flagged=shown.flagged, right=shown.right, missed=shown.missed),
            f"{outcome.name}; flagged {flagged_from(told)}, as the guidance's bands set it",
            "A tree: all patients, then flagged or not, then whether it happened.",
        ),
        found,
    )


def _hundred(told: Told) -> Markup:
    found, outcome = _flagging(told), told.prediction.outcome
    happened = outcome.happened or f"had the outcome ({outcome.name})"
    whole = min(found.flagged, DOTS)
    right = (2 * found.right * whole + found.flagged) // max(2 * found.flagged, 1)
    low, high = told.looks.work.ppv.ci
    return hundred(
        told.caption(
            "hundred",
            f"Of {whole:,} patients flagged, {right:,} {happened} and {whole - right:,} {outcome.happened_not}",
            f"One mark for each patient flagged {flagged_from(told)}; 95% interval {round(100 * low)} to {round(100 * high)} of 100",
            f"{whole:,} marks in reading order: {right:,} filled squares, then {whole - right:,} rings.",
        ),
        found,
        happened=happened,
        happened_not=outcome.happened_not,
    )


def _calibration(told: Told) -> Markup:
    found = told.looks.performance.calibration
    drawn = [
        RiskGroup(
            stated=group.stated, observed=group.observed.value, low=group.observed.ci[0], high=group.observed.ci[1],
            rows=group.rows, events=group.events,
        )
        for group in found.groups
    ]  # fmt: skip
    curve = found.curve
    return calibration(
        told.caption(
            "calibration",
            calibration_message(drawn),
            f"{told.prediction.outcome.name}: {len(drawn)} groups of equally many, with 95% intervals; "
            f"slope {_number(found.slope)}, intercept {_number(found.intercept)}; {told.split}",
            f"{len(drawn)} groups of like risk: what happened over what was stated; on the diagonal both are equal.",
        ),
        drawn,
        smooth=None
        if curve is None
        else Smooth(stated=curve.stated, observed=curve.observed, low=curve.low, high=curve.high),
    )


def _spread(told: Told) -> Markup:
    found = told.looks.spread
    if found is None:
        return absent(f"{told.prefix}spread", "How the stated risks are spread", NOT_RECKONED)
    piles = [
        f"{pile.rows:,} patients have exactly the risk {100 * pile.risk:.1f} in 100 ({pile.events:,} with the outcome)."
        for pile in found.piles[:3]
    ]
    return spread(
        told.caption(
            "spread",
            words.spread(above=found.above.value, interval=found.above.ci),
            f"Patients by stated risk, with and without {told.prediction.outcome.name}, counted on one scale",
            "Two histograms on one scale: patients with the outcome above, without it below.",
        ),
        Bins(
            edges=found.edges,
            happened=found.happened,
            not_happened=found.not_happened,
            threshold=found.threshold,
        ),
        notes=piles,
    )


def _number(estimate: Estimate) -> str:
    low, high = estimate.ci
    return f"{estimate.value:z.2f} ({low:z.2f} to {high:z.2f})"
