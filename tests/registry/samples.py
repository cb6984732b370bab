"""Small releases, evidence and people for the registry's tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from services.guidance.bedside_evidence import Bedside
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
from services.guidance.evidence_limits import EvidenceLimits
from services.guidance.release import EvidencePack, ReleaseBundle, canonical_json, pack
from services.guidance.trial import TrialPlan, with_seed
from services.guidance.trial_evidence import TRIAL_FILE, Effect, Harm, Tally, TrialReport
from services.registry.decisions.gate_facts import Surroundings, Watch
from services.registry.decisions.rollbacks import Rollback
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


PLAN: Mapping[str, Any] = {
    "id": "tea-2026",
    "unit": "patient",
    "arms": [{"name": "show", "weight": 9, "shows": True}, {"name": "withheld", "weight": 1, "shows": False}],
}
"""A trial as people file it."""


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
    change = {"bedside": bedside(change.get("decisions", 3000))} | change
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


def bedside(decisions: int, **change: Any) -> Bedside:
    """What the CDS service did in a silent month of so many calls as they came, or with some of its parts changed."""
    none = Estimate(value=0.0, ci=(0.0, 0.001))
    good = Bedside(
        live=decisions,
        replayed=0,
        ended={"below-band": decisions - decisions // 10, "silent": decisions // 10},
        failed=none,
        refused=none,
        abstained=none,
        with_card=Estimate(value=0.1, ci=(0.09, 0.11)),
        clinicians=12,
        clinician_days=300,
        cards_per_clinician_day=1.0,
        most_cards_in_a_day=4,
        answers=0,
        not_in_record=0,
        pseudonyms=0,
        differing=none,
    )
    return msgspec.structs.replace(good, **change)


GOOD: Mapping[str, tuple[float, float]] = {
    "auroc": (0.68, 0.76),
    "observed_expected": (0.85, 1.2),
    "sensitivity": (0.30, 0.40),
    "false_alarm_rate": (0.08, 0.12),
}
"""Intervals of a group that keeps every limit."""


def group(
    attribute: str,
    value: str,
    *,
    small: bool = False,
    by_its_risks: Mapping[str, float] | None = None,
    **intervals: tuple[float, float] | None,
) -> dict[str, Any]:
    """One group that keeps every limit, or with other intervals; None: no number could be reckoned.

    `by_its_risks`: error rates that the group would have if each of its risks were right.
    """
    limits = {
        "auroc": (0.67, None), "observed_expected": (0.8, 1.25), "sensitivity": (0.25, None), "false_alarm_rate": (None, 0.2),
    }  # fmt: skip
    said: dict[str, Any] = {
        "attribute": attribute, "value": value, "rows": 900, "patients": 700, "events": 120, "small": small, "alert_rate": None,
    }  # fmt: skip
    for name, interval in {**GOOD, **intervals}.items():
        estimate = None if interval is None else {"value": sum(interval) / 2, "ci": list(interval)}
        said[name] = {"estimate": estimate, "limit": list(limits[name]), "verdict": _verdict(interval, limits[name])}
    for name, rate in (by_its_risks or {}).items():
        said[name]["by_its_risks"] = rate
    return said


def _verdict(interval: tuple[float, float] | None, limit: tuple[float | None, float | None]) -> str:
    if interval is None:
        return "cannot tell"
    low, high = (-math.inf if limit[0] is None else limit[0]), (math.inf if limit[1] is None else limit[1])
    if low <= interval[0] and interval[1] <= high:
        return "meets"
    return "does not meet" if interval[1] < low or high < interval[0] else "cannot tell"


def groups(release: str = RELEASE, *members: dict[str, Any], **change: Any) -> bytes:
    """The part of `evidence.json` that tells of groups: two of them, or those that are named."""
    told = list(members) or [group("sex", "female"), group("sex", "male")]
    table = {"groups": told, "level": 1 - 0.05 / len(told), "intersections": [], "not_looked_at": [], "threshold": 0.2}
    limits = EvidenceLimits().model_dump(mode="json")
    predictions = {"risk": {"label": "readmission", "looks": {"groups": {**table, **change}}}}
    return canonical_json({"release": release, "limits": limits, "predictions": predictions})


FLOW: Mapping[str, Any] = {
    "steps": [
        {"step": "patients in the record", "kind": "here", "n": 9000},
        {"step": "not: age >= 18", "kind": "left out", "n": 70},
    ]
}
"""What `cohort.json` says of who was left out."""


def dataset(report: Evaluation, **change: Any) -> bytes:
    """The manifest of the data that a report tells of."""
    told = {
        "store": "sha256:" + "d" * 64, "from": report.since, "to": report.until, "rows": report.rows,
        "events": report.events, "patients": report.patients, "values_from_the_future": 0, "rows_with_canaries": 200,
    }  # fmt: skip
    return canonical_json({**told, **change})


def training_pack(release: str, *, files: Mapping[str, bytes] | None = None, **change: Any) -> EvidencePack:
    """Training evidence for a release, with some of the report or whole files changed."""
    report = evaluation(release, **change)
    told = {
        EVALUATION_FILE: encode_report(report), "dataset.json": dataset(report), "evidence.json": groups(release),
        "cohort.json": canonical_json(FLOW),
    }  # fmt: skip
    return EvidencePack(evidence="training", release=release, files={**told, **(files or {})})


def silent_pack(release: str, **change: Any) -> EvidencePack:
    """The silent month's evidence for a release."""
    return EvidencePack(
        evidence="silent", release=release, files={SILENT_FILE: encode_report(silent_month(release, **change))}
    )


