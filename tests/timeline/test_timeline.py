"""Assembling: versions, retractions, references, and an order that does not depend on the input's."""

from __future__ import annotations

import random
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from services.timeline.assemble_large import assemble_large
from services.timeline.assemble_small import SMALL, assemble_small
from services.timeline.coverage import COMPLETE, Coverage
from services.timeline.errors import BadInput
from services.timeline.events import RETRACTED, EventBatch
from services.timeline.timeline import ALWAYS, FOREVER, NAT, Timeline, assemble
from tests.timeline.made import ICD, LOINC, RXNORM, at, batch_of, concept, encounter, observation, resource, seen
from tests.timeline.strategies import batch_from, event_rows

YEAR_LATER = at("2025-03-01")


def same(one: Timeline, other: Timeline) -> bool:
    """Whether two timelines are equal bit for bit."""
    for field in fields(Timeline):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            if left.dtype != right.dtype or left.tobytes() != right.tobytes():
                return False
        elif left != right:
            return False
    return True


# What a timeline is.


def test_rows_stand_by_patient_and_time_and_words_are_sorted() -> None:
    """The events of a patient are one stretch; word 0 is ""; encounters and resources share their words."""
    other = {"subject": {"reference": "Patient/a"}}
    timeline = assemble(
        batch_of(
            observation("2", effectiveDateTime="2024-03-02", encounter={"reference": "Encounter/s"}),
            observation("1"),
            encounter(),
            observation("3", **other),
        )
    )
    assert timeline.patients == ("a", "p")
    assert timeline.starts.tolist() == [0, 1, 4]
    assert timeline.fields == ("Encounter.class", "Observation.code")
    assert [timeline.resource_words[place] for place in timeline.resource] == [
        "Observation/3",
        "Encounter/s",
        "Observation/1",
        "Observation/2",
    ]
    assert [timeline.encounter_words[place] for place in timeline.encounter] == ["", "Encounter/s", "", "Encounter/s"]
    for words in (timeline.code_words, timeline.unit_words, timeline.answer_words, timeline.resource_words):
        assert words[0] == ""
        assert list(words) == sorted(set(words))
    assert timeline.coverage is COMPLETE


def test_nothing_is_a_timeline_too() -> None:
    """No events: no patients, no rows, no error, by either way."""
    for empty in (assemble(EventBatch()), assemble_large(EventBatch().columns())):
        assert len(empty) == 0
        assert empty.patients == ()
        assert empty.starts.tolist() == [0]
        assert empty.resource_words == ("",)


def test_coverage_is_unknown_unless_it_was_asked() -> None:
    """A query that is not named was not asked; in history everything was."""
    coverage = Coverage(since={"labs": 5, "problems": ALWAYS})
    assert [coverage.of(query) for query in ("labs", "problems", "vitals")] == [5, ALWAYS, FOREVER]
    assert COMPLETE.of("anything") == ALWAYS
    assert assemble(EventBatch(), coverage=coverage).coverage is coverage


def test_the_same_fact_twice_is_one_fact() -> None:
    """The same version found in two answers, or sent twice, counts once."""
    assert len(assemble(batch_of(observation(), observation(), encounter(), observation()))) == 2


# Versions.


def test_each_version_is_visible_until_the_next_is_known() -> None:
    """A correction replaces the first result from when it was stored, not before."""
    first = observation(meta={"lastUpdated": "2024-03-01T13:00:05Z"})
    corrected = observation(
        status="corrected", valueQuantity={"value": 2.1, "code": "mg/dL"}, meta={"lastUpdated": "2024-03-04"}
    )
    timeline = assemble(batch_of(corrected, first))
    values = {
        when: [fact[5] for fact in seen(timeline, at(when))]
        for when in ("2024-03-01T12:59:00Z", "2024-03-03", "2024-03-05")
    }
    assert values == {"2024-03-01T12:59:00Z": [], "2024-03-03": ["1.2"], "2024-03-05": ["2.1"]}
    assert sorted(timeline.until.tolist()) == [at("2024-03-04"), FOREVER]


def test_a_preliminary_version_takes_nothing_away() -> None:
    """A final result stays, whatever preliminary versions come before or after it."""
    final = observation(meta={"lastUpdated": "2024-03-02"})
    before = observation(status="preliminary", meta={"lastUpdated": "2024-03-01"})
    after = observation(status="preliminary", meta={"lastUpdated": "2024-03-03"})
    assert len(seen(assemble(batch_of(before, final, after)), YEAR_LATER)) == 1


