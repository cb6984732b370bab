"""Claims about outcomes of kind `kidney-injury`: KDIGO by creatinine after the index, against the baseline before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.definition import Guidance
from services.guidance.outcome import horizon_passed, label_outcome
from services.guidance.scores.kdigo import KDIGO_AKI_STAGE
from services.timeline.instants import DAY, HOUR, NAT
from services.timeline.timeline import index_rows
from tests.guidance.feature_cases import LOINC, VALUE_SETS, guidance_with, timeline_of
from tests.guidance.test_outcome import DATA_END, FEATURES, INDEX, START, died, label

AT = START + 6 * HOUR
WEEK = AT + 7 * DAY


def asked(stage: int = 1) -> Guidance:
    """A guidance that predicts kidney injury of at least that stage."""
    return guidance_with(
        FEATURES,
        outcome={
            "kind": "kidney-injury", "name": "kidney injury", "happens": "have it", "died": {"value_set": "died"},
            "horizon_days": 7,
            "injury": {
                "creatinine": {"tokens": [LOINC + "2160-0", LOINC + "14682-9"]},
                "replacement": {"tokens": ["s|dialysis"]}, "stage": stage,
            },
        },
    )  # fmt: skip


def creatinine(moment: int, value: float, unit: str = "mg/dL", code: str = "2160-0", **more: Any) -> dict[str, Any]:
    """A result."""
    return {"field": "Observation.code", "codes": LOINC + code, "unit": unit, "value": value, "time": moment, **more}


def judged(*events: dict[str, Any], stage: int = 1, **more: Any) -> tuple[int, str, int]:
    """Label, state and time of an index at AT."""
    return label([INDEX, *events], guidance=asked(stage), when=AT, **more)


USUAL = creatinine(AT - 30 * DAY, 1.0)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], (-1, "not-measured", NAT)),
        ([USUAL], (-1, "not-measured", NAT)),
        ([USUAL, creatinine(AT, 3.0)], (-1, "not-measured", NAT)),
        ([creatinine(AT + DAY, 3.0)], (-1, "no-baseline", NAT)),
        ([USUAL, creatinine(AT + DAY, 1.2)], (0, "negative", WEEK)),
        ([USUAL, creatinine(AT + DAY, 1.49)], (0, "negative", WEEK)),
        ([USUAL, creatinine(AT + DAY, 1.5)], (1, "positive", AT + DAY)),
        ([USUAL, creatinine(AT + DAY, 1.2), creatinine(AT + 4 * DAY, 1.6)], (1, "positive", AT + 4 * DAY)),
        ([USUAL, creatinine(WEEK, 1.6)], (1, "positive", WEEK)),
        ([USUAL, creatinine(WEEK + 1, 1.6)], (-1, "not-measured", NAT)),
        # 0.3 mg/dL within 48 hours, from before the index too; `4.0 - 3.7` counts
        ([creatinine(AT - HOUR, 3.7), creatinine(AT + 40 * HOUR, 4.0)], (1, "positive", AT + 40 * HOUR)),
        ([creatinine(AT - HOUR, 3.7), creatinine(AT + 40 * HOUR, 3.99)], (0, "negative", WEEK)),
        ([creatinine(AT - HOUR, 3.7), creatinine(AT + 48 * HOUR, 4.0)], (0, "negative", WEEK)),
        # the baseline: the median from 365 to 8 days before, else the last
        ([creatinine(AT - 20 * DAY, 1.0), creatinine(AT - DAY, 2.0), creatinine(AT + 5 * DAY, 1.9)],
         (1, "positive", AT + 5 * DAY)),
        ([creatinine(AT - 7 * DAY, 1.0), creatinine(AT - 3 * DAY, 2.0), creatinine(AT + 5 * DAY, 2.2)],
         (0, "negative", WEEK)),
        ([creatinine(AT - 366 * DAY, 1.0), creatinine(AT + DAY, 3.0)], (-1, "no-baseline", NAT)),
        ([creatinine(AT - 40 * DAY, 0.8), creatinine(AT - 30 * DAY, 1.0), creatinine(AT - 20 * DAY, 1.3),
          creatinine(AT + DAY, 1.4)], (0, "negative", WEEK)),
        # another unit, another patient, an impossible value
        ([USUAL, creatinine(AT + DAY, 132.6, "umol/L", "14682-9")], (1, "positive", AT + DAY)),
        ([USUAL, creatinine(AT + DAY, 1.2), creatinine(AT + DAY, 3.0, patient="q")], (0, "negative", WEEK)),
        ([USUAL, creatinine(AT + DAY, 1.2), creatinine(AT + 2 * DAY, 88.0)], (0, "negative", WEEK)),
        ([USUAL, {"field": "Procedure.code", "codes": "s|dialysis", "time": AT + 2 * DAY}],
         (1, "positive", AT + 2 * DAY)),
        ([USUAL, creatinine(AT + DAY, 1.2), {"field": "Procedure.code", "codes": "s|dialysis", "time": AT - DAY}],
         (0, "negative", WEEK)),
        # death competes, unless the injury came first
        ([USUAL, creatinine(AT + DAY, 1.2), died(AT + 3 * DAY)], (-1, "competing-death", AT + 3 * DAY)),
        ([USUAL, creatinine(AT + DAY, 1.8), died(AT + 3 * DAY)], (1, "positive", AT + DAY)),
        ([USUAL, died(AT + 3 * DAY)], (-1, "competing-death", AT + 3 * DAY)),
        ([USUAL, creatinine(AT + DAY, 1.2), died(AT + 9 * DAY)], (0, "negative", WEEK)),
    ],
)  # fmt: skip
def test_kidney_injury_is_what_kdigo_says_of_the_week_after(
    events: list[dict[str, Any]], expected: tuple[int, str, int]
) -> None:
    """Ratio, rise, baseline, units, replacement therapy, death; and nobody is well because nobody looked."""
    assert judged(*events) == expected


def test_a_higher_stage_can_be_asked_for() -> None:
    """Stage 2 begins at twice the baseline, stage 3 at three times, or at 4.0 mg/dL once it is an injury."""
    twice = (USUAL, creatinine(AT + DAY, 2.0))
    assert [judged(*twice, stage=stage)[1] for stage in (1, 2, 3)] == ["positive", "positive", "negative"]
    severe = (creatinine(AT - 30 * DAY, 2.5), creatinine(AT + DAY, 4.0))
    assert judged(*severe, stage=3)[1] == "positive"


def test_what_has_not_passed_is_pending_and_not_learned_from() -> None:
    """An injury shows early and its absence late: rows whose week is not over are left out, injured or not."""
    assert judged(USUAL, creatinine(AT + DAY, 1.2), data_end=WEEK - 1)[1] == "pending"
    outcome = asked().outcome
    assert horizon_passed(outcome, np.array([AT]), WEEK).all()
    assert not horizon_passed(outcome, np.array([AT]), WEEK - 1).any()


HOURS = st.integers(-400 * 24, 10 * 24).filter(bool)
RESULTS = st.lists(
    st.tuples(st.sampled_from("pq"), HOURS, st.integers(30, 500)), max_size=14, unique_by=lambda r: r[:2]
)


@given(RESULTS, st.sampled_from((1, 2, 3)))
@settings(max_examples=150, deadline=None)
def test_many_rows_are_labelled_as_each_would_be_by_hand(results: list[tuple[str, int, int]], stage: int) -> None:
    """Of any results of two patients the label is that of the definition, result by result."""
    events = [INDEX, *(creatinine(AT + h * HOUR, v / 100, patient=who) for who, h, v in results)]
    timeline = timeline_of([*events, INDEX | {"patient": "q", "resource": "Encounter/q", "encounter": "Encounter/q"}])
    rows = index_rows(timeline, ["p", "q"], [AT, AT], ["index", "q"])
    labels = label_outcome(asked(stage), VALUE_SETS, timeline, rows, DATA_END)
    assert list(labels.y) == [by_hand({h: v for who, h, v in results if who == name}, stage) for name in "pq"]


def by_hand(results: dict[int, int], stage: int) -> int:
    """The label of results by hour after the index, in hundredths of mg/dL."""
    later = {h: v for h, v in results.items() if 0 < h <= 7 * 24}
    usual = sorted(v for h, v in results.items() if -365 * 24 <= h <= -8 * 24)
    before = {h: v for h, v in results.items() if -365 * 24 <= h < 0}
    if usual:
        middle = (usual[(len(usual) - 1) // 2] + usual[len(usual) // 2]) / 200
        baseline = float(np.round(middle, 2))
    elif before:
        baseline = before[max(before)] / 100
    else:
        baseline = float("nan")
    for h, v in later.items():
        lowest = min(w for g, w in results.items() if h - 48 <= g <= h) / 100
        if KDIGO_AKI_STAGE(current=v / 100, baseline=baseline, lowest_48h=lowest)[0] >= stage:
            return 1
    return -1 if not later or np.isnan(baseline) else 0
