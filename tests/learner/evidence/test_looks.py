"""services/learner/evidence/looks.py and what it puts together: bands, yield, rivals, groups, missing inputs, instability."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.guidance.check import check_guidance, load_guidance
from services.guidance.definition import Guidance
from services.guidance.features import UNKNOWN, VALUE
from services.guidance.guards.known_time import KnownTimeProof
from services.learner.cohort import Flow
from services.learner.evidence.audit_groups import attributes_of
from services.learner.evidence.bands import apply_policy
from services.learner.evidence.draws import PatientDraws
from services.learner.evidence.evaluation import evaluate
from services.learner.evidence.instability import find_instability
from services.learner.evidence.looks import Looks, look_at
from services.learner.evidence.missing_inputs import missing_inputs
from services.learner.evidence.rivals import find_rivals
from services.learner.evidence.subgroups import HIDDEN_BELOW, subgroup_table
from services.learner.evidence.wards import Wards
from services.learner.evidence.yields import yield_curve
from services.learner.feature_matrix import CohortRows
from services.learner.models.training_rows import TrainingRows
from services.learner.setting import Setting, Told
from services.learner.sites import Sites
from services.timeline.instants import DAY, HOUR, NAT, parse_instant
from tests.learner.made_up import INPUTS, MadeUp, made_up
from tests.learner.made_up_ward import GUIDANCE, write_guidance

BEGINS = parse_instant("2024-01-01")
ROWS = 3000
DATA = made_up(ROWS, seed=3)
SCORED = GUIDANCE.replace(
    "outcome:\n",
    """  points: {kind: count, from: Observation.code, codes: {tokens: ["http://loinc.org|1-1"]}, use: rule, range: [0, 9], label: points}
  said: {kind: count, from: Observation.code, codes: {tokens: ["http://loinc.org|1-2"]}, use: rule, range: [0, 1], label: a stated risk}
