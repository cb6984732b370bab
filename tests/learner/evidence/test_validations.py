"""Tested where it was not fitted: later time and unseen sites, with no patient on both sides and no horizon that reaches over."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.guidance.evidence import Validation
from services.guidance.guards.known_time import KnownTimeProof
from services.guidance.prediction_definition import LaterTime
from services.learner.cohort import Flow
from services.learner.evidence.validations import MOST_SITES, later_time, unseen_sites, validate
from services.learner.feature_matrix import CohortRows
from services.learner.models.splits import patient_folds
from services.learner.models.training_rows import TrainingRows
from services.learner.setting import Setting
from services.learner.sites import Sites
from services.timeline.instants import DAY, HOUR, NAT, parse_instant
from tests.learner.made_up import INPUTS, MadeUp, made_up

BEGINS = parse_instant("2023-01-01")
HORIZON = 30 * DAY
LATER = LaterTime()


def cohort(*, at: Any, patients: Any, y: Any, sites: Sites | None = None, horizon: int = HORIZON) -> CohortRows:
    """Rows of whom only these things are told; without sites, none is named."""
    at = np.asarray(at, dtype=np.int64)
    nobody = np.zeros(len(at), dtype=np.bool_)
    return CohortRows(
        names=(),
        values=np.empty((len(at), 0)),
        states=np.empty((len(at), 0), dtype=np.uint8),
        y=np.asarray(y, dtype=np.int8),
        outcomes={},
        looked_for=nobody,
        happened=np.full(len(at), NAT, dtype=np.int64),
        until=at + horizon,
        by_prediction={},
        patients=np.asarray(patients, dtype=np.int64),
        at=at,
        setting=Setting(told={}),
        sites=sites or Sites(names=(), of=np.full(len(at), -1, dtype=np.int32)),
        flow=Flow(),
        problems=Counter(),
        proof=KnownTimeProof(),
    )


def rows_of(made: MadeUp) -> TrainingRows:
    """The made-up rows as they are fitted on."""
    return TrainingRows.of(made.X, made.y, made.patients, inputs=INPUTS, reference="made up")


def three_sites(rows: int) -> Sites:
    """Every row in turn at one of three sites."""
    return Sites(names=("east", "north", "west"), of=np.arange(rows, dtype=np.int32) % 3)


def figures(made: MadeUp, sites: Sites | None = None, later: LaterTime = LATER, **more: Any) -> tuple[Validation, ...]:
    """The made-up rows, one a day, by the quickest kind of model."""
    days = cohort(at=BEGINS + np.arange(len(made.y)) * DAY, patients=made.patients, y=made.y, sites=sites)
    fold = patient_folds(made.y, made.patients, 3, seed=0)
    return validate(rows_of(made), days, kind="logistic", later=later, horizon_hours=None, fold=fold, seed=0, **more)


@st.composite
def cohorts(draw: st.DrawFn) -> CohortRows:
    """Any rows: several of a patient, at any times, at sites or none."""
    size = draw(st.integers(1, 60))
    whole = st.lists(st.integers(0, 400), min_size=size, max_size=size)
    some = st.lists(st.integers(0, 12), min_size=size, max_size=size)
    of = draw(st.lists(st.integers(-1, 3), min_size=size, max_size=size))
    return cohort(
        at=BEGINS + np.array(draw(whole)) * DAY // 4,
        patients=draw(some),
        y=np.zeros(size),
        sites=Sites(names=("a", "b", "c", "d"), of=np.array(of, dtype=np.int32)),
    )


@given(cohorts(), st.floats(0.05, 0.95), st.integers(1, 4), st.booleans())
@settings(max_examples=150, deadline=None)
def test_later_time_begins_after_every_horizon_that_was_fitted_on(
    rows: CohortRows, share: float, folds: int, declared: bool
) -> None:
    """The gap is at least the horizon, all later rows are tested once, and by a fit that saw nothing of their patient."""
    hours = HORIZON / HOUR if declared else None
    part = later_time(rows, LaterTime(share=share), rows.patients % folds, horizon_hours=hours)
    assert part.tested.any()
    begins = int(rows.at[part.tested].min()) // DAY * DAY
    np.testing.assert_array_equal(part.tested, rows.at >= begins)
    np.testing.assert_array_equal(part.fitted, rows.at + HORIZON < begins)
    times = np.zeros(len(rows), dtype=np.int64)
    for fitted, tested in part.sides():
        assert not (fitted & ~part.fitted).any()
        assert not np.intersect1d(rows.patients[fitted], rows.patients[tested]).size
        times += tested
    np.testing.assert_array_equal(times, part.tested)


@given(cohorts())
@settings(max_examples=150, deadline=None)
def test_a_site_is_tested_whole_by_what_never_saw_it_or_its_patients(rows: CohortRows) -> None:
    """Each named site once, all of its rows; where nobody says which site it was, a row is on neither side."""
    parts = [part for part in unseen_sites(rows) if not part.unjudged]
    for part in parts:
        site = rows.sites.names.index(part.name)
        np.testing.assert_array_equal(part.tested, rows.sites.of == site)
        assert not (part.fitted & (rows.sites.of < 0)).any()
        assert not np.intersect1d(rows.patients[part.fitted], rows.patients[part.tested]).size
    present = {rows.sites.names[place] for place in rows.sites.of.tolist() if place >= 0}
    assert {part.name for part in parts} == (present if len(present) > 1 else set())


def test_what_holds_everywhere_is_found_to_hold() -> None:
    """Later time and three sites: each has its counts and all four figures, and nothing is off."""
    made = made_up(3000)
    found = figures(made, three_sites(3000))
    assert [(one.scheme, one.name) for one in found] == [
        ("temporal", "2028-09-30 to 2031-03-19"), ("site", "east"), ("site", "north"), ("site", "west"),
    ]  # fmt: skip
    assert (found[0].rows, found[0].fitted_rows) == (901, 2069)
    assert sum(one.rows for one in found[1:]) == 3000
    for one in found:
        assert one.unjudged == ""
        assert one.auroc.value > 0.65
        assert one.observed_expected.ci[0] < 1.1
        assert one.observed_expected.ci[1] > 0.9
        assert 0.6 < one.calibration_slope.value < 1.5
        assert one.calibration_intercept.ci[0] < 0.2


def test_a_site_and_a_time_that_are_otherwise_are_seen() -> None:
    """Planted: in one site of five the inputs mean the reverse; in the last year twice as many have the outcome."""
    made = made_up(3000)
    rng = np.random.default_rng(5)
    of = np.arange(3000, dtype=np.int32) % 5
    made.y[of == 4] = rng.random(600) < np.clip(0.6 - made.truth[of == 4], 0.02, 0.98)
    by_name = {one.name: one for one in figures(made, Sites(names=("a", "b", "c", "d", "e"), of=of))}
    assert by_name["e"].auroc.ci[1] < 0.5
    assert by_name["a"].auroc.value > 0.6
    made = made_up(3000)
    made.y[2100:] = rng.random(900) < np.clip(2 * made.truth[2100:], 0, 1)
    (later, *_) = figures(made)
    assert later.observed_expected.ci[0] > 1.3


def test_too_few_on_either_side_is_a_sentence() -> None:
    """Which side lacks which patients; the counts are there all the same."""
    made = made_up(600)
    made.y[400:] = 0
    (later, site) = figures(made)
    assert later.auroc is None
    assert (later.rows, later.events) == (181, 0)
    assert later.unjudged == (
        "The rows tested on are of 0 patients with the outcome and 181 without; at least 10 of each are needed."
    )
    assert site.unjudged == "The Encounters name no site (serviceProvider)."
    (_, site) = figures(made, Sites(names=("east",), of=np.zeros(600, dtype=np.int32)))
    assert site.unjudged == "All rows are of one site."


def test_the_declared_reason_stands_where_the_figures_would() -> None:
    """Nothing is fitted for a later time that there is not; the sites are tried all the same."""
    why = "The dates of this table are made up."
    found = figures(made_up(1500), three_sites(1500), LaterTime(impossible=why))
    assert (found[0].scheme, found[0].unjudged, found[0].auroc) == ("temporal", why, None)
    assert all(one.auroc is not None for one in found[1:])


def test_many_sites_cost_as_many_fits_as_are_declared() -> None:
    """The largest by name, and one line for the rest."""
    of = np.repeat(np.arange(MOST_SITES + 5), np.arange(MOST_SITES + 5, 0, -1)).astype(np.int32)
    sites = Sites(names=tuple(f"s{number:02}" for number in range(MOST_SITES + 5)), of=of)
    rows = cohort(at=BEGINS + np.arange(len(of)) * DAY, patients=np.arange(len(of)), y=np.zeros(len(of)), sites=sites)
    parts = list(unseen_sites(rows))
    assert [part.name for part in parts] == [*sites.names[:MOST_SITES], "5 smaller sites"]
    assert int(parts[-1].tested.sum()) == 15
    assert parts[-1].unjudged


def test_workers_change_nothing() -> None:
    """The same seed, the same figures, whoever fits; also where patients have several rows."""
    made = made_up(900, rows_a_patient=3)
    two = Sites(names=("east", "west"), of=(np.arange(900, dtype=np.int32) // 3) % 2)
    assert figures(made, two) == figures(made, two, workers=2)
