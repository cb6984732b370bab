"""Items 31 to 45: the response."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from services.cds.cards.lint import faults_of
from tests.cds.conftest import Running
from tests.cds.spec.calls import TEA, answer, card, full
from tests.cds.tea import bundle, haemoglobin, hook_request, patient

pytestmark = pytest.mark.anyio


def broken(shown: dict[str, Any], **changes: Any) -> list[str]:
    """What the last look before an answer leaves says to a card that was changed."""
    return faults_of({"cards": [shown | changes]})


async def test_item_31_200_with_cards_and_an_empty_list_for_nothing_to_say(cds: Running) -> None:
    """A card for her; for a young woman with normal blood `{"cards": []}`."""
    assert len((await answer(cds))["cards"]) == 1
    young = await full(
        cds, "p2", Patient=patient("p2", birth="2000-01-01"), Observation=bundle(haemoglobin(14, of="p2"))
    )
    said = await cds.call(hook_request(young, of="p2"))
    assert (said.status_code, said.json()) == (200, {"cards": []})


async def test_item_32_every_card_has_a_uuid_of_its_own(cds: Running) -> None:
    """A UUID, another for each card, and the same one again for a retry."""
    one, other = await card(cds), await card(cds, "p2")
    assert str(UUID(one["uuid"])) == one["uuid"]
    assert one["uuid"] != other["uuid"]


async def test_item_33_a_summary_has_less_than_140_characters(cds: Running) -> None:
    """The card's has; one of 140 would not leave."""
    shown = await card(cds)
    assert 0 < len(shown["summary"]) < 140
    assert broken(shown, summary="x" * 139) == []
    assert any("summary" in fault for fault in broken(shown, summary="x" * 140))


async def test_item_34_detail_is_markdown_and_the_record_cannot_write_in_it(cds: Running) -> None:
    """Text of the record is escaped: no link, no markup of its own."""
    odd = haemoglobin(8.5, identifier="](http://evil.example)<img src=x onerror=y>")
    said = await cds.call(hook_request(await full(cds, Observation=bundle(odd))))
    detail = said.json()["cards"][0]["detail"]
    assert "**62**" in detail
    assert "](http://evil" not in detail
    assert "<img" not in detail


async def test_item_35_the_indicator_is_one_of_three(cds: Running) -> None:
    """The card's is; no other would leave."""
    shown = await card(cds)
    assert shown["indicator"] in {"info", "warning", "critical"}
    assert broken(shown, indicator="hard-stop") != []


async def test_item_36_the_source_has_a_label_and_absolute_addresses(cds: Running) -> None:
    """`label`, an absolute `url`, `topic` as a Coding; a relative address would not leave."""
    shown = await card(cds)
    source = shown["source"]
    assert source["label"]
    assert source["url"].startswith("https://")
    assert source["topic"].keys() >= {"system", "code"}
    assert broken(shown, source=source | {"url": "/evidence"}) != []


async def test_item_37_suggestions_come_with_a_selection_behavior(cds: Running) -> None:
    """`any` or `at-most-one`; two recommended ones with at-most-one would not leave."""
    shown = await card(cds)
    assert shown["suggestions"]
    assert shown["selectionBehavior"] in {"any", "at-most-one"}
    both = [one | {"isRecommended": True} for one in shown["suggestions"]]
    assert broken(shown, suggestions=both, selectionBehavior="at-most-one") != []
    assert broken(shown, selectionBehavior="all") != []


async def test_item_38_a_suggestion_has_label_and_uuid_and_no_unasked_behavior(cds: Running) -> None:
    """Every suggestion has both; `actionSelectionBehavior` is never used for a client that did not say it knows it."""
    for suggestion in (await card(cds))["suggestions"]:
        assert suggestion["label"]
        assert str(UUID(suggestion["uuid"])) == suggestion["uuid"]
        assert "actionSelectionBehavior" not in suggestion


async def test_item_39_actions_have_what_their_type_needs(cds: Running) -> None:
    """`type`, `description`, a resource bound to the patient; a delete with a resource would not leave."""
    shown = await card(cds)
    for action in (one for suggestion in shown["suggestions"] for one in suggestion["actions"]):
        assert action["type"] == "create"
        assert action["description"]
        assert action["resource"]["subject"] == {"reference": "Patient/p1"}
        assert "id" not in action["resource"]
    for wrong in ({"resource": "MedicationRequest/1"}, {}):
        action = {"type": "delete", "description": "Take it away"} | wrong
        suggestion = shown["suggestions"][0] | {"actions": [action]}
        assert broken(shown, suggestions=[suggestion]) != []


async def test_item_40_system_actions_are_off_unless_agreed(cds: Running) -> None:
    """A client with which nothing was agreed gets none."""
    assert "systemActions" not in await answer(cds)


async def test_item_41_links_are_absolute_and_app_context_is_for_smart_ones(cds: Running) -> None:
    """`label`, `url`, `type`; a relative link, and `appContext` on an absolute one, would not leave."""
    shown = await card(cds)
    (link,) = shown["links"]
    assert link == {"label": "On tea", "url": "https://example.org/tea", "type": "absolute"}
    for wrong in ({"url": "/tea"}, {"appContext": "x"}, {"type": "web"}):
        assert broken(shown, links=[link | wrong]) != []


async def test_item_42_override_reasons_have_a_display(cds: Running) -> None:
    """System, code and display; without display it would not leave."""
    shown = await card(cds)
    reasons = shown["overrideReasons"]
    assert reasons
    assert all(reason.keys() == {"code", "system", "display"} for reason in reasons)
    bare = {name: value for name, value in reasons[0].items() if name != "display"}
    assert broken(shown, overrideReasons=[bare]) != []


async def test_item_43_a_coding_has_code_and_system(cds: Running) -> None:
    """Every Coding of a card has both."""
    shown = await card(cds)
    for coding in (shown["source"]["topic"], *shown["overrideReasons"]):
        assert coding["code"].strip()
        assert coding["system"].strip()
    assert broken(shown, source=shown["source"] | {"topic": {"code": "tea"}}) != []


async def test_item_44_every_error_is_an_operation_outcome(cds: Running) -> None:
    """400, 401, 404, 405, 412 and 413."""
    answers = [
        await cds.call(b"{"),
        await cds.http.post(TEA, json={}),
        await cds.call(hook_request({}), "coffee"),
        await cds.http.get("/there-is-nothing"),
        await cds.http.get(TEA),
        await cds.call(hook_request({})),
        await cds.call(b" " * 10_000_001),
    ]
    assert [one.status_code for one in answers] == [400, 401, 404, 404, 405, 412, 413]
    for one in answers:
        content = one.json()
        assert content["resourceType"] == "OperationOutcome"
        assert content["issue"][0].keys() >= {"severity", "code", "diagnostics"}


async def test_item_45_each_hook_of_an_id_answers_with_the_full_set(cds: Running) -> None:
    """What the second hook says stands by itself: every card, not what has changed since the first."""
    said = []
    for number, hook in enumerate(("patient-view", "encounter-discharge")):
        one = await cds.call(hook_request(await full(cds, f"p{number}"), hook=hook, of=f"p{number}"))
        said.append([shown["summary"] for shown in one.json()["cards"]])
    assert said[0] == said[1] != []
