"""Whatever form is refused, for whatever reason: the words that were typed are on the page that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httpx
import pytest

from services.registry.routes import CONSOLE
from tests.registry.conftest import House
from tests.registry.console.pages import Page
from tests.registry.people.browsing import Browser, hidden, signed_in

pytestmark = pytest.mark.anyio
TYPED: Final = 'my long thought <b>"of" the night</b>'
SHOWN: Final = "my long thought &lt;b&gt;&#34;of&#34; the night&lt;/b&gt;"
WORDS: Final[dict[str, dict[str, str]]] = {
    "/console/try": {"request": TYPED, "guidance": "small"},
    "/console/review/{proposal}/{to}": {"reason": TYPED, "vote": "approve"},
    "/console/review/{proposal}/{to}/ask": {"text": TYPED, "role": "operations"},
    "/console/review/{proposal}/{to}/questions/{number}": {"text": TYPED, "close": "yes"},
    "/console/review/{proposal}/{to}/conditions/{number}": {"how": TYPED},
    "/console/deploy/{guidance}/place/{release}": {"sites": TYPED},
    "/console/deploy/{guidance}/stop": {"words": TYPED, "reason": "a drill"},
    "/console/deploy/{guidance}/reason": {"reason": TYPED},
    "/console/notices": {"webhook": TYPED},
}
"""The form's address → what is typed into it. A form that joins the console joins here."""
NOT_WORDS: Final = {"/console/deploy/{guidance}/place/{release}", "/console/notices"}
"""Forms without free text: addresses and names are shown again in the form, and not outside it."""


def test_every_form_of_the_console_is_here() -> None:
    """The routes that take a form are those of the table."""
    routes = {
        str(getattr(route, "path", ""))
        for router in CONSOLE
        for route in router.routes
        if "POST" in getattr(route, "methods", set())
    }
    assert routes == set(WORDS)


