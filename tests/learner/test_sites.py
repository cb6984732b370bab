"""At which site each row was: as its Encounter says last, and of no site where it says nothing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from services.learner.sites import Sites
from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.instants import DAY
from services.timeline.timeline import Timeline, assemble

T0 = 1_700_000_000_000_000


def said(*stays: tuple[str, str, int]) -> Timeline:
    """Encounters, the organisation that each names, and when that was written."""
    batch = EventBatch()
    for name, site, known in stays:
        batch.add(
            patient="p", field="Encounter.serviceProvider", answer=f"Organization/{site}", resource=f"Encounter/{name}",
            encounter=f"Encounter/{name}", time=T0, known=T0 + known, updated=T0 + known,
        )  # fmt: skip
    batch.add(patient="p", field="Encounter.class", resource="Encounter/silent", time=T0, known=T0)
    return assemble(batch.columns())


def sites_of(timeline: Timeline, *names: str) -> list[str | None]:
    """The site of each stay."""
    words = timeline.resource_words
    places = [words.index(f"Encounter/{name}") if f"Encounter/{name}" in words else -1 for name in names]
    found = Sites.of_stays(timeline, np.array(places, dtype=np.int32))
    return [found.names[place] if place >= 0 else None for place in found.of.tolist()]


def test_a_site_is_what_the_encounter_said_last() -> None:
    """A corrected provider has replaced the first; an Encounter that names none, or no Encounter, is of no site."""
    timeline = said(("a", "east", 0), ("b", "west", 0), ("c", "east", 0), ("c", "west", DAY))
    assert sites_of(timeline, "a", "b", "c", "silent", "nowhere", "a") == ["east", "west", "west", None, None, "east"]


def test_where_nobody_names_a_site_there_is_none() -> None:
    """The field may be absent altogether."""
    assert sites_of(said(), "silent") == [None]


def read(*resources: dict[str, Any]) -> Timeline:
    """Resources as they come."""
    batch = EventBatch()
    for resource in resources:
        assert flatten_json(json.dumps(resource).encode(), batch)
    return assemble(batch.columns())


def stay(name: str, *wards: tuple[str, str], **more: Any) -> dict[str, Any]:
    """A stay in wards, each from a day on."""
    return {
        "resourceType": "Encounter", "id": name, "status": "finished", "class": {"code": "IMP"},
        "subject": {"reference": "Patient/p"}, "period": {"start": "2024-01-01", "end": "2024-01-09"},
        "location": [{"location": {"reference": f"Location/{ward}"}, "period": {"start": day}} for ward, day in wards],
        **more,
    }  # fmt: skip


def ward(name: str, site: str, **more: Any) -> dict[str, Any]:
    """A place that an institution manages."""
    return {
        "resourceType": "Location", "id": name, "managingOrganization": {"reference": f"Organization/{site}"}, **more,
    }  # fmt: skip


def test_where_no_provider_is_named_the_institution_of_the_last_place_is_the_site() -> None:
    """A provider that is named comes first; a place of nobody, or one that is not in the record, is of no site."""
    kind = {"type": [{"coding": [{"system": "s", "code": "ICU"}]}]}
    timeline = read(
        stay("moved", ("icu", "2024-01-05"), ("a1", "2024-01-02")),
        stay("named", ("a1", "2024-01-02"), serviceProvider={"reference": "Organization/west"}),
        stay("unknown", ("nowhere", "2024-01-02")),
        stay("tent", ("tent", "2024-01-02")),
        ward("a1", "east"),
        ward("icu", "north", **kind),
        {"resourceType": "Location", "id": "tent", **kind},
    )
    assert sites_of(timeline, "moved", "named", "unknown", "tent") == ["north", "west", None, None]


def test_a_place_that_is_planned_is_no_site() -> None:
    """The patient is not there yet."""
    planned = stay("a", ("icu", "2024-01-05"))
    planned["location"][0]["status"] = "planned"
    assert sites_of(read(planned, ward("icu", "north")), "a") == [None]


def test_the_parts_of_several_buckets_agree_on_the_names() -> None:
    """Each bucket knows its own sites; joined, a name is one place, and the unsaid stay unsaid."""
    parts = [
        Sites(names=("b", "d"), of=np.array([1, -1, 0], dtype=np.int32)),
        Sites(names=(), of=np.array([-1], dtype=np.int32)),
        Sites(names=("a", "b"), of=np.array([0, 1], dtype=np.int32)),
    ]
    whole = Sites.joined(parts)
    assert whole.names == ("a", "b", "d")
    assert whole.of.tolist() == [2, -1, 1, -1, 0, 1]
    assert whole.where(np.array([True, False, False, False, False, True])).of.tolist() == [2, 1]
