"""services/guidance/guards/canary.py: facts known a microsecond too late are seen by nothing, then by everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import services.guidance as guidance_room
from services.guidance.check import load_guidance
from services.guidance.features import compile_features, read_features
from services.guidance.guards.canary import (
    CANARY,
    compile_canaries,
    look_for_canaries,
    plant,
    sample_rows,
    watch_canaries,
)
from services.timeline.events import EventBatch, EventColumns
from services.timeline.instants import DAY, HOUR, NAT
from services.timeline.timeline import assemble, index_rows
from tests.guidance.feature_cases import CLASS, LOINC, VALUE_SETS, guidance_with, lab, stay
from tests.guidance.test_feature_properties import EVERY, NOW, START

HB = EVERY["hb"]
EVERY_GUIDANCE = guidance_with(
    EVERY
    | {
        "rise": HB | {"kind": "rise", "window": {"hours": 48, "until_hours": 2}},
        "median": HB | {"kind": "median", "latest_days": 2, "window": {"days": 365, "until_days": 8}},
        "outside": HB | {"kind": "mean", "not_during": {"value_set": "inpatient"}, "assume_known": False},
        "no_hb": {"kind": "absent", "of": "hb"},
    }
)
EVERY_PLAN = compile_features(EVERY_GUIDANCE, VALUE_SETS, {})
CANARIES = compile_canaries(EVERY_GUIDANCE, VALUE_SETS)
LIBRARY = sorted((Path(guidance_room.__file__).parent / "library").iterdir())

Event = dict[str, Any]


def columns_of(events: list[Event]) -> EventColumns:
    """Events as the store gives them."""
    batch = EventBatch()
    for number, event in enumerate(events):
        batch.add(**{"patient": "p", "known": event["time"], "resource": f"Observation/{number}", **event})
    return batch.columns()


def of_patients(count: int) -> list[Event]:
    """So many patients in hospital, each with a haemoglobin."""
    return [
        event
        for number in range(count)
        for event in (
            stay(f"e{number}", START, patient=f"p{number}"),
            lab("718-7", 10 + number, NOW - HOUR, patient=f"p{number}", unit="g/dL"),
        )
    ]


def test_no_feature_sees_a_canary_before_it_is_known_and_each_does_after() -> None:
    """Every kind and window: nothing at the index, and one microsecond later each imitation sees it in each row."""
    events = columns_of(of_patients(5))
    timeline = assemble(events)
    rows = index_rows(timeline, [f"p{n}" for n in range(5)], [NOW] * 5, [f"e{n}" for n in range(5)])
    proof = watch_canaries(CANARIES, events, timeline, rows)
    assert proof.rows == 5
    assert proof.seen == {}
    assert dict(proof.awake) == dict.fromkeys(CANARIES.names, 5)
    proof.must_hold()


def test_an_engine_that_ignores_what_was_known_is_caught_in_every_feature() -> None:
    """Events all taken as known, as at the bedside: each imitation betrays it, and is named."""
    events = columns_of(of_patients(3))
    stays, names = [f"Encounter/e{n}" for n in range(3)], [f"p{n}" for n in range(3)]
    at = np.array([NOW] * 3)
    planted = plant(events, names, at, stays, np.array([START] * 3))
    proof = look_for_canaries(CANARIES, assemble(planted, all_known=True), names, at, stays)
    assert dict(proof.seen) == dict.fromkeys(CANARIES.names, 3)
    assert all(f"`{name}` read a canary" in " ".join(proof.faults()) for name in CANARIES.names)


@pytest.mark.parametrize("folder", LIBRARY, ids=lambda folder: folder.name)
def test_every_shipped_guidance_has_canaries_that_are_awake(folder: Path) -> None:
    """No window or rule of a shipped feature hides its canary: of every feature that reads events it is a proof."""
    loaded = load_guidance(folder)
    classes = sorted(loaded.value_sets.resolve(loaded.definition.index.stay).tokens)
    events = columns_of(
        [stay("e", START, patient="p"), stay("v", START - 40 * DAY, START - 39 * DAY, of="AMB", patient="p")]
        + [stay("e", START, patient="p") | {"codes": one} for one in classes[:1]]
    )
    timeline = assemble(events)
    plan = compile_canaries(loaded.definition, loaded.value_sets)
    proof = watch_canaries(plan, events, timeline, index_rows(timeline, ["p"], [NOW], ["e"]))
    proof.must_hold()
    assert set(proof.awake) == set(plan.names)


def test_one_row_of_each_patient_is_taken() -> None:
    """Evenly over the patients, early and late rows, nobody unknown; never two of one patient."""
    events = columns_of(of_patients(30))
    timeline = assemble(events)
    names = [f"p{n}" for n in range(30) for _ in range(3)]
    moments = [NOW + hour * HOUR for _ in range(30) for hour in range(3)]
    rows = index_rows(timeline, ["nobody", *names], [NOW, *moments], [""] * 91)
    chosen = sample_rows(rows, 10)
    assert len(chosen) == len(np.unique(rows.patient[chosen])) == 10
    assert (rows.patient[chosen] >= 0).all()
    assert len(np.unique(rows.at[chosen])) == 3
    assert len(sample_rows(rows, 64)) == 30
    nobody = index_rows(timeline, ["nobody"], [NOW], [""])
    assert len(sample_rows(nobody, 10)) == 0
    assert watch_canaries(CANARIES, events, timeline, nobody).rows == 0


def test_only_the_sampled_patients_are_read_again() -> None:
    """Their own events are all there beside the canaries, nobody else's are, and no other feature reads a canary."""
    planted = plant(
        columns_of(of_patients(4)), ["p1", "p3"], np.array([NOW, NOW]), ["Encounter/e1", ""], np.array([START, NAT])
    )
    assert set(planted.patient.texts()) == {"p1", "p3"}
    texts = planted.codes.texts()
    assert len(texts) - texts.count(CANARY) == 4
    assert {CLASS + "IMP", LOINC + "718-7", CANARY} == set(planted.codes.words)


