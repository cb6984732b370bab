"""Encounters as events."""

from __future__ import annotations

from typing import Any

import pytest

from services.timeline.events import RETRACTED
from services.timeline.instants import FOREVER, HOUR, NAT
from services.timeline.timeline import assemble
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
    assert batch.losses == {"Encounter: diagnosis without a condition": 1}
    assert not batch.skipped


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


@pytest.mark.parametrize(
    "status",
    [
        "arrived",
        "triaged",
        "in-progress",
        "onleave",
        "finished",
        None,
        "on-hold",
        "discharged",
        "completed",
        "discontinued",
    ],
)
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
    assert batch.losses == {"Encounter: no start": 2}


def test_where_what_and_with_whom_for_a_while() -> None:
    """Class, place and specialist of a part of the stay have its times, and are known when it begins."""
    later = {"start": "2024-03-02T08:00:00Z", "end": "2024-03-04T08:00:00Z"}
    batch = batch_of(
        encounter(
            classHistory=[{"class": {"system": ACT, "code": "EMER"}, "period": later}, None, {"period": later}],
            location=[
                {"location": {"reference": "Location/icu"}, "period": later},
                {"location": {"reference": "Location/ward"}},
                {"location": {"reference": "Location/next"}, "status": "planned"},
                {"location": {"display": "somewhere"}},
                None,
            ],
            participant=[
                {"individual": {"reference": "PractitionerRole/r"}, "period": later},
                {"individual": {"reference": "Practitioner/x"}},
                None,
            ],
            reasonCode=[concept(("s", "pain")), concept(("s", "fever"))],
        )
    )
    while_there = (at("2024-03-02T08:00:00Z"), at("2024-03-04T08:00:00Z"), at("2024-03-02T08:00:00Z"))
    whole_stay = (START, END, START)
    told = [
        (row["field"], row["codes"], row["answer"], (row["time"], row["end"], row["known"])) for row in rows_of(batch)
    ]
    assert told[1:] == [
        ("Encounter.siteLocation", "", "Location/icu", while_there),
        ("Encounter.siteLocation", "", "Location/ward", whole_stay),
        ("Encounter.reasonCode", "s|pain", "", whole_stay),
        ("Encounter.reasonCode", "s|fever", "", whole_stay),
        ("Encounter.classHistory", f"{ACT}|EMER", "", while_there),
        ("Encounter.location", "", "Location/icu", while_there),
        ("Encounter.location", "", "Location/ward", whole_stay),
        ("Encounter.participant", "", "PractitionerRole/r", while_there),
    ]


PLACES = [
    {"resourceType": "Location", "id": "icu", "type": [concept(("role", "ICU"))]},
    {"resourceType": "Organization", "id": "north", "type": [concept(("kind", "dept"))]},
    {"resourceType": "PractitionerRole", "id": "r", "specialty": [concept(("spec", "cardio"))]},
]


@pytest.mark.parametrize("form", ["{kind}/{name}", "urn:uuid:{name}", "https://ehr.example.org/fhir/{kind}/{name}"])
def test_places_and_people_are_coded_where_they_stand(form: str) -> None:
    """The timeline looks up what kind of department, institution and specialist they are."""

    def pointer(kind: str, name: str) -> dict[str, str]:
        return {"reference": form.format(kind=kind, name=name)}

    stay = encounter(
        location=[{"location": pointer("Location", "icu")}],
        participant=[{"individual": pointer("PractitionerRole", "r")}],
        serviceProvider=pointer("Organization", "north"),
    )
    timeline = assemble(batch_of(stay, *PLACES), all_known=True)
    told = {
        timeline.fields[field]: timeline.code_words[codes]
        for field, codes in zip(timeline.field.tolist(), timeline.codes.tolist(), strict=True)
    }
    assert told == {
        "Encounter.class": f"{ACT}|IMP",
        "Encounter.location": "role|ICU",
        "Encounter.participant": "spec|cardio",
        "Encounter.serviceProvider": "kind|dept",
    }


def test_a_contained_place_is_coded_on_the_spot() -> None:
    """Nobody else can point to it; one that is not there is nothing."""
    contained = [
        {"resourceType": "Location", "id": "l", "type": [concept(("role", "ICU"))]},
        {"resourceType": "PractitionerRole", "id": "r", "specialty": [concept(("spec", "cardio"))]},
    ]
    batch = batch_of(
        encounter(
            contained=contained,
            location=[{"location": {"reference": "#l"}}, {"location": {"reference": "#gone"}}],
            participant=[{"individual": {"reference": "#r"}}],
        )
    )
    assert [(row["field"], row["codes"], row["answer"]) for row in rows_of(batch)[1:]] == [
        ("Encounter.location", "role|ICU", ""),
        ("Encounter.participant", "spec|cardio", ""),
    ]


def test_a_stay_is_read_as_r5_says_it() -> None:
    """Other names and wrappings, the same facts."""
    r5 = {
        "resourceType": "Encounter",
        "id": "s",
        "status": "completed",
        "class": [{"coding": [{"system": ACT, "code": "IMP"}]}],
        "type": [concept(("s", "t1")), None, concept(("s", "t2"))],
        "serviceType": [{"concept": concept(("s", "onc"))}],
        "priority": concept(("s", "EM")),
        "subject": {"reference": "Patient/p"},
        "serviceProvider": {"reference": "Organization/north"},
        "actualPeriod": {"start": "2024-03-01T08:00:00Z", "end": "2024-03-11T10:00:00Z"},
        "admission": {"admitSource": concept(("s", "emd")), "dischargeDisposition": concept(("s", "exp"))},
        "reason": [{"value": [{"concept": concept(("s", "pain"))}, {"reference": {"reference": "Condition/c"}}]}, None],
        "participant": [{"actor": {"reference": "PractitionerRole/r"}}],
        "location": [{"location": {"reference": "Location/icu"}, "form": concept(("s", "bed"))}],
        "diagnosis": [
            {"condition": [{"reference": {"reference": "Condition/c1"}}]},
            {"condition": [{"reference": {"reference": "Condition/c2"}}], "use": [concept(("s", "AD"))]},
        ],
    }
    r4 = rich(
        reasonCode=[concept(("s", "pain"))],
        participant=[{"individual": {"reference": "PractitionerRole/r"}}],
        location=[{"location": {"reference": "Location/icu"}}],
    )
    read = batch_of(r5)
    assert not read.losses
    ranked = {"value": 0.0}  # R5 does not rank
    assert [row | ranked for row in rows_of(read)] == [row | ranked for row in rows_of(batch_of(r4))]


def test_the_clock_that_changes_in_the_night_changes_no_duration() -> None:
    """Offsets are what counts: this night had an hour less, and this stay lasts three hours."""
    row = only(batch_of(encounter(period={"start": "2024-03-31T00:30:00+01:00", "end": "2024-03-31T04:30:00+02:00"})))
    assert row["end"] - row["time"] == 3 * HOUR
    autumn = only(
        batch_of(encounter(period={"start": "2024-11-03T01:30:00-04:00", "end": "2024-11-03T01:30:00-05:00"}))
    )
    assert autumn["end"] - autumn["time"] == HOUR
