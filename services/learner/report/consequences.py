"""What acting on it brings, for whom it is worse, and what changes (F5 to F8): what was reckoned, handed to what draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from services.figures.decision import Line, decision
from services.figures.frame import absent
from services.figures.groups import Group, Measured, Panel, groups
from services.figures.old_and_new import Four, old_and_new
from services.figures.work import Effort, work_against_yield
from services.guidance.evidence import Estimate
from services.guidance.words import figure_messages as words
from services.learner.report.told import NOT_RECKONED, Told, flagged_from

if TYPE_CHECKING:  # the service shows pages without loading what reckons them
    from services.learner.evidence import old_and_new as compared
    from services.learner.evidence import subgroups
    from services.learner.evidence.yields import YieldPoint

_MISSED: Final = 100


def decision_figure(told: Told) -> Markup:
    """F5, against everybody, nobody and each rival."""
    found = told.looks.benefit
    # Without a range in the guidance nobody agreed to the one that is shaded.
    agreed = found.agreed if told.guidance.evidence.thresholds is not None else None
    lines = [
        Line(
            name=line.name,
            net=[one.value for one in line.net],
            low=[one.ci[0] for one in line.net],
            high=[one.ci[1] for one in line.net],
        )
        for line in found.lines
    ]
    better = [one.threshold for one in found.gained() if one.gain.value > 1e-9]  # more than rounding
    return decision(
        told.caption(
            "decision",
            words.benefit(better=better, agreed=agreed),
            f"Net benefit per 1,000 patients by the risk at which one acts: {told.prediction.outcome.name}; shaded: {found.agreed_by}",
            "Lines over the threshold: the model with its 95% band, acting on everybody, and what else it was held against; "
            "acting on nobody is zero.",
        ),
        found.thresholds,
        lines,
        shaded=found.agreed,
        shade="agreed range" if agreed is not None else "around the threshold",
    )


def work_figure(told: Told) -> Markup:
    """F6, per ward per day where wards are known."""
    found = told.looks.yields
    if found is None:
        return absent(f"{told.prefix}work-curve", "How much work finds how many", NOT_RECKONED)
    by_ward = found.chosen.per_ward_day is not None and found.capacity_per_ward_day is not None

    def effort(point: YieldPoint) -> Effort:
        caught = point.caught
        alerts = point.per_ward_day if by_ward else 100 * point.alert_rate
        return Effort(
            threshold=point.threshold,
            alerts=alerts or 0.0,
            caught=(100 * caught.value, 100 * caught.ci[0], 100 * caught.ci[1]),
            right=None if point.right is None else 100 * point.right,
        )

    return work_against_yield(
        told.caption(
            "work-curve",
            words.effort(alerts_per_100=100 * found.chosen.alert_rate, caught=100 * found.chosen.caught.value),
            "Of 100 events, caught, by the number of alerts",
            "A rising line with its 95% band: more alerts find more events; the line across is what was agreed.",
        ),
        [effort(point) for point in found.points],
        effort(found.chosen),
        unit="alerts per ward per day" if by_ward else "alerts for every 100 patients",
        capacity=found.capacity_per_ward_day if by_ward else 100 * found.capacity,
        agreed="capacity agreed" if by_ward else "alert budget",
    )


def groups_figure(told: Told) -> Markup:
    """F7, every group in the order of the protocol."""
    table = told.looks.groups
    if not table.groups:
        return absent(f"{told.prefix}groups", "For whom it is worse or unknown", "No group of patients is recorded.")
    notes = [f"Not looked at: {one.attribute} ({one.why.removesuffix('.')})." for one in table.not_looked_at]
    if table.intersections:
        worse, unknown = _counted(table.intersections)
        notes.append(
            f"Two attributes together: {len(table.intersections)} groups, of which {len(worse)} are shown to be worse than "
            f"agreed and {unknown} cannot be told; each is in the annex."
        )
    return _rows_of_groups(told, "groups", table.groups, notes)


def intersections_figure(told: Told) -> Markup:
    """F7 for two attributes together, each that was looked at."""
    table = told.looks.groups
    if not table.intersections:
        why = "No two attributes together have groups that are large enough."
        return absent(f"{told.prefix}intersections", "Groups by two attributes together", why)
    return _rows_of_groups(told, "intersections", table.intersections, [])


def _rows_of_groups(told: Told, key: str, lines: Sequence[subgroups.Subgroup], notes: Sequence[str]) -> Markup:
    sensitivity, alarms, ratio = (
        lines[0].sensitivity.limit, lines[0].false_alarm_rate.limit, lines[0].observed_expected.limit
    )  # fmt: skip
    panels = [
        Panel(name="missed, of 100 with it", low=0, high=100, limit=(None, _missed(sensitivity[0]))),
        Panel(
            name="false alarms, of 100 without", low=0, high=_reach(lines),
            limit=(None, None if alarms[1] is None else 100 * alarms[1]),
        ),
        Panel(name="observed ÷ expected", low=0, high=2, limit=ratio, decimals=1),
    ]  # fmt: skip
    worse, unknown = _counted(lines)
    comparisons = told.looks.groups.comparisons or len(lines) * len(panels)
    return groups(
        told.caption(
            key,
            words.whom(worse=worse, unknown=unknown, groups=len(lines)),
            "A filled dot keeps the shaded limit, a cross does not, a ring cannot tell; intervals hold together at 95% for "
            f"{comparisons:,} comparisons; events of rows beside each name",
            "One row for each group of patients, with what is missed, false alarms, and observed over expected.",
        ),
        panels,
        [_group(one) for one in lines],
        notes=notes,
    )


def _counted(lines: Sequence[subgroups.Subgroup]) -> tuple[list[str], int]:
    """Who is shown to be worse off, and of how many nobody can tell."""
    worse = [f"{one.attribute}: {one.value}" for one in lines if one.verdict == "does not meet"]
    return worse, sum(one.verdict == "cannot tell" for one in lines)


def _missed(least_caught: float | None) -> float | None:
    return None if least_caught is None else _MISSED * (1 - least_caught)


def _reach(lines: Sequence[subgroups.Subgroup]) -> float:
    """The end of the axis of false alarms: rates are often far below 100."""
    ends = [one.false_alarm_rate.estimate.ci[1] for one in lines if one.false_alarm_rate.estimate and not one.small]
    limits = [one.false_alarm_rate.limit[1] or 0.0 for one in lines]
    most = 100 * max([*ends, *limits, 0.1])
    return next((end for end in (20.0, 40.0, 60.0) if most <= end), 100.0)


def _group(one: subgroups.Subgroup) -> Group:
    few = "too few to judge" if one.small else "not reckoned"
    caught, alarms, ratio = (
        one.sensitivity.estimate, one.false_alarm_rate.estimate, one.observed_expected.estimate
    )  # fmt: skip
    return Group(
        name=f"{one.attribute}: {one.value}",
        rows=f"{one.rows:,}" if one.events is not None else "1 to 9",
        events="few" if one.events is None else f"{one.events:,}",
        measured=[
            Measured(
                verdict=one.sensitivity.verdict, why=few,
                found=None if caught is None else (100 * (1 - caught.value), 100 * (1 - caught.ci[1]), 100 * (1 - caught.ci[0])),
            ),
            Measured(
                verdict=one.false_alarm_rate.verdict, why=few,
                found=None if alarms is None else (100 * alarms.value, 100 * alarms.ci[0], 100 * alarms.ci[1]),
            ),
            Measured(
                verdict=one.observed_expected.verdict, why=few,
                found=None if ratio is None else (ratio.value, ratio.ci[0], ratio.ci[1]),
            ),
        ],
    )  # fmt: skip


def changed_figure(told: Told) -> Markup:
    """F8, what runs now first."""
    key = f"{told.prefix}changed"
    if not told.looks.old_and_new:
        why = " ".join(f"{one.why}" for one in told.looks.not_compared if one.kind in ("incumbent", "published"))
        return absent(key, "Old and new beside each other", why or "There is nothing here to compare it with.")
    return Markup("\n").join(_old_and_new(told, one, place) for place, one in enumerate(told.looks.old_and_new))


def _old_and_new(told: Told, one: compared.OldAndNew, place: int) -> Markup:
    return old_and_new(
        told.caption(
            f"changed-{place}" if place else "changed",
            words.changed(
                lost=one.only_old.rows, lost_events=one.only_old.events, gained=one.only_new.rows,
                gained_events=one.only_new.events, old=one.old,
            ),
            f"Both flag {flagged_from(told)}, on the same patients",
            "Two by two: flagged by both, only by the old, only by the new, by neither; with those who had the outcome.",
        ),
        Four(
            both=(one.both.rows, one.both.events),
            only_old=(one.only_old.rows, one.only_old.events),
            only_new=(one.only_new.rows, one.only_new.events),
            neither=(one.neither.rows, one.neither.events),
        ),
        notes=(
            f"New less old, on the same patients (95% interval): {_difference(one.caught)} more caught of 100 with the "
            f"outcome, {_difference(one.false_alarms)} more false alarms of 100 without it, {_difference(one.alerts)} more "
            "alerts for every 100 patients.",
        ),
    )  # fmt: skip


def _difference(estimate: Estimate) -> str:
    low, high = estimate.ci
    return f"{100 * estimate.value:+z.1f} ({100 * low:+z.1f} to {100 * high:+z.1f})"