def test_a_retracted_fact_was_a_fact_until_then() -> None:
    """Entered in error: the model of that day saw it, the model of today must not."""
    wrong = observation(meta={"lastUpdated": "2024-03-02"})
    gone = observation(status="entered-in-error", meta={"lastUpdated": "2024-03-05"})
    timeline = assemble(batch_of(gone, wrong))
    assert len(seen(timeline, at("2024-03-04"))) == 1
    assert len(seen(timeline, at("2024-03-05"))) == 0
    assert RETRACTED not in timeline.fields


def test_a_retraction_without_a_date_takes_every_version() -> None:
    """It cannot be placed in time, and what was entered in error is no fact."""
    assert len(assemble(batch_of(observation(), observation(status="entered-in-error")))) == 0
    dated = observation(meta={"lastUpdated": "2024-03-02"})
    assert len(assemble(batch_of(dated, observation(status="cancelled")))) == 0


def test_a_later_version_can_bring_a_fact_back() -> None:
    """Cancelled, then final after all: visible, hidden, visible."""
    versions = [
        observation(meta={"lastUpdated": "2024-03-02"}),
        observation(status="cancelled", meta={"lastUpdated": "2024-03-03"}),
        observation(meta={"lastUpdated": "2024-03-05"}),
    ]
    timeline = assemble(batch_of(*versions))
    assert [len(seen(timeline, at(day))) for day in ("2024-03-02", "2024-03-04", "2024-03-06")] == [1, 0, 1]


def test_an_open_stay_that_ends_was_open_until_then() -> None:
    """Discharge and disposition are facts of the version that brought them."""
    start = {"start": "2024-03-01T08:00:00Z"}
    opened = encounter(status="in-progress", period=start, meta={"lastUpdated": "2024-03-01T08:01:00Z"})
    ended = encounter(
        hospitalization={"dischargeDisposition": concept(("s", "home"))}, meta={"lastUpdated": "2024-03-11T10:01:00Z"}
    )
    timeline = assemble(batch_of(opened, ended))
    assert {fact[1] for fact in seen(timeline, at("2024-03-11T10:00:30Z"))} == {"Encounter.class"}
    assert {fact[1] for fact in seen(timeline, at("2024-03-11T10:02:00Z"))} == {
        "Encounter.class",
        "Encounter.dischargeDisposition",
    }
    assert len(seen(timeline, at("2024-03-05"))) == 1


def test_a_later_version_cannot_be_known_before_it_says() -> None:
    """A correction that was stored before it was issued counts from when it was issued."""
    versions = [
        observation(meta={"lastUpdated": "2024-03-02"}),
        observation(
            status="corrected", issued="2024-03-06", meta={"lastUpdated": "2024-03-04"}, valueQuantity={"value": 2}
        ),
    ]
    timeline = assemble(batch_of(*versions))
    assert [len(seen(timeline, at(day))) for day in ("2024-03-03", "2024-03-05", "2024-03-07")] == [1, 0, 1]


def test_at_the_bedside_all_is_known_and_the_latest_version_counts() -> None:
    """Even what has no time at all, and what the clock says was stored a moment from now."""
    old = observation(meta={"lastUpdated": "2024-03-02"})
    new = observation(valueQuantity={"value": 9}, meta={"lastUpdated": "2030-01-01"})
    timeless = observation("2", effectiveDateTime=None, issued=None)
    timeline = assemble(batch_of(old, new, timeless), all_known=True)
    visible = seen(timeline, YEAR_LATER)
    assert sorted(fact[5] for fact in visible) == ["1.2", "9.0"]
    assert {fact[7] for fact in visible} == {"Observation/1", "Observation/2"}
    assert (timeline.known == ALWAYS).all()
    assert not seen(assemble(batch_of(timeless)), YEAR_LATER)


def test_resources_of_two_patients_are_not_versions_of_each_other() -> None:
    """Two sites may use the same ids."""
    one = observation(meta={"lastUpdated": "2024-03-02"})
    other = observation(subject={"reference": "Patient/q"}, meta={"lastUpdated": "2024-03-03"})
    assert (assemble(batch_of(one, other)).until == FOREVER).all()


