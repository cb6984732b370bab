"""Encounters as events."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import FOREVER, NAT
from tests.timeline.made import at, batch_of, concept, encounter, only, rows_of

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
START, END = at("2024-03-01T08:00:00Z"), at("2024-03-11T10:00:00Z")


def rich(**fields: Any) -> dict[str, Any]:
    """A stay with everything that is read."""
    return encounter(
        type=[concept(("s", "t1")), None, concept(("s", "t2"))],
        serviceType=concept(("s", "onc")),
        priority=concept(("s", "EM")),
        serviceProvider={"reference": "Organization/north"},
        hospitalization={"admitSource": concept(("s", "emd")), "dischargeDisposition": concept(("s", "exp"))},
        diagnosis=[
            {"condition": {"reference": "Condition/c1"}, "rank": 1},
            {"condition": {"reference": "Condition/c2"}, "use": concept(("s", "AD"))},
            {"condition": {"reference": "Procedure/x"}},
        ],
        **fields,
    )


def test_a_stay_tells_its_kind_its_diagnoses_and_its_end() -> None:
    """Each with the time at which it was known: the kind at the start, the end and the diagnoses at the end."""
    batch = batch_of(rich())
    told = [
        (row["field"], row["codes"], row["answer"], row["time"], row["end"], row["known"]) for row in rows_of(batch)
    ]
    assert told == [
        ("Encounter.class", f"{ACT}|IMP", "", START, END, START),
        ("Encounter.type", "s|t1", "", START, END, START),
        ("Encounter.type", "s|t2", "", START, END, START),
        ("Encounter.serviceType", "s|onc", "", START, END, START),
        ("Encounter.priority", "s|EM", "", START, END, START),
        ("Encounter.serviceProvider", "", "Organization/north", START, END, START),
        ("Encounter.admitSource", "s|emd", "", START, END, START),
        ("Encounter.dischargeDisposition", "s|exp", "", END, NAT, END),
        ("Encounter.diagnosis", "", "Condition/c1", START, END, END),
        ("Encounter.diagnosis", "", "Condition/c2", START, END, START),
    ]
    assert {row["encounter"] for row in rows_of(batch)} == {"Encounter/s"}
    assert [row["value"] for row in rows_of(batch) if row["answer"] == "Condition/c1"] == [1.0]
    assert batch.skipped == {"Encounter: diagnosis without a condition": 1}


def test_an_open_stay_has_no_end_yet() -> None:
    """Its disposition, if there is one already, and its diagnoses are as of when it was stored."""
    batch = batch_of(
        rich(status="in-progress", period={"start": "2024-03-01T08:00:00Z"}, meta={"lastUpdated": "2024-03-03"})
    )
    rows = {row["field"] + row["answer"]: row for row in rows_of(batch)}
    assert (rows["Encounter.class"]["time"], rows["Encounter.class"]["end"]) == (START, NAT)
    disposition = rows["Encounter.dischargeDisposition"]
    assert (disposition["time"], disposition["known"]) == (at("2024-03-03"), at("2024-03-03"))
    assert rows["Encounter.diagnosisCondition/c1"]["known"] == at("2024-03-03")
    assert rows["Encounter.diagnosisCondition/c2"]["known"] == START


@pytest.mark.parametrize("status", ["arrived", "triaged", "in-progress", "onleave", "finished", None])
def test_stays_that_took_place_are_facts(status: str | None) -> None:
    """Whatever stage a stay is at, once the patient is there."""
    assert [row["field"] for row in rows_of(batch_of(encounter(status=status)))] == ["Encounter.class"]


@pytest.mark.parametrize(("status", "fields"), [("planned", []), ("unknown", []), ("cancelled", [RETRACTED]), ("entered-in-error", [RETRACTED])])  # fmt: skip
def test_stays_that_did_not_take_place_are_none(status: str, fields: list[str]) -> None:
    """A planned stay says nothing; a cancelled one takes back what was said."""
    batch = batch_of(encounter(status=status))
    assert [row["field"] for row in rows_of(batch)] == fields
    assert batch.skipped == {f"Encounter: status {status}": 1}


def test_a_class_can_come_as_a_coding_a_concept_or_a_list() -> None:
    """R4 sends a Coding; concepts and R5's lists are understood; without one the stay is still a stay."""
    expected = f"{ACT}|IMP"
    coding = {"system": ACT, "code": "IMP"}
    for sent in (coding, {"coding": [coding]}, [{"coding": [coding]}]):
        assert only(batch_of(encounter(**{"class": sent})))["codes"] == expected
    assert only(batch_of(encounter(**{"class": None})))["codes"] == ""


def test_a_stay_without_a_start_is_counted_and_dated_by_what_there_is() -> None:
    """Its time is missing, and it is known from when it was stored."""
    batch = batch_of(encounter(period=None, meta={"lastUpdated": "2024-03-03"}), encounter("t", period=None))
    stored, never = rows_of(batch)
    assert (stored["time"], stored["known"]) == (NAT, at("2024-03-03"))
    assert (never["time"], never["known"], never["assumed"]) == (NAT, FOREVER, True)
    assert batch.skipped == {"Encounter: no start": 2}