outcome:
""",
    1,
).replace("evidence:\n", "evidence:\n  compare_with: [said, points]\n  simplest: [age, creatinines]\n")
TWO_BANDS = "    - {name: high, when: risk >= 2 * base_rate, card: high}\n"


@pytest.fixture(scope="module")
def guidance(tmp_path_factory: pytest.TempPathFactory) -> Guidance:
    """The made-up guidance with a score in points and a stated risk to compare with, and two bands."""
    text = SCORED.replace(
        TWO_BANDS,
        "    - {name: high, when: risk >= 2 * base_rate or points >= 8, card: high}\n"
        "    - {name: some, when: risk >= base_rate}\n",
    )
    folder = write_guidance(tmp_path_factory.mktemp("guidance") / "made-up-death", text)
    assert not check_guidance(folder)
    return load_guidance(folder).definition


def cohort(guidance: Guidance, made: MadeUp = DATA) -> CohortRows:
    """One row an hour in two wards of two sites; a tenth of the creatinine unknown, more often without the outcome."""
    rng = np.random.default_rng(1)
    rows = len(made.y)
    columns = {
        "age": np.clip(made.X[:, 0], 18, 110),
        "male": made.X[:, 1],
        "creatinine": made.X[:, 2] / 100,
        "creatinines": made.X[:, 4],
        "points": np.clip(np.round(made.truth * 12), 0, 9),
        "said": np.clip(made.truth * 0.7, 0.001, 0.999),
    }
    names = tuple(guidance.features)
    values = np.column_stack([columns[name] for name in names])
    states = np.full(values.shape, VALUE, dtype=np.uint8)
    unknown = rng.random(rows) < np.where(made.y == 1, 0.05, 0.15)
    values[unknown, names.index("creatinine")] = np.nan
    states[np.isnan(values)] = UNKNOWN
    at = BEGINS + np.arange(rows, dtype=np.int64) * HOUR
    race = np.where(np.arange(rows) < 6, 1, 0) + 2 * (np.arange(rows) % 2) * (np.arange(rows) >= 6)
    return CohortRows(
        names=names,
        values=values,
        states=states,
        y=made.y,
        outcomes={"already-there": 4},
        looked_for=np.zeros(rows, dtype=np.bool_),
        happened=np.where(made.y == 1, at + 5 * HOUR, NAT),
        until=at + DAY,
        by_prediction={},
        patients=made.patients,
        at=at,
        setting=Setting(
            told={
                "ward": Told(words=("Location/a", "Location/b"), of=(np.arange(rows) % 2).astype(np.int32)),
                "race": Told(words=("x|2028-9", "x|2054-5", "x|2106-3"), of=race.astype(np.int32)),
            }
        ),
        sites=Sites(names=("east", "west"), of=(np.arange(rows) // 1500).astype(np.int32)),
        flow=Flow(),
        problems=Counter(),
        proof=KnownTimeProof(),
    )


def looked(guidance: Guidance, rows: CohortRows, **more: Any) -> Looks:
    """All of it on the true risks."""
    return look_at(
        guidance,
        "risk",
        rows,
        DATA.truth,
        evaluate(rows.y, DATA.truth, rows.patients, resamples=50),
        average=float(rows.y.mean()),
        inputs=("age", "creatinine"),
        fold=rows.patients % 5,
        data_until=int(rows.at.max()),
        seed=0,
        **more,
    )


def test_every_figure_is_there_and_speaks_of_the_same_rows(guidance: Guidance) -> None:
    """Nothing is left out without a reason, and counts agree from figure to figure."""
    rows = cohort(guidance)
    found = looked(guidance, rows)
    assert found.policied is not None
    assert found.yields is not None
    assert found.spread is not None
    assert found.ranking is not None
    assert found.over_time is not None
    assert found.lead_time is not None
    assert sum(found.spread.happened) == found.work.events == sum(one.events for one in found.over_time.months)
    assert found.yields.chosen.caught.value == pytest.approx(found.work.sensitivity.value)
    assert found.ranking.at_threshold.caught == pytest.approx(found.work.sensitivity.value)
    assert (found.lead_time.median, found.lead_time.already) == (5.0, 4)
    assert [one.old for one in found.old_and_new] == ["a stated risk", "points, recalibrated here"]
    assert {line.kind for line in found.benefit.lines} == {"model", "everyone", "published", "recalibrated", "simple"}
    assert found.benefit.agreed_by.endswith("declares no range")
    assert [one.kind for one in found.not_compared] == ["incumbent"]
    assert looked(guidance, rows) == found


def test_bands_are_those_of_the_bedside(guidance: Guidance) -> None:
    """A rule on points brings a card whatever the risk; every row is in one band or none; missed and caught add up."""
    rows = cohort(guidance)
    average = float(rows.y.mean())
    found = apply_policy(guidance, "risk", rows, DATA.truth, average=average, wards=Wards.of_rows(rows))
    assert found is not None
    high = (2 * average <= DATA.truth) | (rows.inputs(("points",))[:, 0] >= 8)
    some = ~high & (average <= DATA.truth)
    assert [band.rows for band in found.bands] == [high.sum(), some.sum()]
    assert [band.speaks for band in found.bands] == [True, False]
    assert found.nowhere == (~high & ~some).sum()
    assert (found.alerts, found.right) == (high.sum(), rows.y[high].sum())
    assert found.right + found.missed == rows.y.sum()
    assert found.bands[0].ppv is not None
    assert found.bands[0].number_needed[0] == pytest.approx(high.sum() / rows.y[high].sum())
    assert found.per_ward_day is not None
    assert (found.per_ward_day.wards, found.per_ward_day.days) == (2, 125)
    assert found.per_ward_day.mean.value == pytest.approx(high.sum() / (2 * 125))


def test_a_policy_that_does_not_read_the_risk_has_no_bands_here(guidance: Guidance) -> None:
    """What its rules flag says nothing of the model."""
    band = guidance.policy.bands[0].model_copy(update={"when": "points >= 8"})
    ruled = guidance.model_copy(update={"policy": guidance.policy.model_copy(update={"bands": (band,)})})
    assert apply_policy(ruled, "risk", cohort(ruled), DATA.truth, average=0.2, wards=None) is None


def test_a_suppression_holds_cards_back_and_is_counted(guidance: Guidance) -> None:
    """Silenced rows are no alerts, and their events are missed."""
    rule = {"when": "male == 1", "reason": "a test"}
    policy = guidance.policy.model_validate({**guidance.policy.model_dump(), "suppressions": [rule]})
    silent = guidance.model_copy(update={"policy": policy})
    rows = cohort(guidance)
    before = apply_policy(guidance, "risk", rows, DATA.truth, average=0.2, wards=None)
    after = apply_policy(silent, "risk", rows, DATA.truth, average=0.2, wards=None)
    assert before is not None
    assert after is not None
    assert before.per_ward_day is None
    assert after.silenced > 0
    assert after.alerts + after.silenced == before.alerts
    assert after.missed > before.missed


def test_more_alerts_find_more(guidance: Guidance) -> None:
    """Along the curve both rise, up to half of all rows; the alerts of a ward in a day go with them."""
    rows = cohort(guidance)
    found = yield_curve(
        rows.y,
        DATA.truth,
        threshold=0.4,
        policy=guidance.policy,
        limits=guidance.evidence,
        wards=Wards.of_rows(rows),
        draws=PatientDraws(rows.patients, resamples=200),
    )
    rates = [one.alert_rate for one in found.points]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.5, abs=0.01)
    assert [one.caught.value for one in found.points] == sorted(one.caught.value for one in found.points)
    assert found.chosen.threshold == 0.4
    assert found.chosen.per_ward_day == pytest.approx(found.chosen.alert_rate * ROWS / (2 * 125))
    assert found.capacity == guidance.policy.alert_budget


def test_rivals_are_what_the_guidance_names(guidance: Guidance) -> None:
    """A stated risk stands as published and recalibrated, points only recalibrated, and the simplest rule is fitted."""
    rows = cohort(guidance)
    found = find_rivals(guidance, rows, rows.patients % 5)
    assert [(one.kind, one.score) for one in found.rivals] == [
        ("published", "said"),
        ("recalibrated", "said"),
        ("recalibrated", "points"),
        ("simple", ""),
    ]
    published, recalibrated, points, simple = found.reports(rows, DATA.truth)
    assert published.observed_expected.value == pytest.approx(1 / 0.7, rel=0.1)
    assert recalibrated.observed_expected.value == pytest.approx(1.0, abs=0.05)
    assert points.gain.ci[0] > 0
    assert simple.gain.value > points.gain.value
    assert simple.auroc.value > 0.5
    missing = find_rivals(guidance, replace(rows, values=np.full_like(rows.values, np.nan)), rows.patients % 5)
    assert {one.kind for one in missing.not_compared} == {"incumbent", "published", "simple"}


def test_a_fitted_rival_saw_nothing_of_the_patient(guidance: Guidance) -> None:
    """With outcomes drawn by lot it ranks no better than chance, which a fit on the same rows would not."""
    rows = cohort(guidance)
    lot = replace(rows, y=np.random.default_rng(0).permutation(rows.y))
    simple = find_rivals(guidance, lot, rows.patients % 5).reports(lot, DATA.truth)[-1]
    assert simple.auroc.ci[0] < 0.5


def test_the_record_tells_groups_that_no_guidance_lists(guidance: Guidance) -> None:
    """Race and site from the record, in words; what the record does not say, or says of all alike, is named."""
    rows = cohort(guidance)
    found = attributes_of(guidance, rows)
    assert set(found.groups) == {"age", "sex", "race", "site"}
    assert set(found.groups["race"]) == {"Asian", "Black or African American", "White"}
    assert {one.attribute for one in found.missing} == {"ethnicity", "language", "payer"}
    one_site = replace(rows, sites=Sites(names=("east",), of=np.zeros(ROWS, dtype=np.int32)))
    assert "one only" in next(one.why for one in attributes_of(guidance, one_site).missing if one.attribute == "site")


def test_of_few_patients_no_number_is_told_and_two_attributes_are_looked_at_together(guidance: Guidance) -> None:
    """Six patients are listed without events or rates; intersections have ten at least; comparisons are counted."""
    rows = cohort(guidance)
    table = subgroup_table(
        rows.y, DATA.truth, rows.patients, attributes_of(guidance, rows).groups, threshold=0.3, limits=guidance.evidence
    )
    few = next(one for one in table.groups if one.value == "Black or African American")
    assert (few.patients, few.events, few.alert_rate, few.small) == (6, None, None, True)
    assert few.auroc.estimate is few.sensitivity.estimate is few.observed_expected.estimate is None
    assert few.verdict == "cannot tell"
    assert {one.attribute for one in table.intersections} == {"sex and age", "sex and race", "age and race"}
    assert min(one.patients for one in table.intersections) >= HIDDEN_BELOW
    assert table.comparisons == 4 * (len(table.groups) + len(table.intersections))


def test_missing_inputs_are_told_by_outcome(guidance: Guidance) -> None:
    """Creatinine is missing three times as often without the outcome; the most often missing comes first."""
    first, second = missing_inputs(guidance, cohort(guidance), ("age", "creatinine"))
    assert (first.name, second.name) == ("creatinine", "age")
    assert first.happened.ci[1] < first.not_happened.ci[0]
    assert second.all_rows.value == 0


def test_a_model_of_few_patients_is_less_stable() -> None:
    """The same recipe on a sixth of the patients moves every risk further; workers and chance change nothing."""

    def of(rows: int, **more: Any) -> Any:
        data = made_up(rows, seed=3)
        training = TrainingRows.of(data.X, data.y, data.patients, inputs=INPUTS, reference="made up")
        return find_instability(training, data.truth, kind="logistic", samples=4, threshold=0.3, seed=1, **more)

    many, few = of(3000), of(500)
    assert many.mean_difference < few.mean_difference
    assert many.changes_side < few.changes_side
    assert (many.samples, many.rows, len(many.curves)) == (4, 3000, 4)
    assert many.half_of_rows <= many.nine_in_ten
    assert sum(band.rows for band in many.bands) == 3000
    assert many.slope.ci[0] <= many.slope.value <= many.slope.ci[1]
    assert of(500) == few


def test_what_no_limit_can_be_is_a_fault(tmp_path: Path) -> None:
    """Limits in the wrong order or wider than the gates', a feature that is not there: each with its line."""
    text = SCORED.replace("compare_with: [said, points]", "compare_with: [male, nobody]").replace(
        "evidence:\n",
        "evidence:\n  observed_expected: [1.2, 0.8]\n  calibration_slope: [0.5, 2]\n  thresholds: [0.4, 0.2]\n",
    )
    faults = check_guidance(write_guidance(tmp_path / "made-up-death", text))
    assert {fault.path for fault in faults} == {
        "evidence.observed_expected",
        "evidence.calibration_slope",
        "evidence.thresholds",
        "evidence.compare_with.0",
        "evidence.compare_with.1",
    }
