"""Small releases, evidence and people for the registry's tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.guidance.evidence import (
    EVALUATION_FILE,
    SILENT_FILE,
    Calibration,
    Estimate,
    Evaluation,
    JudgedPrediction,
    Leaks,
    ModelReport,
    Price,
    SampleSize,
    SilentMonth,
    Skew,
    Validation,
    Weighed,
    encode_report,
)
from services.guidance.release import EvidencePack, ReleaseBundle, canonical_json, pack
from tests.guidance import small_guidance

RELEASE = "sha256:" + "a" * 64
TEAM: Mapping[str, tuple[str, ...]] = {
    "Ann Clinical": ("clinical-reviewer",),
    "Ben Data": ("data-science-reviewer",),
    "Cleo Equity": ("equity-reviewer", "patient-representative"),
    "Dan Privacy": ("privacy-security",),
    "Eve Steward": ("data-steward", "operations"),
    "Fay Operations": ("operations",),
    "Gil Patient": ("patient-representative",),
    "Hal Statistics": ("statistician",),
    "Ida Safety": ("safety-officer",),
    "Jon Developer": ("model-developer", "clinical-reviewer"),
    "Kim Auditor": ("auditor",),
    "Lea Administrator": ("administrator", "clinical-reviewer"),
}
"""Name → roles."""


def model(shift: float = 0.0) -> bytes:
    """A scorecard on age and haemoglobin; another `shift` is another model."""
    return canonical_json(
        {
            "kind": "scorecard",
            "inputs": ["age", "hb"],
            "intercept": -2.0 + shift,
            "steps": [
                {"input": 0, "cuts": [65.0], "values": [-0.3, 0.4], "missing": 0.0},
                {"input": 1, "cuts": [10.0], "values": [0.8, -0.2], "missing": 0.1},
            ],
            "calibration": {"intercept": 0.0, "slope": 1.0},
            "reference": {"name": "stays of the tests", "steps": [0.0, 0.1], "pairs": []},
        }
    )


def one_input_model(name: str) -> bytes:
    """A scorecard on a single input."""
    return canonical_json(
        {
            "kind": "scorecard",
            "inputs": [name],
            "intercept": -2.0,
            "steps": [{"input": 0, "cuts": [1.0], "values": [-0.3, 0.4], "missing": 0.0}],
            "reference": {"name": "stays of the tests", "steps": [0.0]},
        }
    )


def release(shift: float = 0.0) -> ReleaseBundle:
    """A release of the small guidance that opens."""
    reference = {"name": "stays of the tests", "base_rate": 0.12, "n": 2000, "events": 240, "inputs": {}}
    files = {
        **small_guidance.files(),
        "model.json": model(shift),
        "reference.json": canonical_json(reference),
    }
    return ReleaseBundle(guidance="small", version="1.0.0", files=files)


def evaluation(release: str = RELEASE, **change: Any) -> Evaluation:
    """A training report that passes the gate, or with some of its parts changed."""
    near_one = Estimate(value=1.0, ci=(0.9, 1.1))
    report = ModelReport(
        auroc=0.72,
        auroc_ci=(0.70, 0.74),
        auprc=0.31,
        brier=0.095,
        calibration_intercept=Estimate(value=0.0, ci=(-0.1, 0.1)),
        calibration_slope=near_one,
    )
    good = Evaluation(
        guidance="small",
        release=release,
        since="2023-01-01T00:00:00Z",
        until="2025-12-31T00:00:00Z",
        rows=2000,
        events=240,
        patients=1500,
        split="5-fold cross-validation, grouped by patient",
        models={"scorecard": report},
        chosen="scorecard",
        price_of_glass_box=Price(auroc=0.002, brier=0.0003, sentence="Clarity costs 2 of 1,000 pairs."),
        leaks=leaks(),
        sample_size=SampleSize(needed=660, rows=2000, events=240, parameters=8),
        validations=(later_time(),),
    )
    return msgspec.structs.replace(good, **change)


def later_time(**change: Any) -> Validation:
    """A test in later time, or with some of its parts changed."""
    good = Validation(
        scheme="temporal",
        name="2025-02-01 to 2025-12-31",
        fitted_rows=1350,
        rows=560,
        events=66,
        patients=500,
        auroc=Estimate(value=0.71, ci=(0.65, 0.77)),
    )
    return msgspec.structs.replace(good, **change)


def leaks(**change: Any) -> Leaks:
    """The alarms for leaks, silent, or with some of them ringing."""
    good = Leaks(shuffled_auroc=Estimate(value=0.5, ci=(0.47, 0.53)), largest_feature="hb", largest_feature_auroc=0.64)
    return msgspec.structs.replace(good, **change)


def weighed(**change: Any) -> JudgedPrediction:
    """A published prediction whose risks hold here, or with some of its parts changed."""
    good = JudgedPrediction(
        label="a heart attack",
        rows=900,
        events=80,
        patients=800,
        models={"published": evaluation().models["scorecard"]},
        chosen="published",
        published=Weighed(
            score="healthy", mean_risk=0.05, scored=1800, observed_expected=Estimate(value=1.0, ci=(0.9, 1.1))
        ),
    )
    return msgspec.structs.replace(good, **change)


def learned(**change: Any) -> JudgedPrediction:
    """A further prediction that was learned and passes the gate, or with some of its parts changed."""
    first = evaluation()
    names = (
        "rows", "events", "patients", "models", "chosen", "price_of_glass_box", "leaks", "sample_size", "states",
        "validations",
    )  # fmt: skip
    good = JudgedPrediction(label="intensive care", **{name: getattr(first, name) for name in names})
    return msgspec.structs.replace(good, **change)


UNEVALUATED = (
    "Not judged here: the record is too short for the 3,650 days in which it may happen; no outcome is known yet."
)


def unevaluated() -> JudgedPrediction:
    """A published prediction of which nothing is known yet."""
    return weighed(
        rows=0, events=0, patients=0, models={}, unevaluated=UNEVALUATED,
        published=Weighed(score="healthy", mean_risk=0.05, scored=1800),
    )  # fmt: skip


def silent_month(
    release: str = RELEASE, *, different: int = 0, causes: Mapping[str, int] | None = None, **change: Any
) -> SilentMonth:
    """A report of the silent month that passes the gate of both policies, or with some of its parts changed."""
    good = SilentMonth(
        guidance="small",
        release=release,
        since="2026-01-01T00:00:00Z",
        until="2026-01-31T00:00:00Z",
        decisions=3000,
        matured=2500,
        events=300,
        calibration=Calibration(observed=300, expected=295.0, o_e=Estimate(value=1.02, ci=(0.91, 1.14))),
        alert_rate=Estimate(value=0.10, ci=(0.09, 0.11)),
        alert_budget=0.2,
        skew=Skew(compared=30_000, different=different, causes=dict(causes or {})),
        unknown_share=0.05,
    )
    return msgspec.structs.replace(good, **change)


def groups(verdict: str = "meets") -> bytes:
    """What `evidence.json` says of groups: two by sex, each of whose numbers has this verdict."""
    judged = {"estimate": {"value": 1.0, "ci": [0.9, 1.1]}, "limit": [0.8, 1.25], "verdict": verdict}
    lines = [
        {
            "attribute": "sex", "value": value, "rows": rows, "patients": patients, "events": 120, "small": False,
            "auroc": judged, "observed_expected": judged, "sensitivity": judged, "false_alarm_rate": judged,
            "alert_rate": None,
        }
        for value, rows, patients in (("female", 1040, 780), ("male", 960, 720))
    ]  # fmt: skip
    table = {
        "groups": lines,
        "threshold": 0.2,
        "level": 0.975,
        "not_looked_at": [{"attribute": "race", "why": "not recorded"}],
    }
    return canonical_json({"predictions": {"risk": {"label": "readmission", "looks": {"groups": table}}}})


def training_pack(release: str, **change: Any) -> EvidencePack:
    """Training evidence for a release, with its groups and its flow."""
    flow = {
        "steps": [
            {"step": "patients in the record", "kind": "here", "n": 9000},
            {"step": "not: age >= 18", "kind": "left out", "n": 70},
        ]
    }
    files = {
        EVALUATION_FILE: encode_report(evaluation(release, **change)),
        "evidence.json": groups(),
        "cohort.json": canonical_json(flow),
    }
    return EvidencePack(evidence="training", release=release, files=files)


def silent_pack(release: str, **change: Any) -> EvidencePack:
    """The silent month's evidence for a release."""
    return EvidencePack(
        evidence="silent", release=release, files={SILENT_FILE: encode_report(silent_month(release, **change))}
    )


def packed_silent(release: str, **change: Any) -> bytes:
    """The same, packed."""
    return pack(silent_pack(release, **change))


def trial_pack(release: str) -> EvidencePack:
    """A trial's result for a release."""
    return EvidencePack(evidence="trial", release=release, files={"trial.json": b"{}"})
