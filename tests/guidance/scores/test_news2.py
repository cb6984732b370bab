"""Claims about `guidance.scores.news2`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guidance.scores.catalogue import FORMULAS
from tests.guidance.scores.one_patient import around, compute

WELL = {"rr": 16.0, "spo2": 98.0, "oxygen": 0.0, "sbp": 120.0, "pulse": 70.0, "alert": 1.0, "temp": 37.0}

# The chart of the Royal College, row by row: the first value of a band as it is reported, points below it, points from it.
CHART = [
    ("rr", "9", 3, 1), ("rr", "12", 1, 0), ("rr", "21", 0, 2), ("rr", "25", 2, 3),
    ("spo2", "92", 3, 2), ("spo2", "94", 2, 1), ("spo2", "96", 1, 0),
    ("sbp", "91", 3, 2), ("sbp", "101", 2, 1), ("sbp", "111", 1, 0), ("sbp", "220", 0, 3),
    ("pulse", "41", 3, 1), ("pulse", "51", 1, 0), ("pulse", "91", 0, 1), ("pulse", "111", 1, 2), ("pulse", "131", 2, 3),
    ("temp", "35.1", 3, 1), ("temp", "36.1", 1, 0), ("temp", "38.1", 0, 1), ("temp", "39.1", 1, 2),
]  # fmt: skip


@pytest.mark.parametrize(("vital", "cut", "below", "reached"), CHART)
def test_every_boundary_of_the_chart(vital: str, cut: str, below: float, reached: float) -> None:
    """One reported step under it, half a step, and binary noise on either side: 38.05 is 38.1, as a nurse reads it."""
    under, over = around(cut)
    assert [compute("news2", **WELL | {vital: value}) for value in under] == [below] * len(under)
    assert [compute("news2", **WELL | {vital: value}) for value in over] == [reached] * len(over)


@pytest.mark.parametrize(
    ("saturation", "on_air", "with_oxygen"),
    [
        (70, 3, 3), (83, 3, 3), (84, 2, 2), (85, 2, 2), (86, 1, 1), (87, 1, 1), (88, 0, 0), (90, 0, 0), (92, 0, 0),
        (93, 0, 1), (94, 0, 1), (95, 0, 2), (96, 0, 2), (97, 0, 3), (100, 0, 3),
        (83.4, 3, 3), (83.5, 2, 2), (87.49, 1, 1), (87.5, 0, 0), (92.5, 0, 1), (96.5, 0, 3),
    ],
)  # fmt: skip
def test_scale_2_in_every_band(saturation: float, on_air: float, with_oxygen: float) -> None:
    """RCP 2017, SpO2 scale 2: 88-92 is the target, and too much counts only if it is the oxygen that gives it."""
    given_ = WELL | {"spo2": saturation, "hypercapnic": 1.0}
    assert compute("news2", **given_) == on_air
    assert compute("news2", **given_ | {"oxygen": 1.0}) == with_oxygen + 2


@pytest.mark.parametrize("hypercapnic", [0.0, math.nan])
def test_scale_1_unless_a_clinician_said_otherwise(hypercapnic: float) -> None:
    """88 % is 3 points on scale 1, and nothing on scale 2."""
    assert compute("news2", **WELL | {"spo2": 88.0, "hypercapnic": hypercapnic}) == 3
    assert compute("news2", **WELL | {"spo2": 88.0, "hypercapnic": 1.0}) == 0


def test_the_example_of_the_clinical_content() -> None:
    """Breathing 25 (3), oxygen (2), pulse 112 (2), temperature 38.4 (1): 8 of 20, and the largest is 3."""
    ill = WELL | {"rr": 25.0, "oxygen": 1.0, "pulse": 112.0, "temp": 38.4}
    formula = FORMULAS["news2"]
    assert formula.parts is not None
    parts = dict(zip(formula.inputs, formula.parts(formula.stacked(**ill))[:, 0].tolist(), strict=True))
    assert parts == {
        "rr": 3, "spo2": 0, "oxygen": 2, "sbp": 0, "pulse": 2, "alert": 0, "temp": 1, "hypercapnic": 0,
    }  # fmt: skip
    assert compute("news2", **ill) == 8
    assert compute("news2-largest", **ill) == 3


def test_the_worst_is_20_and_its_largest_part_3() -> None:
    """Every parameter at its worst."""
    worst = {"rr": 30.0, "spo2": 80.0, "oxygen": 1.0, "sbp": 80.0, "pulse": 140.0, "alert": 0.0, "temp": 34.0}
    assert compute("news2", **worst) == 20
    assert compute("news2-largest", **worst) == 3
    assert compute("news2-largest", **WELL) == 0
    assert compute("news2-largest", **WELL | {"oxygen": 1.0}) == 2


@pytest.mark.parametrize("missing", sorted(WELL))
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_with_a_vital_sign_missing_there_is_no_score(missing: str, scale: float) -> None:
    """Neither the sum nor the largest: an unmeasured pulse is not a normal one."""
    given_ = WELL | {missing: math.nan, "hypercapnic": scale}
    assert math.isnan(compute("news2", **given_))
    assert math.isnan(compute("news2-largest", **given_))


@given(st.data())
def test_the_score_is_what_a_nurse_reads_from_the_chart(data: st.DataObject) -> None:
    """Whole vital signs, temperature in tenths, both scales: a table look-up, line by line, gives the same."""
    rr, spo2, sbp, pulse = (data.draw(st.integers(*span)) for span in ((0, 60), (50, 100), (40, 260), (20, 200)))
    tenths, oxygen, alert, scale_2 = data.draw(st.integers(300, 430)), *(data.draw(st.booleans()) for _ in range(3))
    points = 3 if rr <= 8 else 1 if rr <= 11 else 0 if rr <= 20 else 2 if rr <= 24 else 3
    if not scale_2:
        points += 3 if spo2 <= 91 else 2 if spo2 <= 93 else 1 if spo2 <= 95 else 0
    elif spo2 <= 92 or not oxygen:
        points += 3 if spo2 <= 83 else 2 if spo2 <= 85 else 1 if spo2 <= 87 else 0
    else:
        points += 1 if spo2 <= 94 else 2 if spo2 <= 96 else 3
    points += (2 if oxygen else 0) + (0 if alert else 3)
    points += 3 if sbp <= 90 else 2 if sbp <= 100 else 1 if sbp <= 110 else 0 if sbp <= 219 else 3
    points += (
        3
        if pulse <= 40
        else 1
        if pulse <= 50
        else 0
        if pulse <= 90
        else 1
        if pulse <= 110
        else 2
        if pulse <= 130
        else 3
    )
    points += 3 if tenths <= 350 else 1 if tenths <= 360 else 0 if tenths <= 380 else 1 if tenths <= 390 else 2
    score = compute(
        "news2",
        rr=rr,
        spo2=spo2,
        oxygen=oxygen,
        sbp=sbp,
        pulse=pulse,
        alert=alert,
        temp=tenths / 10,
        hypercapnic=scale_2,
    )
    assert score == points


def test_fahrenheit_noise_moves_nobody_over_a_boundary() -> None:
    """100.4 [degF] are 38.0 Cel, and 100.58 are 38.1, whatever the division leaves behind."""
    assert compute("news2", **WELL | {"temp": (100.4 - 32) / 1.8}) == 0
    assert compute("news2", **WELL | {"temp": (100.58 - 32) / 1.8}) == 1
    assert np.isfinite((100.58 - 32) / 1.8)