@pytest.fixture
async def address(house: House) -> Callable[[str], str]:
    """A registry with a release in silence and a question on it; answers how a route's address is filled in."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    asked = await house.as_("Ann Clinical").ask(proposed.proposal, "Who reads it?", role="clinical-reviewer")

    def filled(path: str) -> str:
        return path.format(
            proposal=proposed.proposal, to="pilot", number=asked["question"]["number"], guidance="small",
            release=proposed.release,
        )  # fmt: skip

    return filled


def given_back(answer: httpx.Response) -> bool:
    """Whether the page holds the words, as text."""
    assert Page(answer.text).open == []
    assert TYPED not in answer.text
    return SHOWN in answer.text


@pytest.mark.parametrize("path", sorted(set(WORDS) - NOT_WORDS))
async def test_a_form_of_another_session_gives_the_words_back(
    house: House, address: Callable[[str], str], path: str
) -> None:
    """Refused by its token (403); a session that has ended (401, with the way back); from another site nothing is shown."""
    ann = await signed_in(house, "Ann Clinical")
    to = address(path)
    refused = await ann.http.post(to, data={"csrf": "other", **WORDS[path]})
    assert (refused.status_code, given_back(refused)) == (403, True)
    foreign = await ann.http.post(to, data={"csrf": "other", **WORDS[path]}, headers={"Origin": "https://evil.test"})
    assert (foreign.status_code, given_back(foreign)) == (403, False)
    ann.http.cookies.clear()
    ended = await ann.http.post(to, data=WORDS[path])
    assert (ended.status_code, given_back(ended)) == (401, True)
    assert "Your session has ended, and nothing was recorded" in ended.text
    # The way back is a page, also for a form with an address of its own.
    back = await (await signed_in(house, "Ann Clinical")).open(to)
    assert back.status_code in {200, 303}


@pytest.mark.parametrize("path", sorted(set(WORDS) - NOT_WORDS - {"/console/try"}))
async def test_letters_that_nobody_types_are_dropped_and_the_rest_is_given_back(
    house: House, address: Callable[[str], str], path: str
) -> None:
    """A control character, pasted along, is refused (400); the words are there without it."""
    ann = await signed_in(house, "Ann Clinical")
    fields = {name: text.replace("long", "lo\x0bng") for name, text in WORDS[path].items()}
    refused = await ann.http.post(address(path), data=fields)
    assert (refused.status_code, given_back(refused)) == (400, True)


@pytest.mark.parametrize(
    ("name", "path", "status", "field"),
    [
        ("Ann Clinical", "/console/review/{proposal}/{to}/ask", 403, "question"),
        ("Ben Data", "/console/review/{proposal}/{to}/questions/{number}", 403, "answer-"),
        ("Ida Safety", "/console/deploy/{guidance}/reason", 409, "main"),
        ("Kim Auditor", "/console/deploy/{guidance}/stop", 403, "main"),
        ("Fay Operations", "/console/deploy/{guidance}/place/{release}", 400, "sites"),
        ("Ann Clinical", "/console/notices", 400, "webhook"),
        ("Ann Clinical", "/console/try", 503, "request"),
    ],
)
async def test_a_rule_that_refuses_is_said_on_top_and_leads_to_the_words(
    house: House, address: Callable[[str], str], name: str, path: str, status: int, field: str
) -> None:
    """The page of the form again: the summary links to the field, which holds the words and is told of its error."""
    browser = await signed_in(house, name)
    page = address(path).removesuffix("/ask").partition("/questions/")[0].removesuffix("/reason")
    form = hidden(await browser.open(page))
    if path.endswith("{release}"):
        form |= {"tenants": "*", "hooks": "patient-view", "stage": "silent", "share": "100", "fallback": "none"}
    refused = await browser.http.post(address(path), data={**form, **WORDS[path]})
    assert (refused.status_code, given_back(refused)) == (status, True)
    assert "There is a problem" in refused.text
    assert f'<a href="#{field}' in refused.text
    held = refused.text.index(SHOWN)
    assert f'id="{field}' in refused.text
    assert "<textarea" in refused.text[:held] or "<input" in refused.text[:held]


async def test_a_question_that_was_closed_meanwhile_gives_the_reply_back(
    house: House, address: Callable[[str], str]
) -> None:
    """Its form is gone; the words stand under the heading, to be copied."""
    jon, ann = await signed_in(house, "Jon Developer"), await signed_in(house, "Ann Clinical")
    to = address("/console/review/{proposal}/{to}/questions/{number}")
    page = to.partition("/questions/")[0]
    form = hidden(await jon.open(page))
    await ann.http.post(to, data={**hidden(await ann.open(page)), "text": "settled", "close": "yes"})
    late = await jon.http.post(to, data={**form, "text": TYPED})
    assert (late.status_code, given_back(late)) == (409, True)
    assert "What you wrote" in late.text


async def test_a_condition_without_a_word_is_refused_at_its_field(house: House) -> None:
    """The details stand open, the evidence stays chosen."""
    proposed = await house.propose()
    await house.agree(proposed, "development")
    page = f"/console/review/{proposed.proposal}/silent"
    ann = await signed_in(house, "Ann Clinical")
    check = await ann.send(page, vote="approve-with-conditions", reason="read", conditions="a leaflet")
    await ann.http.post(page, data={**hidden(check), "sure": "yes"})
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    (condition,), digest = known["conditions"], known["evidence"][0]["evidence"]
    to = f"{page}/conditions/{condition['number']}"
    refused = await ann.http.post(to, data={**hidden(await ann.open(page)), "how": " ", "evidence": digest})
    assert refused.status_code == 400
    assert f'<a href="#how-{condition["number"]}">How it was met is needed.' in refused.text
    assert "<details open>" in refused.text
    assert f'<option value="{digest}" selected>' in refused.text
    jon = await signed_in(house, "Jon Developer")
    barred = await jon.http.post(to, data={**hidden(await jon.open(page)), "how": TYPED})
    assert (barred.status_code, given_back(barred)) == (403, True)
    assert "may not close it" in barred.text or "may not vote" in barred.text


async def test_a_vote_on_a_step_that_closed_meanwhile_gives_the_reason_back(house: House) -> None:
    """The release was stopped while somebody wrote: no form any more, every word there."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.make_ready(proposed)
    page = f"/console/review/{proposed.proposal}/pilot"
    ann: Browser = await signed_in(house, "Ann Clinical")
    form = hidden(await ann.open(page))
    await house.as_("Ida Safety").suspend("small", reason="drill")
    late = await ann.http.post(page, data={**form, "vote": "approve", "reason": TYPED})
    assert late.status_code == 409
    assert given_back(late)