# Facts of every field that the features read, at any time, known or happened after the index: hours after it, or 0.
FUTURE = st.lists(
    st.tuples(
        st.sampled_from(["718-7", "smoke", "E11.9", "birth", "stay", "canary"]),
        st.sampled_from([-400 * 24, -60, -1, 0, 1, 50]),
        st.sampled_from([0, 1, 30]),
        st.booleans(),
    ),
    max_size=12,
)


def future_fact(number: int, drawn: tuple[str, int, int, bool]) -> Event:
    """One fact that became known after the index."""
    what, hours, later, own = drawn
    time, known = NOW + hours * HOUR, max(NOW + 1, NOW + hours * HOUR) + later * HOUR
    more: Event = {"known": known, "resource": f"Future/{number}", "encounter": "Encounter/e" if own else ""}
    if what == "stay":
        # A later version of no stay that was known: another one.
        return stay(f"future-{number}", time, known=known)
    if what == "birth":
        return {"field": "Patient.birthDate", "time": time - 80 * 365 * DAY} | more
    if what == "E11.9":
        return {"field": "Condition.code", "codes": "http://hl7.org/fhir/sid/icd-10-cm|E11.9", "time": time} | more
    if what == "canary":
        return {"field": "Observation.code", "codes": CANARY, "unit": "1", "value": 5.0, "time": time} | more
    answer = {"answer": "s|yes"} if what == "smoke" else {"unit": "g/dL", "value": 11.0}
    return lab(what, 11.0, time, **more) | answer


@given(FUTURE, st.sets(st.sampled_from(["718-7", "E11.9", "smoke"])))
@settings(max_examples=150, deadline=None)
def test_planting_the_future_changes_no_feature_and_trips_no_canary(
    drawn: list[tuple[str, int, int, bool]], known: set[str]
) -> None:
    """Whatever facts become known after the index: every value, state and problem at the index stays the same bits."""
    past = [stay("e", START), {"field": "Patient.birthDate", "time": START - 70 * 365 * DAY}]
    past += [
        future_fact(n, (what, -30, 0, True)) | {"known": NOW - 2 * HOUR} for n, what in enumerate(sorted(known), 90)
    ]
    found = []
    for events in (past, past + [future_fact(n, one) for n, one in enumerate(drawn)]):
        columns = columns_of(events)
        timeline = assemble(columns)
        rows = index_rows(timeline, ["p"], [NOW], ["e"])
        found.append(read_features(EVERY_PLAN, timeline, rows))
        proof = watch_canaries(CANARIES, columns, timeline, rows)
        assert proof.seen == {}
        assert set(proof.awake) == set(CANARIES.names)
    np.testing.assert_array_equal(found[0].values, found[1].values)
    np.testing.assert_array_equal(found[0].states, found[1].states)
    assert found[0].problems == found[1].problems
