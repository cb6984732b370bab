"""Every figure once, from made-up numbers: what must hold of all of them is tried on these."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.figures.calibration import RiskGroup, Smooth, calibration
from services.figures.decision import Line, decision
from services.figures.flow import Stage, flow
from services.figures.frame import Caption
from services.figures.groups import Group, Measured, Panel, groups
from services.figures.lifecycle import Stage as LifeStage
from services.figures.lifecycle import lifecycle
from services.figures.measured_less import Measured as MeasuredLine
from services.figures.measured_less import measured_less
from services.figures.missing import Missing, lead_time, missing_inputs
from services.figures.old_and_new import Four, old_and_new
from services.figures.over_time import Month, control_chart
from services.figures.people import Flagging, hundred, tree
from services.figures.ranking import Point, ranking
from services.figures.read_otherwise import Reading, read_otherwise
from services.figures.shapes import Shape, shapes
from services.figures.shapes_compared import Overlaid, shapes_compared
from services.figures.spread import Bins, spread
from services.figures.stability import Moved, stability
from services.figures.validations import Bounds, validations
from services.figures.work import Effort, work_against_yield
from services.guidance.evidence import Estimate, Validation

GROUPS: Final = tuple(
    RiskGroup(stated=i / 12, observed=i / 12, low=i / 12 - 0.03, high=i / 12 + 0.05, rows=900 - 40 * i, events=30 * i)
    for i in range(1, 10)
)
SMOOTH: Final = Smooth(
    stated=[i / 100 for i in range(5, 80)],
    observed=[i / 100 for i in range(5, 80)],
    low=[i / 100 - 0.03 for i in range(5, 80)],
    high=[i / 100 + 0.04 for i in range(5, 80)],
)
THRESHOLDS: Final = [t / 100 for t in range(5, 61, 5)]
FLAGGED: Final = Flagging(right=262, false_alarms=674, missed=487, left_alone=4817)


def caption(key: str) -> Caption:
    """A caption with something to escape in it."""
    return Caption(
        key=key,
        message="It finds 35 & misses 65 of 100",
        measure="Death in hospital; site <A>, 2025, n 6,240.",
        source="made up",
        desc="Made-up numbers.",
    )


def _groups() -> tuple[Panel, ...]:
    return (
        Panel(name="missed, of 100 with it", low=0, high=100, limit=(None, 70)),
        Panel(name="observed ÷ expected", low=0, high=2, limit=(0.8, 1.25), decimals=1),
    )


def _group(name: str, verdict: str, value: float) -> Group:
    found = (value, value - 0.4, value + 0.9)
    return Group(
        name=name,
        rows="1,234",
        events="98",
        measured=[
            Measured(verdict=verdict, found=(50 * value, 20 * value, 60 * value)),
            Measured(verdict="cannot tell", why="too few to judge")
            if value > 1.5
            else Measured(verdict=verdict, found=found),
        ],
    )


def _months() -> list[Month]:
    return [
        Month(
            name=f"2025-{i:02d}", rows=100, events=12, alerts=11, ripe=i < 12,
            observed_expected=None if i == 3 else (1 + i / 30, 0.7, 1.6), right_per_100=(30 + i, 20.0, 45.0),
        )
        for i in range(1, 13)
    ]  # fmt: skip


def _reading(group: str, verdict: str, apart: float, *, remark: str = "") -> Reading:
    return Reading(
        group=group, input="oxygen saturation", unit="%", rows=1234, mean=96 + apart, explained=96,
        apart=(apart, apart - 0.4, apart + 0.4), limit=1, verdict=verdict, remark=remark,
    )  # fmt: skip


def _efforts() -> list[Effort]:
    return [
        Effort(threshold=0.5 - a / 200, alerts=a, caught=(a, max(a - 4, 0), min(a + 4, 100)), right=50 - a / 4)
        for a in range(1, 100, 3)
    ]


def _test(name: str, *, unjudged: str = "") -> Validation:
    number = None if unjudged else Estimate(value=1.3, ci=(1.27, 1.4))
    return Validation(
        scheme="site", name=name, fitted_rows=900, rows=300, events=40, patients=250, observed_expected=number,
        calibration_slope=number, unjudged=unjudged,
    )  # fmt: skip


EVERY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tree": tree(caption("tree"), FLAGGED),
        "hundred": hundred(caption("hundred"), FLAGGED, happened="came back", happened_not="did not"),
        "calibration": calibration(caption("calibration"), GROUPS, smooth=SMOOTH),
        "spread": spread(
            caption("spread"),
            Bins(edges=[0, 0.1, 0.2, 0.4], happened=[9, 30, 21], not_happened=[800, 300, 20], threshold=0.23),
            notes=["88 patients have exactly the risk 3.4 in 100."],
        ),
        "decision": decision(
            caption("decision"),
            THRESHOLDS,
            [
                Line(
                    name="the model",
                    net=[100 * (0.7 - t) for t in THRESHOLDS],
                    low=[90 * (0.7 - t) for t in THRESHOLDS],
                    high=[120 * (0.7 - t) for t in THRESHOLDS],
                ),
                Line(name="everybody", net=[1000 * (0.12 - t) for t in THRESHOLDS]),
                Line(name="age and prior admissions, a regression on two inputs", net=[60 * (0.7 - t) for t in THRESHOLDS]),
            ],
            shaded=(0.2, 0.4),
        ),
        "work": work_against_yield(
            caption("work"), _efforts(), _efforts()[4], unit="alerts for every 100 patients", capacity=20, agreed="alert budget"
        ),
        "groups": groups(
            caption("groups"),
            _groups(),
            [_group("sex: female", "meets", 1.0), _group("sex: male", "does not meet", 1.4), _group("age: 80 and over", "cannot tell", 1.6)],
            notes=["Not looked at: payer (not recorded)."],
        ),
        "changed": old_and_new(
            caption("changed"), Four(both=(210, 90), only_old=(190, 30), only_new=(220, 61), neither=(3688, 317))
        ),
        "flow": flow(
            caption("flow"),
            [
                Stage(words="patients in the event store", kind="here", n=4000),
                Stage(words="left against medical advice, which is a long reason to be written in one line", kind="out", n=70, share="1%"),
                Stage(words="nobody at all", kind="out", n=0),
                Stage(words="unknown whether: palliative", kind="unknown", n=9),
                Stage(words="analysed", kind="here", n=3921),
            ],
        ),
        "months": control_chart(caption("months"), _months(), limits=(0.8, 1.25)),
        "ranking": ranking(
            caption("ranking"),
            [Point(threshold=1 - i / 10, false_alarms=i * i, caught=10 * i, right=60 - 4 * i if i else None) for i in range(11)],
            Point(threshold=0.7, false_alarms=9, caught=30, right=48),
            base_rate=12,
        ),
        "missing": missing_inputs(
            caption("missing"),
            [
                Missing(name="albumin", all_rows=62, happened=(50, 45, 55), not_happened=(63, 61, 65)),
                Missing(name="age", all_rows=0, happened=(0, 0, 1), not_happened=(0, 0, 1)),
            ],
        ),
        "measured-less": measured_less(
            caption("measured-less"),
            [
                MeasuredLine(
                    group="site and language: north, Spanish", input="albumin", rows=1234, missing=(80, 71, 88), by_needs=41,
                    beyond=(39, 30, 47), verdict="does not meet",
                )
            ],
        ),
        "read-otherwise": read_otherwise(
            caption("read-otherwise"),
            [
                _reading("race: Black or African American", "does not meet", 2.1),
                _reading("site and race: north, Black or African American", "does not meet", 9.9, remark="seen through race"),
                _reading("sex: female", "meets", -0.1),
                _reading("age: 80 and over", "cannot tell", -0.8),
            ],
            notes=["Fewer than ten patients, of whom no number is told: site: east."],
        ),
        "lead": lead_time(caption("lead"), [72.0 * i for i in range(6)], [31, 24, 12, 5, 1]),
        "shapes": shapes(
            caption("shapes"),
            [
                Shape(
                    name=name, unit="mg/dL", line=[(0.5, -0.2), (1.2, -0.2), (1.2, 0.4), (4, 0.4)], edges=[0.5, 1, 2, 4],
                    adds=[-0.2, 0.4, 0.4], rows=[900, 80, 0], missing=0.1, missing_rows=20,
                )
                for name in ("creatinine", "urea nitrogen of the last blood test", "sodium", "albumin")
            ],
            drawn=3,
        ),
        "lifecycle": lifecycle(
            caption("lifecycle"),
            [
                LifeStage(name=name, glyph="○", does="waits", agree="everybody", here=name == "silent")
                for name in ("registered", "development", "silent", "pilot", "general")
            ],
            [LifeStage(name=name, glyph="■", does="nothing", agree="one person") for name in ("suspended", "retired")],
        ),
        "compared": shapes_compared(
            caption("compared"),
            [
                Overlaid(
                    name=name, low=0.5, high=4, new=[(0.5, -0.2), (1.2, -0.2), (1.2, 0.4), (4, 0.4)],
                    old=[] if name == "sodium" else [(0.5, -0.1), (4, 0.3)], difference=0.3,
                )
                for name in ("creatinine", "urea nitrogen of the last blood test", "sodium", "albumin")
            ],
            new="1.1.0 (842407)",
            old="1.0.0 (51bd68)",
            drawn=3,
        ),
        "stability": stability(
            caption("stability"),
            [Moved(stated=i / 20, low=i / 25, high=i / 16, mean_difference=0.01, rows=100) for i in range(1, 9)],
        ),
        "validations": validations(
            caption("validations"),
            [_test("north"), _test("south", unjudged="3 events are too few to judge.")],
            Bounds(observed_expected=(0.8, 1.25), slope=(0.8, 1.25)),
        ),
    }
)  # fmt: skip
"""By name."""