def test_resources_without_an_id_have_no_versions() -> None:
    """Each stands for itself."""
    one = observation(None, meta={"lastUpdated": "2024-03-02"})
    other = observation(None, valueQuantity={"value": 3}, meta={"lastUpdated": "2024-03-03"})
    assert (assemble(batch_of(one, other)).until == FOREVER).all()


# References.


def condition(name: str = "c", **changed: Any) -> dict[str, Any]:
    """Heart failure, recorded on the third day."""
    return resource("Condition", name, **({"code": concept((ICD, "I50.9")), "recordedDate": "2024-03-03"} | changed))


def stay(**changed: Any) -> dict[str, Any]:
    """A stay with that diagnosis, from admission."""
    role = {"condition": {"reference": "Condition/c"}, "use": concept(("s", "AD")), "rank": 1}
    return encounter(diagnosis=[role], **changed)


def diagnoses(timeline: Timeline, when: str) -> list[tuple[str, str]]:
    """Codes and rank of the diagnoses visible then."""
    return [(fact[2], fact[5]) for fact in seen(timeline, at(when)) if fact[1] == "Encounter.diagnosis"]


def test_a_diagnosis_on_a_stay_is_coded_as_its_condition_is() -> None:
    """From when that condition was recorded; before, it is a diagnosis without a code."""
    timeline = assemble(batch_of(stay(), condition()))
    assert diagnoses(timeline, "2024-03-02") == [("", "1.0")]
    assert diagnoses(timeline, "2024-03-04") == [(f"{ICD}|I50.9", "1.0")]


def test_a_diagnosis_is_as_sure_as_its_condition() -> None:
    """If when the condition was known is only assumed, so is when the diagnosis was."""
    undated = condition(recordedDate=None, onsetDateTime="2024-02-01")
    few = batch_of(stay(), undated)
    for timeline in (assemble(few), assemble_large(few.columns())):
        row = timeline.fields.index("Encounter.diagnosis") == timeline.field
        assert timeline.assumed[row].tolist() == [True]


def test_a_diagnosis_follows_the_versions_of_its_condition() -> None:
    """A recoded condition recodes the diagnosis from then on; a refuted one ends it."""
    versions = [
        condition(meta={"lastUpdated": "2024-03-03"}),
        condition(code=concept((ICD, "I50.2")), meta={"lastUpdated": "2024-03-06"}),
        condition(verificationStatus=concept(("v", "refuted")), meta={"lastUpdated": "2024-03-08"}),
    ]
    timeline = assemble(batch_of(*versions, stay()))
    assert diagnoses(timeline, "2024-03-05") == [(f"{ICD}|I50.9", "1.0")]
    assert diagnoses(timeline, "2024-03-07") == [(f"{ICD}|I50.2", "1.0")]
    assert diagnoses(timeline, "2024-03-09") == []


def test_a_diagnosis_whose_condition_was_not_fetched_stays_uncoded() -> None:
    """It is still a diagnosis of this rank; another patient's condition does not code it."""
    for others in ([], [condition(subject={"reference": "Patient/q"})], [condition("d")]):
        assert diagnoses(assemble(batch_of(stay(), *others)), "2024-03-12") == [("", "1.0")]


def test_a_medicine_is_coded_as_the_medication_it_points_to() -> None:
    """Without it there is only the name that is shown; the medication itself is nobody's event."""
    order = resource(
        "MedicationRequest",
        status="active",
        intent="order",
        authoredOn="2024-03-02",
        medicationReference={"reference": "Medication/m", "display": "Ibuprofen"},
    )
    medication = {"resourceType": "Medication", "id": "m", "code": concept((RXNORM, "5640"))}
    for all_known in (False, True):
        coded = assemble(batch_of(order, medication), all_known=all_known)
        assert [fact[2] for fact in seen(coded, at("2024-03-02"))] == [f"{RXNORM}|5640"]
        assert coded.patients == ("p",)
        assert coded.fields == ("MedicationRequest.medication",)
        assert [fact[2] for fact in seen(assemble(batch_of(order), all_known=all_known), YEAR_LATER)] == ["|Ibuprofen"]


# Properties.


@settings(max_examples=150)
@given(event_rows(), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    rows: list[tuple[Any, ...]], all_known: bool, chance: random.Random
) -> None:
    """Shuffled resources give the identical timeline, and so does each sent twice."""
    shuffled = rows + rows
    chance.shuffle(shuffled)
    assert same(assemble(batch_from(rows), all_known=all_known), assemble(batch_from(shuffled), all_known=all_known))


