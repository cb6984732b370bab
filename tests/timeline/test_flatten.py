"""The one door from JSON to events."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.timeline.events import EventBatch
from services.timeline.flatten import flatten, flatten_json
from services.timeline.resources import decode_resource
from services.timeline.timeline import assemble
from tests.timeline.made import batch_of, encounter, observation
from tests.timeline.strategies import resources


def test_a_resource_that_gives_nothing_says_so() -> None:
    """True: it gave events. False: it was skipped, and the batch says why."""
    batch = EventBatch()
    assert flatten_json(msgspec.json.encode(observation()), batch)
    assert not flatten_json(b'{"resourceType":"Claim"}', batch)
    assert not flatten_json(b"{", batch)
    assert not flatten_json(msgspec.json.encode(observation(status="registered")), batch)
    assert len(batch) == 1
    assert batch.skipped == {"Claim: not read": 1, "broken JSON": 1, "Observation: status registered": 1}


def test_a_repair_is_counted() -> None:
    """What was read only with repairs is in the report."""
    batch = batch_of(observation(id=5))
    assert len(batch) == 1
    assert batch.skipped == {"Observation: read with repairs": 1}


def test_resource_by_resource_is_the_same_as_json_by_json() -> None:
    """`flatten` on the decoded resource is what `flatten_json` does."""
    batch = EventBatch()
    raw = msgspec.json.encode(encounter())
    flatten(decode_resource(raw), batch)
    assert batch.cells[:-1] == batch_of(encounter()).cells[:-1]


@settings(max_examples=120)
@given(st.lists(resources(), max_size=4))
def test_no_resource_shaped_json_raises(contents: list[dict[str, object]]) -> None:
    """Odd content becomes events or counts, and what became events can be assembled."""
    batch = EventBatch()
    for content in contents:
        before = len(batch)
        assert flatten_json(msgspec.json.encode(content), batch) is (len(batch) > before)
    for all_known in (False, True):
        timeline = assemble(batch, all_known=all_known)
        assert len(timeline) <= len(batch.cells)
    for reason in batch.skipped:
        assert len(reason) < 80
