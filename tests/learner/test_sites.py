"""At which site each row was: as its Encounter says last, and of no site where it says nothing."""

from __future__ import annotations

import numpy as np

from services.learner.sites import Sites
from services.timeline.events import EventBatch
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