@settings(max_examples=200)
@given(event_rows(versions=False), st.booleans())
def test_the_bedside_and_history_assemble_the_same(rows: list[tuple[Any, ...]], all_known: bool) -> None:
    """The small way and the large way agree bit for bit, from a batch and from columns."""
    batch = batch_from(rows)
    small = assemble_small(batch, coverage=COMPLETE, all_known=all_known)
    large = assemble_large(batch.columns(), all_known=all_known)
    event("small" if small else "left to the large way")
    assert small is None or same(small, large)
    assert same(assemble(batch, all_known=all_known), large)
    assert same(assemble(batch.columns(), all_known=all_known), large)


@settings(max_examples=200)
@given(event_rows(), st.booleans())
def test_versions_assemble_the_same_either_way(rows: list[tuple[Any, ...]], all_known: bool) -> None:
    """What the small way cannot do it leaves to the large one."""
    batch = batch_from(rows)
    small = assemble_small(batch, coverage=COMPLETE, all_known=all_known)
    assert small is None or same(small, assemble_large(batch.columns(), all_known=all_known))


@settings(max_examples=200)
@given(event_rows(max_size=8), event_rows(max_size=6), st.integers(0, 5))
def test_later_versions_never_change_what_was_visible_before(
    rows: list[tuple[Any, ...]], news: list[tuple[Any, ...]], when: int
) -> None:
    """Whatever is stored later about the same resources, the past stays as it was seen then."""
    there = {(row[0], row[5]) for row in rows if row[5]}
    later = [(*row[:10], 6 + row[2].count("|"), *row[11:]) for row in news if (row[0], row[5]) in there]
    before, after = assemble(batch_from(rows)), assemble(batch_from(rows + later))
    assert seen(after, when) == seen(before, when)


@given(event_rows())
def test_a_timeline_is_well_formed(rows: list[tuple[Any, ...]]) -> None:
    """Stretches cover all rows, words are used, nothing retracted is left, no patient is nameless."""
    timeline = assemble(batch_from(rows))
    assert timeline.starts[0] == 0
    assert timeline.starts[-1] == len(timeline)
    assert (np.diff(timeline.starts) > 0).all()
    assert "" not in timeline.patients
    assert RETRACTED not in timeline.fields
    assert set(timeline.codes.tolist()) | {0} == set(range(len(timeline.code_words)))
    assert set(timeline.resource.tolist()) | set(timeline.encounter.tolist()) | {0} == set(
        range(len(timeline.resource_words))
    )
    assert NAT not in timeline.known


def test_many_events_go_the_large_way_with_the_same_result() -> None:
    """At the border between the two ways nothing changes but the speed."""
    made = [observation(str(number), valueQuantity={"value": number}) for number in range(SMALL + 1)]
    few, many = batch_of(*made[:SMALL]), batch_of(*made)
    assert assemble_small(few, coverage=COMPLETE, all_known=False) is not None
    assert same(assemble(few), assemble_large(few.columns()))
    assert len(assemble(many)) == SMALL + 1
    assert assemble(many).code_words == ("", f"{LOINC}|2160-0")


def test_facts_that_differ_in_the_last_detail_stand_in_a_fixed_order() -> None:
    """Two results without an id, alike but for their encounter, or for how sure their time is."""
    rows = [
        {"encounter": stay, "assumed": assumed, "end": end, "known": known, "unit": unit, "answer": answer}
        for stay in ("", "Encounter/s")
        for assumed in (False, True)
        for end in (NAT, 5)
        for known in (1, 2)
        for unit in ("", "mg")
        for answer in ("", "|true")
    ]
    timelines = []
    for ordered in (rows, rows[::-1]):
        batch = EventBatch()
        for row in ordered:
            batch.add(patient="p", field="Observation.code", time=0, **row)  # type: ignore[arg-type]
        timelines += [assemble(batch), assemble_large(batch.columns())]
    assert len(timelines[0]) == len(rows)
    assert all(same(timelines[0], other) for other in timelines)


def test_too_many_units_for_one_timeline_are_refused() -> None:
    """Rather than told apart wrongly."""
    batch = EventBatch()
    for number in range(40_000):
        batch.add(patient="p", field="Observation.code", unit=f"{{{number}}}", known=ALWAYS)
    with pytest.raises(BadInput, match="different units"):
        assemble(batch)
