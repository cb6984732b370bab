"""Items 46 to 48: feedback."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.cds.conftest import URL, Running
from tests.cds.spec.calls import TEA, card
from tests.cds.tea import hook_request

pytestmark = pytest.mark.anyio

FEEDBACK = f"{TEA}/feedback"
REASON = {"reason": {"code": "no", "system": "https://example.org/reasons"}, "userComment": "made up"}


def entry(uuid_of_card: str, **changes: Any) -> dict[str, Any]:
    """One piece of feedback."""
    accepted = {"outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid.uuid4())}]}
    return {"card": uuid_of_card, "outcomeTimestamp": "2026-03-01T12:01:00Z", **accepted} | changes


async def test_item_46_feedback_as_specified_is_kept_with_its_decision(cds: Running) -> None:
    """Accepted with its suggestion, overridden with its reason; what is no feedback is 400."""
    shown = await card(cds)
    suggestion = shown["suggestions"][0]["uuid"]
    said = [
        entry(shown["uuid"], acceptedSuggestions=[{"id": suggestion}]),
        {name: value for name, value in entry(shown["uuid"], outcome="overridden", overrideReason=REASON).items()
         if name != "acceptedSuggestions"},
    ]  # fmt: skip
    for one in said:
        assert (await cds.post(FEEDBACK, {"feedback": [one]})).status_code == 200
    (kept,) = cds.decisions()
    assert {one["outcome"] for one in kept["feedback"]} == {"accepted", "overridden"}
    assert [one["accepted_suggestions"] for one in kept["feedback"] if one["outcome"] == "accepted"] == [[suggestion]]
    for wrong in ({}, {"feedback": {}}, {"feedback": [entry("c", outcome="ignored")]}, {"feedback": [{"card": "c"}]}):
        assert (await cds.post(FEEDBACK, wrong)).status_code == 400


async def test_item_47_batches_repeats_and_unknown_cards_are_normal(cds: Running) -> None:
    """All are 200; the same twice is kept once."""
    shown = await card(cds)
    one = entry(shown["uuid"])
    assert (
        await cds.post(FEEDBACK, {"feedback": [one, entry(str(uuid.uuid4())), entry("not-a-uuid")]})
    ).status_code == 200
    assert (await cds.post(FEEDBACK, {"feedback": [one]})).status_code == 200
    (kept,) = cds.decisions()
    assert len(kept["feedback"]) == 1


async def test_item_48_feedback_is_authenticated_for_its_own_endpoint(cds: Running) -> None:
    """A token for .../feedback is taken; none, or one for the service itself, is 401."""
    body = {"feedback": [entry("c")]}
    assert (await cds.post(FEEDBACK, body)).status_code == 200
    assert (await cds.http.post(FEEDBACK, json=body)).status_code == 401
    other = f"Bearer {cds.ehr.token(URL + TEA)}"
    assert (await cds.post(FEEDBACK, body, Authorization=other)).status_code == 401
    assert (await cds.call(hook_request({}))).status_code == 412
