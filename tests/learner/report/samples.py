"""Everything that a committee may be shown of one prediction, filled in: what the page does with each part is then seen."""

from __future__ import annotations

from dataclasses import replace

from services.guidance.evidence import Estimate, Validation
from services.learner.evidence.bands import BandWork, Policied
from services.learner.evidence.benefit import Benefit, BenefitLine
from services.learner.evidence.instability import Instability, InstabilityBand
from services.learner.evidence.lead_time import LeadTime
from services.learner.evidence.looks import Looks
from services.learner.evidence.missing_inputs import MissingInput
from services.learner.evidence.old_and_new import Cell, OldAndNew
from services.learner.evidence.over_time import Month, OverTime
from services.learner.evidence.ranking import Ranking, RankingPoint
from services.learner.evidence.rivals import NotCompared, RivalReport
from services.learner.evidence.spread import Pile, Spread
from services.learner.evidence.yields import YieldCurve, YieldPoint


def about(value: float, half: float = 0.02) -> Estimate:
    """A number with an interval to both sides."""
    return Estimate(value=value, ci=(value - half, value + half))


def filled(looks: Looks) -> Looks:
    """The same with all that may be missing from it."""
    return replace(
        looks,
        rivals=(
            RivalReport(
                kind="published",
                name="HOSPITAL score",
                made="as published",
                auroc=about(0.68),
                gain=about(0.03),
                observed_expected=about(1.4, 0.1),
                known=0.93,
            ),
        ),
        not_compared=(NotCompared(kind="incumbent", why="No release of this guidance runs now."),),
        benefit=benefit(),
        policied=policied(),
        yields=yields(),
        old_and_new=(old_and_new(),),
        over_time=over_time(),
        spread=spread(),
        ranking=ranking(),
        missing_inputs=(
            _missing("albumin", 0.62),
            _missing("haemoglobin", 0.11),
            _missing("age", 0.0),
        ),
        lead_time=LeadTime(
            events=149,
            median=230.0,
            quartiles=(90.0, 480.0),
            within_an_hour=2,
            edges=tuple(72.0 * i for i in range(11)),
            counts=(31, 24, 20, 18, 14, 12, 10, 9, 7, 4),
            already=5,
        ),
        instability=instability(),
    )


def benefit() -> Benefit:
    """Five lines over the thresholds; acting on everybody falls far below nothing."""
    at = tuple(i / 100 for i in range(5, 41))

    def line(kind: str, name: str, scale: float) -> BenefitLine:
        net = tuple(about(scale * 90 * (0.45 - t) ** 2 * 5, 8) for t in at)
        return BenefitLine(kind=kind, name=name, net=net, gain=net)  # type: ignore[arg-type]

    everyone = tuple(about(1000 * (0.12 - t) / (1 - t), 6) for t in at)
    return Benefit(
        thresholds=at,
        agreed=(0.15, 0.3),
        agreed_by="the bands of the guidance",
        lines=(
            line("model", "the model", 1.0),
            BenefitLine(kind="everyone", name="everybody", net=everyone, gain=everyone),
            line("published", "HOSPITAL score, as published", 0.7),
            line("simple", "age and prior admissions", 0.5),
        ),
    )


def policied() -> Policied:
    """Two bands, of which one speaks."""

    def band(name: str, *, speaks: bool) -> BandWork:
        return BandWork(
            band=name, when="risk >= 2 * average", speaks=speaks, rows=430, events=150, share=about(0.1, 0.01),
            ppv=about(0.35), number_needed=(2.9, 2.5, None), sensitivity=about(0.3), per_ward_day=None,
        )  # fmt: skip

    return Policied(
        bands=(band("high", speaks=True), band("low", speaks=False)), nowhere=0, silenced=7, alerts=430, right=150,
        missed=350, false_alarms=280, alert_rate=about(0.1), ppv=about(0.35), missed_rate=about(0.7),
        false_alarm_rate=about(0.07), per_ward_day=None, unread=("icu",),
    )  # fmt: skip


def yields() -> YieldCurve:
    """More alerts find more."""

    def point(rate: float) -> YieldPoint:
        caught = 1 - (1 - rate) ** 3
        return YieldPoint(
            threshold=0.4 - 0.4 * rate, alert_rate=rate, per_ward_day=None, right=0.4 - rate / 4,
            caught=Estimate(value=caught, ci=(max(caught - 0.04, 0), min(caught + 0.04, 1))),
        )  # fmt: skip

    return YieldCurve(
        points=tuple(point(a / 100) for a in range(1, 50)), chosen=point(0.11), capacity=0.2, capacity_per_ward_day=None
    )


