"""Moments at orders: whenever one was written in a stay, as the bedside would have asked."""

from __future__ import annotations

from typing import Any

from services.guidance.definition import Guidance
from services.learner.cohort import Flow, find_moments
from services.timeline.events import EventBatch
from services.timeline.instants import HOUR, NAT
from services.timeline.timeline import assemble
from tests.guidance.feature_cases import guidance_with
from tests.learner.test_cohort import IMP, NO_SETS, T0, names, stay

DRUG, TOPICAL = "rx|1", "sct|topical"
ORDERED = {
    "kind": "exists",
    "from": "MedicationRequest.medication",
    "codes": {"tokens": [DRUG]},
    "not_by": {"tokens": [TOPICAL]},
    "window": {"this_order": True},
}


def asked() -> Guidance:
    """A guidance whose moments are orders."""
    return guidance_with({"ordered": ORDERED}, index={"stay": {"tokens": [IMP]}, "at": "order", "of": "ordered"})


def found(*orders: dict[str, Any]) -> tuple[list[tuple[str, int]], dict[str, int]]:
    """(stay, hour) of each moment, and what was left out; of two stays, the second still open."""
    batch = EventBatch()
    stay(batch, "a", 0, 48)
    stay(batch, "b", 100)
    for number, changes in enumerate(orders):
        at = T0 + changes.pop("hour") * HOUR
        event: dict[str, Any] = {
            "patient": "p", "field": "MedicationRequest.medication", "codes": DRUG, "encounter": "Encounter/a",
            "resource": f"MedicationRequest/{number}", "time": at, "known": at,
        }  # fmt: skip
        batch.add(**event | changes)
    timeline, flow = assemble(batch.columns()), Flow()
    moments = find_moments(timeline, asked(), NO_SETS, flow, data_end=T0 + 500 * HOUR)
    hours = ((moments.at - T0) // HOUR).tolist()
    left = {step.step: step.n for step in flow.steps() if step.kind == "left out" and step.n}
    return list(zip(names(timeline, moments.stays.encounter), hours, strict=True)), left


def test_every_order_of_a_stay_is_a_moment_and_those_written_together_are_one() -> None:
    """Not the first only: the prescriber is asked each time."""
    moments, left = found({"hour": 3}, {"hour": 3}, {"hour": 20}, {"hour": 120, "encounter": "Encounter/b"})
    assert moments == [("a", 3), ("a", 20), ("b", 120)]
    assert left == {"orders written together with another one": 1}


def test_orders_outside_of_the_stays_are_left_out_and_counted() -> None:
    """Of no encounter, of another one, before its stay or after its end."""
    moments, left = found(
        {"hour": 3, "encounter": ""},
        {"hour": 3, "encounter": "Encounter/visit"},
        {"hour": 60},
        {"hour": 90, "encounter": "Encounter/b"},
    )
    assert moments == []
    assert left == {"orders of none of these stays": 4}


def test_only_the_orders_that_the_feature_counts_are_moments() -> None:
    """Other medicines, local routes, undated orders and those entered later were no question at that moment."""
    late = {"hour": 5, "known": T0 + 9 * HOUR}
    moments, _ = found(
        {"hour": 3, "codes": "rx|2"}, {"hour": 4, "unit": TOPICAL}, {"hour": 6, "time": NAT}, late, {"hour": 7}
    )
    assert moments == [("a", 7)]
