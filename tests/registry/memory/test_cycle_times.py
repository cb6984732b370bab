"""How long it takes from data to a known effect, read from what was chained and never typed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.plumbing.registry_messages import Acknowledgement
from services.registry.memory.cycle_times import SPANS, Cycle, spans
from tests.registry.conftest import House

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def test_spans_are_counted_where_both_ends_have_happened() -> None:
    """The others have no figure, and clocks that differ give no negative time."""
    first = Cycle(guidance="g", release="r", moments={"signal": DAY, "candidate": DAY + timedelta(days=3)})
    second = Cycle(
        guidance="g", release="s",
        moments={"signal": DAY, "candidate": DAY + timedelta(days=1), "approved": DAY + timedelta(hours=12)},
    )  # fmt: skip
    found = {(one.start, one.end): one for one in spans([first, second])}
    assert found["signal", "candidate"].median == timedelta(days=2)
    assert found["signal", "candidate"].longest == timedelta(days=3)
    assert (found["candidate", "approved"].releases, found["candidate", "approved"].median) == (1, timedelta(0))
    assert (found["speaking", "effect"].releases, found["speaking", "effect"].median) == (0, None)
    assert len(found) == len(SPANS)


@pytest.mark.anyio
async def test_the_way_of_a_release_is_measured_over_http(house: House) -> None:
    """Proposed, three days later agreed, an hour later served by a worker."""
    proposed = await house.propose()
    house.clock.pass_time(days=3)
    await house.climb(proposed, "silent")
    at = house.clock.now + timedelta(hours=1)
    said = Acknowledgement(
        worker="w1", deployment="d1", guidance="g", release=proposed.release, stage="silent", ledger_number=1,
        at=at.isoformat(),
    )  # fmt: skip
    await house.as_("cds").acknowledge([said])
    answer = await house.as_("Kim Auditor").cycle_times()
    moments = answer["releases"][0]["moments"]
    assert moments.keys() == {"signal", "candidate", "approved", "deployed"}
    took = {(one["from"], one["to"]): one["median_seconds"] for one in answer["spans"]}
    assert took["candidate", "approved"] == timedelta(days=3).total_seconds()
    assert took["approved", "deployed"] == timedelta(hours=1).total_seconds()
    assert took["speaking", "effect"] is None


@pytest.mark.anyio
async def test_the_memory_is_searched_and_added_to_over_http(house: House) -> None:
    """What one person notes, another finds; the ledger leaves as a file that proves itself."""
    proposed = await house.propose()
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    kept = await house.as_("Ann Clinical").remember(
        {"guidance": known["guidance"], "kind": "incident", "text": "the feed of ward 7 was silent for a night"}
    )
    found = await house.as_("Kim Auditor").memory(words="feed ward 7 silent")
    assert found["lines"][0]["number"] == kept["number"]
    exported = await house.as_("Kim Auditor").exported_ledger()
    assert len(exported.splitlines()) >= kept["number"] + 1
