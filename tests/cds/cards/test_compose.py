"""What a guidance may put on a card: buttons, links to pages and apps, and which of them is recommended."""

from __future__ import annotations

import html
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from services.guidance.check import check_guidance, load_guidance
from services.guidance.words.card_text import CardFacts, compile_cards
from services.guidance.words.markdown import one_line
from tests.cds.clients.ehr import card_of, tea_with, thirsty, trusting
from tests.cds.tea import FOLDER

pytestmark = pytest.mark.anyio
SMART = {
    "label": "Tea planner", "url": "https://app.example/launch", "type": "smart",
    "app_context": '{"risk": "{{ risk_percent }}", "hb": "{{ hb }}"}', "autolaunchable": True,
}  # fmt: skip


async def test_an_app_is_told_the_facts_of_the_call(tmp_path: Path) -> None:
    """`appContext` is a template like a summary's; the link keeps its type, and may be launched unasked."""

    def with_app(guidance: dict[str, Any]) -> None:
        guidance["cards"]["tea"]["links"].append(SMART)

    async with trusting("default", tmp_path, tea_with(tmp_path, with_app)) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
    assert made["links"] == [
        {"label": "On tea", "url": "https://example.org/tea", "type": "absolute"},
        {
            "label": "Tea planner", "url": "https://app.example/launch", "type": "smart",
            "autolaunchable": True, "appContext": '{"risk": "62%", "hb": "8.5"}',
        },
    ]  # fmt: skip


TEA = load_guidance(FOLDER).definition
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = [
    "<script>alert(1)</script>", "![x](http://evil.example/p.png)", "[a](javascript:alert(1))", "http://evil.example",
    "www.evil.example", "a@evil.example", "a|b|c", "`code`", "**bold**", "\u202egnp.exe", "x\n\n# heading", "\x00\x07",
]  # fmt: skip


@given(st.one_of(st.text(min_size=1, max_size=60), st.sampled_from(HOSTILE)))
def test_whatever_the_record_calls_a_resource_it_marks_up_nothing(name: str) -> None:
    """Through a card's own words into a real Markdown parser: paragraphs and our own emphasis, the name as a text."""
    said = compile_cards(TEA)["tea"].render(
        CardFacts(
            risk=0.3, base_rate=0.12, release="sha256:" + "0" * 64, values={"hb": 8.5},
            contributions={"hb": 1.0}, sources={"hb": name},
        )
    )  # fmt: skip
    page = MARKDOWN.render(said.detail)
    assert set(re.findall(r"<(\w+)", page)) <= {"p", "strong", "em"}
    assert one_line(name) in html.unescape(page)
    assert not re.search(r"https?:|www\.|[^\\]@", said.detail)
    assert not any(unicodedata.category(char) in {"Cc", "Cf"} for char in said.detail.replace("\n", ""))


async def test_one_of_several_buttons_may_be_recommended(tmp_path: Path) -> None:
    """`isRecommended` stands where it is true, and nowhere else."""

    def second(guidance: dict[str, Any]) -> None:
        guidance["cards"]["tea"]["selection"] = "at-most-one"
        guidance["cards"]["tea"]["suggestions"][1]["recommended"] = True

    async with trusting("default", tmp_path, tea_with(tmp_path, second)) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
    assert made["selectionBehavior"] == "at-most-one"
    assert [one.get("isRecommended") for one in made["suggestions"]] == [None, True]


async def test_nothing_empty_stands_on_a_card_and_every_part_has_its_uuid(tmp_path: Path) -> None:
    """A card without links, buttons and reasons to name has no such keys."""

    def bare(guidance: dict[str, Any]) -> None:
        guidance["cards"]["tea"]["links"] = []
        guidance["cards"]["tea"]["suggestions"] = [guidance["cards"]["tea"]["suggestions"][1] | {"when": "hb < 3"}]

    async with trusting("default", tmp_path, tea_with(tmp_path, bare)) as cds:
        made = await card_of(await cds.call(await thirsty(cds)))
    assert made.keys() == {"uuid", "summary", "indicator", "detail", "source", "overrideReasons"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"links": [SMART | {"type": "absolute"}]}, "only a SMART app is launched"),
        ({"links": [SMART | {"app_context": "{{ nobody }}"}]}, "neither a feature nor a variable"),
        ({"selection": "at-most-one", "recommend": True}, "more than one is recommended"),
        ({"system_actions": [{"description": "x", "resource": "none.json"}]}, "there is no file"),
    ],
)
def test_what_cannot_stand_on_a_card_is_a_fault_of_the_guidance(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    """`knowdo guidance check` finds it, long before a call does."""

    def odd(guidance: dict[str, Any]) -> None:
        card = guidance["cards"]["tea"]
        if change.pop("recommend", False):
            for suggestion in card["suggestions"]:
                suggestion["recommended"] = True
        card |= change

    tea_with(tmp_path, odd)
    assert any(says in fault.message for fault in check_guidance(tmp_path / "tea-time"))
