"""The cohort: who is learned from, and that everyone left out is counted with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.guidance.definition import Guidance, Population
from services.learner.cohort import Flow, continued, find_moments, find_stays, in_population
from services.timeline.codes import ValueSets
from services.timeline.events import EventBatch
from services.timeline.instants import DAY, HOUR, NAT
from services.timeline.timeline import Timeline, assemble

IMP = "http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP"
AMB = "http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB"
NO_SETS = ValueSets({}, titles={}, version="1")
T0 = 20_000 * DAY


def stay(batch: EventBatch, name: str, start: int, end: int = NAT, *, patient: str = "p", **changed: Any) -> None:
    """One Encounter.class event; hours after T0."""
    event: dict[str, Any] = {
        "patient": patient,
        "field": "Encounter.class",
        "codes": IMP,
        "resource": f"Encounter/{name}",
        "encounter": f"Encounter/{name}",
        "time": T0 + start * HOUR if start != NAT else NAT,
        "end": T0 + end * HOUR if end != NAT else NAT,
        "known": T0 + start * HOUR if start != NAT else T0,
    }
    batch.add(**event | changed)


def timeline_of(*stays: tuple[Any, ...]) -> Timeline:
    """A timeline of stays: (name, start, end, changes)."""
    batch = EventBatch()
    for name, start, end, changed in stays:
        stay(batch, name, start, end, **changed)
    return assemble(batch.columns())


def guidance(at: str = "discharge", **index: Any) -> Guidance:
    """As much of a guidance as the cohort looks at."""
    return Guidance.model_construct(
        index=Guidance.model_fields["index"].annotation.model_validate(  # type: ignore[union-attr]
            {"stay": {"tokens": [IMP]}, "at": at, **index}
        ),
        outcome=Guidance.model_fields["outcome"].annotation.model_validate(  # type: ignore[union-attr]
            {"kind": "readmission", "name": "x", "happens": "x", "died": {"tokens": ["x|y"]}, "horizon_days": 30}
        ),
    )


def names(timeline: Timeline, encounters: Any) -> list[str]:
    """The bare names of stays."""
    return [timeline.resource_words[e].removeprefix("Encounter/") for e in encounters.tolist()]


def left_out(flow: Flow) -> dict[str, int]:
    """The reasons with anybody in them."""
    return {step: n for (step, kind), n in flow.counts.items() if kind == "left out" and n}


def test_stays_are_encounters_whose_last_version_is_of_the_class() -> None:
    """Visits are no stays; a retracted encounter is none; a corrected one counts as corrected."""
    timeline = timeline_of(
        ("visit", 0, 1, {"codes": AMB}),
        ("b", 50, 60, {}),
        ("a", 0, 10, {}),
        ("gone", 20, 30, {"updated": T0}),
        ("gone", 20, 30, {"field": "retracted", "codes": "", "updated": T0 + DAY}),
        ("moved", 70, 80, {"updated": T0}),
        ("moved", 71, 81, {"updated": T0 + 10 * DAY}),
    )
    stays = find_stays(timeline, NO_SETS.resolve(guidance().index.stay))
    assert names(timeline, stays.encounter) == ["a", "b", "moved"]
    assert stays.start.tolist() == [T0, T0 + 50 * HOUR, T0 + 71 * HOUR]


def test_no_stays_at_all_is_an_empty_cohort() -> None:
    """A store without encounters is not an error."""
    batch = EventBatch()
    batch.add(patient="p", field="Patient.gender", known=0)
    timeline = assemble(batch.columns())
    moments = find_moments(timeline, guidance(), NO_SETS, Flow())
    assert len(moments.at) == 0


def test_at_discharge_a_transfer_is_one_episode_and_an_open_stay_has_no_moment() -> None:
    """A stay that goes on elsewhere within 24 hours is counted at its last discharge; one that is open, not yet."""
    timeline = timeline_of(
        ("first", 0, 10, {}),
        ("second", 30, 40, {}),
        ("later", 65, 70, {}),
        ("open", 100, NAT, {}),
        ("other", 5, 6, {"patient": "q"}),
    )
    flow = Flow()
    moments = find_moments(timeline, guidance(), NO_SETS, flow)
    assert names(timeline, moments.stays.encounter) == ["second", "later", "other"]
    assert moments.at.tolist() == [T0 + 40 * HOUR, T0 + 70 * HOUR, T0 + 6 * HOUR]
    assert left_out(flow) == {
        "transferred: the episode goes on in another stay": 1,
        "the stay has not ended, or no end is known": 1,
    }
    assert flow.counts["stays", "here"] == 5
    assert flow.counts["moments of prediction", "here"] == 3


def test_after_admission_the_stay_must_still_be_open() -> None:
    """48 hours after admission: whoever had left by then is left out, with the hours that are tolerated."""
    timeline = timeline_of(("short", 0, 40, {}), ("long", 0, 49, {"patient": "q"}), ("open", 9, NAT, {"patient": "r"}))
    flow = Flow()
    moments = find_moments(timeline, guidance("admission", plus_hours=48), NO_SETS, flow)
    assert names(timeline, moments.stays.encounter) == ["long", "open"]
    assert moments.at.tolist() == [T0 + 48 * HOUR, T0 + 57 * HOUR]
    assert left_out(flow) == {"the stay ended before the moment of prediction": 1}
    tolerant = find_moments(timeline, guidance("admission", plus_hours=48, hours_tolerated=8), NO_SETS, Flow())
    assert len(tolerant.at) == 3


def test_a_stay_without_a_start_is_counted_and_left_out() -> None:
    """No start, no moment; said in the flow."""
    flow = Flow()
    find_moments(timeline_of(("x", NAT, 9, {"time": NAT})), guidance("admission"), NO_SETS, flow)
    assert left_out(flow) == {"no start of the stay is known": 1}


def test_a_period_can_be_asked_for() -> None:
    """From is inside, until is not."""
    timeline = timeline_of(*((str(i), i * 100, i * 100 + 10, {}) for i in range(4)))
    flow = Flow()
    moments = find_moments(
        timeline, guidance(), NO_SETS, flow, since=T0 + 110 * HOUR, until=T0 + 310 * HOUR
    )  # fmt: skip
    assert names(timeline, moments.stays.encounter) == ["1", "2"]
    assert left_out(flow) == {"outside the period asked for": 2}


def test_unknown_neither_includes_nor_excludes_and_is_counted() -> None:
    """An inclusion must be true; an exclusion must be true to exclude; what is unknown is on the flow."""
    value = np.array([70.0, 10.0, np.nan, 70.0])
    flag = np.array([0.0, 0.0, 0.0, np.nan])
    features = {
        "age": (value, np.array([0, 0, 2, 0], dtype=np.uint8)),
        "hospice": (flag, np.array([0, 0, 0, 2], dtype=np.uint8)),
    }
    flow = Flow()
    here = in_population(Population(include=("age >= 18",), exclude=("hospice",)), features, 4, flow)
    assert here.tolist() == [True, False, False, True]
    assert flow.counts["not: age >= 18", "left out"] == 1
    assert flow.counts["unknown whether: age >= 18", "left out"] == 1
    assert flow.counts["unknown whether: hospice", "unknown"] == 1
    assert flow.counts["in the population", "here"] == 2


def test_flows_of_buckets_add_up_and_every_stay_is_accounted_for() -> None:
    """What enters is what leaves plus what stays."""
    total = Flow()
    for patient in "pqr":
        flow = Flow()
        find_moments(
            timeline_of(("a", 0, 5, {"patient": patient}), ("b", 9, NAT, {"patient": patient})),
            guidance(),
            NO_SETS,
            flow,
        )
        total.add(flow)
    counts = {step.step: step.n for step in total.steps() if step.kind == "here"}
    assert counts["stays"] == 6
    assert counts["stays"] - sum(left_out(total).values()) == counts["moments of prediction"]


def test_the_next_stay_of_another_patient_is_no_transfer() -> None:
    """Episodes never cross patients."""
    timeline = timeline_of(("a", 0, 5, {"patient": "p"}), ("b", 6, 9, {"patient": "q"}))
    assert not continued(find_stays(timeline, NO_SETS.resolve(guidance().index.stay)), 24).any()


def test_landmarks_stand_every_so_many_hours_until_the_stay_ends() -> None:
    """The first moment, then one a day: never at the end or after it; an open stay goes on to the end of the data."""
    timeline = timeline_of(
        ("long", 0, 100, {}), ("exact", 0, 72, {"patient": "q"}), ("short", 0, 25, {"patient": "r"}),
        ("open", 10, NAT, {"patient": "s"}), ("gone", 0, 20, {"patient": "t"}),
    )  # fmt: skip
    flow = Flow()
    moments = find_moments(
        timeline, guidance("admission", plus_hours=24, every_hours=24), NO_SETS, flow, data_end=T0 + 60 * HOUR
    )
    found = [
        (name, (at - T0) // HOUR)
        for name, at in zip(names(timeline, moments.stays.encounter), moments.at.tolist(), strict=True)
    ]
    assert found == [
        ("long", 24), ("long", 48), ("long", 72), ("long", 96), ("exact", 24), ("exact", 48), ("short", 24),
        ("open", 34), ("open", 58),
    ]  # fmt: skip
    assert (np.diff(moments.stays.patient) >= 0).all()
    assert left_out(flow) == {"the stay ended before the moment of prediction": 1}
    assert flow.counts["stays", "here"] == 5
    assert flow.counts["moments every 24 hours of the stays", "here"] == 9
    assert flow.counts["moments of prediction", "here"] == 9


def test_a_period_takes_some_of_a_stays_landmarks() -> None:
    """Each moment is asked for itself."""
    timeline = timeline_of(("long", 0, 100, {}))
    flow = Flow()
    moments = find_moments(
        timeline, guidance("admission", every_hours=24), NO_SETS, flow, since=T0 + 24 * HOUR, until=T0 + 72 * HOUR
    )
    assert ((moments.at - T0) // HOUR).tolist() == [24, 48]
    assert left_out(flow) == {"outside the period asked for": 3}


def test_a_visit_is_a_stay_whose_moment_is_its_start() -> None:
    """Ambulatory encounters as the index: even one that has no length, or no end."""
    timeline = timeline_of(
        ("visit", 0, 0, {"codes": AMB}), ("open", 50, NAT, {"codes": AMB}), ("stay", 90, 99, {}),
    )  # fmt: skip
    seen = guidance("admission", stay={"tokens": [AMB]})
    moments = find_moments(timeline, seen, NO_SETS, Flow())
    assert names(timeline, moments.stays.encounter) == ["visit", "open"]
    assert moments.at.tolist() == [T0, T0 + 50 * HOUR]


SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope|"


def consents(*said: tuple[str, int, dict[str, Any]]) -> Timeline:
    """A timeline of one stay and of consents: (answer, days after the stay, changes)."""
    batch = EventBatch()
    stay(batch, "a", 0, 10)
    for number, (answer, days, changed) in enumerate(said):
        event: dict[str, Any] = {
            "patient": "p",
            "field": "Consent.provision",
            "codes": SCOPE + "research",
            "answer": f"|{answer}",
            "resource": f"Consent/{number}",
            "time": T0 + days * DAY,
            "known": T0 + days * DAY,
        }
        batch.add(**event | changed)
    return assemble(batch.columns())


@pytest.mark.parametrize(
    ("said", "learned_from"),
    [
        ([], True),
        ([("deny", 0, {})], False),
        ([("deny", 300, {})], False),  # given long after the stay: it holds for the past, too
        ([("permit", 0, {}), ("deny", 1, {})], False),
        ([("deny", 0, {}), ("permit", 1, {})], True),
        ([("permit", 1, {}), ("deny", 1, {})], False),
        ([("deny", 0, {"codes": SCOPE + "patient-privacy"})], True),
        ([("deny", 0, {"patient": "q"})], True),
        ([("deny", 0, {"end": T0 + 2 * DAY})], True),
        ([("deny", 0, {"end": T0 + 900 * DAY})], False),
        ([("permit", 5, {}), ("deny", 0, {"time": NAT})], False),
        ([("permit", 5, {}), ("permit", 0, {"time": NAT})], True),
        ([("deny", 0, {}), ("deny", 0, {"codes": SCOPE + "adr", "resource": "Consent/9"})], False),
    ],
)
def test_whoever_opted_out_of_research_is_left_out_and_counted(
    said: list[tuple[str, int, dict[str, Any]]], learned_from: bool
) -> None:
    """The latest Consent to research in force at the end decides; an undated denial is heeded."""
    flow = Flow()
    moments = find_moments(consents(*said), guidance(), NO_SETS, flow, data_end=T0 + 400 * DAY)
    assert (len(moments.at) == 1) == learned_from
    assert left_out(flow) == ({} if learned_from else {"the patient opted out of research": 1})