def packed_silent(release: str, **change: Any) -> bytes:
    """The same, packed."""
    return pack(silent_pack(release, **change))


def effect(outcome: str = "came back within 30 days", *, shown: int = 96, withheld: int = 150, **change: Any) -> Effect:
    """Fewer events among 1,000 shown than among 1,000 withheld, or with some of it changed."""
    by_counts = (shown - withheld) / 1000
    good = Effect(
        outcome=outcome,
        wanted="fewer",
        arms=(
            Tally(arm="show", shows=True, units=1020, followed=1000, events=shown),
            Tally(arm="withheld", shows=False, units=1010, followed=1000, events=withheld),
        ),
        difference=Estimate(value=by_counts, ci=(by_counts - 0.03, by_counts + 0.03)),
        method="difference of shares, Newcombe",
    )
    return msgspec.structs.replace(good, **change)


def trial_report(release: str, trial: str, **change: Any) -> TrialReport:
    """A trial in which cards helped and did no harm, or with some of it changed."""
    harm = effect("died within 30 days", shown=20, withheld=22, difference=Estimate(value=-0.002, ci=(-0.014, 0.010)))
    good = TrialReport(
        guidance="small",
        release=release,
        trial=trial,
        unit="patient",
        since="2026-03-01T00:00:00Z",
        until="2026-09-01T00:00:00Z",
        planned_units=2000,
        primary=effect(),
        harms=(Harm(effect=harm, at_most=0.015),),
    )
    return msgspec.structs.replace(good, **change)


def trial_pack(release: str, trial: str, **change: Any) -> EvidencePack:
    """A trial's result for a release."""
    files = {TRIAL_FILE: encode_report(trial_report(release, trial, **change))}
    return EvidencePack(evidence="trial", release=release, files=files)


TRIAL = with_seed(msgspec.convert(dict(PLAN), TrialPlan), "ab" * 32)
"""The plan with a key."""


def ready(**change: Any) -> Surroundings:
    """What the registry knows of a release for which all is filed and live, or with some of it changed."""
    facts: dict[str, Any] = {
        "trial": TRIAL,
        "trials": {TRIAL.digest: TRIAL},
        "rollback": Rollback(fallback="none", reason="the first", declared_by="Jon", declared_at="2026-11-01"),
        "watch": Watch(here=("cds/w1",), last_day="2026-11-22", calls=40, since="2026-11-20"),
    }
    return Surroundings(**{**facts, **change})