def old_and_new() -> OldAndNew:
    """Some lose an alert."""
    return OldAndNew(
        kind="published", old="the HOSPITAL score", threshold=0.23,
        both=Cell(rows=210, events=90, share=about(0.43)), only_old=Cell(rows=190, events=30, share=about(0.16)),
        only_new=Cell(rows=220, events=61, share=about(0.28)), neither=Cell(rows=3688, events=317, share=about(0.09)),
        caught=about(0.062, 0.029), false_alarms=about(-0.004, 0.008), alerts=about(0.007, 0.006),
    )  # fmt: skip


def over_time() -> OverTime:
    """Three years, of which the last month is not ripe."""
    months = [f"{year}-{month:02d}" for year in (2023, 2024, 2025) for month in range(1, 13)]
    return OverTime(
        months=tuple(
            Month(
                month=name, rows=120, events=14, alerts=12, ripe=i < len(months) - 1,
                observed_expected=about(1 + 0.3 * ((i * 7) % 5 - 2) / 2, 0.25) if i % 9 else None,
                right=about(0.30 + (i * 5) % 11 / 100, 0.09),
            )
            for i, name in enumerate(months)
        ),
        last_ripe=months[-2],
        limits=(0.8, 1.25),
    )  # fmt: skip


def spread() -> Spread:
    """A long tail, and a pile."""
    edges = tuple(i / 50 for i in range(26))
    other = tuple(int(900 / (1 + i * i / 6)) for i in range(25))
    return Spread(
        edges=edges, happened=tuple(n // (10 - i // 3) for i, n in enumerate(other)), not_happened=other, threshold=0.23,
        above=about(0.1), piles=(Pile(risk=0.034, rows=88, events=3),),
    )  # fmt: skip


def ranking() -> Ranking:
    """From nobody flagged to all."""
    points = [RankingPoint(threshold=None, false_alarms=0.0, caught=0.0, right=None)]
    points += [
        RankingPoint(threshold=1 - i / 50, false_alarms=(i / 50) ** 2, caught=(i / 50) ** 0.6, right=0.6 - i / 103)
        for i in range(1, 51)
    ]
    return Ranking(points=tuple(points), at_threshold=points[8], base_rate=0.12)


def instability() -> Instability:
    """Steadier where most patients are."""
    return Instability(
        kind="scorecard", samples=20, rows=4308, mean_difference=0.018, half_of_rows=0.011, nine_in_ten=0.04,
        changes_side=0.034,
        bands=tuple(
            InstabilityBand(stated=i / 20, low=i / 20 * 0.8, high=i / 20 * 1.25, mean_difference=i / 300, rows=900 // i)
            for i in range(1, 9)
        ),
        slope=about(0.94, 0.1), observed_expected=about(1.0, 0.05), curves=((0.1, 0.2),), stated=(0.1, 0.2),
    )  # fmt: skip


def validations() -> tuple[Validation, ...]:
    """A year that it holds in, a site where it does not, and one that nobody can judge."""
    return (
        Validation(
            scheme="temporal", name="2025-01-01 to 2025-12-31", fitted_rows=2600, rows=1700, events=201, patients=1100,
            auroc=about(0.71), observed_expected=about(1.02, 0.1), calibration_intercept=about(0.0, 0.1),
            calibration_slope=about(0.98, 0.15),
        ),
        Validation(
            scheme="site", name="north", fitted_rows=3100, rows=1200, events=190, patients=800,
            auroc=about(0.70), observed_expected=about(1.45, 0.12), calibration_intercept=about(0.4, 0.1),
            calibration_slope=about(0.9, 0.2),
        ),
        Validation(
            scheme="site", name="south", fitted_rows=4000, rows=40, events=3, patients=30,
            unjudged="3 events are too few to judge.",
        ),
    )  # fmt: skip


def _missing(label: str, share: float) -> MissingInput:
    return MissingInput(
        name=label, label=label, all_rows=about(share, 0.0), happened=about(share * 0.8, share / 20),
        not_happened=about(share, share / 40), known_absent=share / 2,
    )  # fmt: skip
