"""Try: the card of a made-up patient, computed by a real CDS service in this process; and what is refused or only text."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from services.all_in_one import Platform, open_platform
from services.plumbing.cds_client import CdsClient
from services.plumbing.keys import SigningKey
from services.registry.console.card_view import detail_of, view_of
from services.registry.console.shell import CSP
from tests.registry.conftest import House
from tests.registry.console.pages import Page, page
from tests.registry.console.trying import in_pilot_beside_a_silent_one, in_silence, request_of
from tests.registry.people.browsing import Browser, signed_in

pytestmark = pytest.mark.anyio
EVIL = "</textarea><script>alert(1)</script><img src=x onerror=alert(2)>"


@dataclass
class Both:
    """A registry and the CDS beside it, and a person's browser."""

    platform: Platform
    house: House
    browser: Browser

    async def ask(self, request: Any, guidance: str = "small") -> httpx.Response:
        """Send the form, as typed."""
        text = request if isinstance(request, str) else json.dumps(request)
        return await self.browser.send("/console/try", request=text, guidance=guidance)


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    """The platform with `small` in its silent stage, heard by the CDS."""
    async with open_platform(var=tmp_path, demo=False) as platform:
        house = await in_silence(platform)
        yield Both(platform, house, await signed_in(house, "Ann Clinical"))


def well_formed(answer: httpx.Response) -> Page:
    """A page without anything that runs, under the strict policy."""
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["cache-control"] == "no-store"
    found = Page(answer.text)
    assert found.open == []
    assert not [tag for tag, _ in found.tags if tag in {"script", "style", "iframe", "img"}]
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on") or name == "style"]
    return found


async def test_the_answer_the_inputs_and_each_prefetch_are_shown(both: Both) -> None:
    """In the silent stage it is said that staff do not see it; nothing of the patient is kept or logged."""
    with structlog.testing.capture_logs() as lines:
        answer = await both.ask(request_of())
    assert answer.status_code == 200
    found = well_formed(answer)
    assert "Staff do not see this" in found.text or "No card" in found.text
    assert "Risk " in found.text
    assert "Contribution (log-odds)" in found.text
    assert "Patient/p" in found.text
    assert "encounters given 1" in found.text
    assert "1941-07-09" not in json.dumps(lines, default=str)
    assert list(both.platform.services[2].state.cds.log.export(since=0)) in ([], [[]])


async def test_what_is_not_labelled_as_test_data_never_leaves(both: Both) -> None:
    """The page says why and which; the CDS is not asked."""
    with structlog.testing.capture_logs() as lines:
        answer = await both.ask(request_of(meta={}))
    assert answer.status_code == 400
    assert "Made-up data only: $.prefetch.patient" in well_formed(answer).text
    assert not [line for line in lines if line.get("route") == "/try/{guidance}"]


async def test_what_is_pasted_stays_text(both: Both) -> None:
    """Whatever it is: 400, the same text in the field again, and nothing of it a tag."""
    for pasted in (EVIL, "[1]", "", "{", "[" * 20_000, json.dumps({"hook": EVIL, "context": {}})):
        answer = await both.ask(pasted)
        assert answer.status_code == 400
        well_formed(answer)
        (field,) = re.findall(
            r"<textarea[^>]*>\n(.*?)</textarea>", answer.text, re.DOTALL
        )  # one line end is HTML's own
        assert unescape(field) == pasted


async def test_tags_within_data_are_text_in_the_answer(both: Both) -> None:
    """In the names of keys, in ids, in the guidance that is asked for."""
    request = request_of(**{EVIL: None})
    request["prefetch"]["patient"]["name"] = [{"family": EVIL}]
    assert "<script>alert" not in (await both.ask(request)).text
    answer = await both.ask(request_of(), guidance=EVIL)
    assert answer.status_code == 404
    well_formed(answer)


async def test_only_people_who_are_signed_in_may_ask_by_their_own_form(both: Both) -> None:
    """No session, no CSRF token, a service: none of them."""
    fields = {"request": json.dumps(request_of()), "guidance": "small"}
    assert (await Browser(both.house).http.post("/console/try", data=fields)).status_code == 401
    assert (await both.browser.http.post("/console/try", data=fields)).status_code == 403
    assert both.platform.cds.token is not None
    worker = {"Authorization": f"Bearer {both.platform.cds.token.get_secret_value()}"}
    assert (await both.house.http.post("/console/try", data=fields, headers=worker)).status_code == 403


async def test_a_release_is_chosen_by_its_digest(both: Both) -> None:
    """The form offers what runs, and keeps what was chosen; a digest that no worker holds is 404."""
    (offered,) = re.findall(r'<option value="(small sha256:[^"]+)"', (await both.browser.open("/console/try")).text)
    answer = await both.ask(request_of(), guidance=offered)
    assert answer.status_code == 200
    assert f'<option value="{offered}" selected>' in answer.text
    assert (await both.ask(request_of(), guidance="small sha256:" + "0" * 64)).status_code == 404


async def test_guidance_that_no_worker_holds_is_said(both: Both) -> None:
    """And a choice that was not made."""
    assert (await both.ask(request_of(), guidance="nothing")).status_code == 404
    assert "No guidance is chosen" in (await both.ask(request_of(), guidance="")).text


async def test_where_no_cds_is_named_the_page_says_so(house: House) -> None:
    """The form is there all the same."""
    token = {"Authorization": f"Bearer {house.tokens['Ann Clinical']}"}
    assert "No CDS can be reached" in (await page(house, "/console/try", **token)).text
    fields = {"request": json.dumps(request_of()), "guidance": "small"}
    answer = await house.http.post("/console/try", data=fields, headers=token)
    assert answer.status_code == 503
    assert "No CDS is named" in answer.text


async def test_a_hostile_answer_of_the_cds_is_drawn_as_text(house: House) -> None:
    """A card with scripts in every place, and addresses that run."""
    token = {"Authorization": f"Bearer {house.tokens['Ann Clinical']}"}
    card = {
        "summary": EVIL, "detail": f"**b** {EVIL}\n\n[x](javascript:alert(1)) ![i](https://x.example/p.png)\n",
        "indicator": EVIL, "source": {"label": EVIL, "url": "javascript:alert(1)"},
        "links": [{"label": EVIL, "url": "data:text/html,x"}, {"label": "ok", "url": "https://ok.example/"}],
        "suggestions": [{"label": EVIL, "actions": [{"description": EVIL}]}], "overrideReasons": [{"display": EVIL}],
    }  # fmt: skip
    said = {
        "name": EVIL, "release": "sha256:" + "a" * 64, "stage": EVIL, "status": EVIL, "reason": EVIL, "sent": True,
        "risk": 0.5, "band": EVIL, "answer": {"cards": [card]}, "milliseconds": 1.0,
        "inputs": [{"name": "a", "label": EVIL, "state": EVIL, "value": None, "contribution": None, "source": EVIL}],
        "prefetch": [{"key": EVIL, "state": EVIL, "resources": 0}],
    }  # fmt: skip
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=said))
    http = httpx.AsyncClient(transport=transport, base_url="http://cds")
    house.app.state.cds = CdsClient(http, key=SigningKey.generate(), audience="http://cds")
    fields = {"request": json.dumps(request_of()), "guidance": "small"}
    answer = await house.http.post("/console/try", data=fields, headers=token)
    found = well_formed(answer)
    links = [str(attributes.get("href")) for tag, attributes in found.tags if tag == "a"]
    assert "https://ok.example/" in links
    assert not [link for link in links if link.startswith(("javascript:", "data:"))]


async def test_a_cds_that_does_not_answer_is_said(house: House) -> None:
    """Down, another's answer, or one that does not take the pass: 503, and what to do."""
    token = {"Authorization": f"Bearer {house.tokens['Ann Clinical']}"}
    fields = {"request": json.dumps(request_of()), "guidance": "small"}

    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    for handler, words in (
        (down, "The CDS does not answer"),
        (lambda _: httpx.Response(200, text="<html>"), "The CDS does not answer"),
        (lambda _: httpx.Response(401, json={}), "does not take this registry"),
        (lambda _: httpx.Response(500, json={"issue": []}), "It cannot be computed"),
    ):
        http = httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://cds")
        house.app.state.cds = CdsClient(http, key=SigningKey.generate(), audience="http://cds")
        answer = await house.http.post("/console/try", data=fields, headers=token)
        assert answer.status_code == 503
        assert words in well_formed(answer).text


def test_the_detail_is_markdown_and_nothing_else() -> None:
    """Raw HTML stays text, pictures go, addresses are those of the web."""
    html = str(
        detail_of("**a** <b onclick=x>b</b> [c](javascript:x) ![d](https://e.example/f.png)\n\n| g |\n|---|\n| h |")
    )
    assert "<strong>a</strong>" in html
    assert "&lt;b onclick=x&gt;" in html
    assert "<img" not in html
    assert "<table>" in html
    assert 'href="javascript' not in html


def test_a_card_that_is_none_is_drawn_as_nothing() -> None:
    """Wrong types in every place."""
    seen = view_of({"summary": 1, "source": [], "suggestions": {}, "links": [1], "overrideReasons": None})
    assert (seen.summary, seen.source.label, list(seen.links), list(seen.reasons)) == ("", "", [], [])


async def test_two_releases_answer_the_same_call_beside_each_other(both: Both) -> None:
    """The live and the proposed one: each with its risk, what each input added, and by how much they differ."""
    first, second = await in_pilot_beside_a_silent_one(both.platform, both.house)
    page = await both.browser.open("/console/try")
    assert 'name="beside"' in page.text
    with structlog.testing.capture_logs() as lines:
        answer = await both.browser.send(
            "/console/try", request=json.dumps(request_of()), guidance=f"small {first}", beside=f"small {second}"
        )
    assert answer.status_code == 200
    found = well_formed(answer)
    assert f"pilot, {first[7:19]}" in found.text
    assert f"silent, {second[7:19]}" in found.text
    assert found.text.count("Computed in ") == 2
    assert "Second less first" in found.text
    assert "+0.75" in found.text  # the step of those over 65
    assert "inputs add" in found.text or "inputs adds" in found.text
    assert f'<option value="small {second}" selected>' in answer.text
    assert "1941-07-09" not in json.dumps(lines, default=str)


async def test_a_silent_release_beside_one_that_speaks_to_everybody_can_be_tried(both: Both) -> None:
    """Workers hold and compute it, so the form offers it and it answers."""
    _, second = await in_pilot_beside_a_silent_one(both.platform, both.house)
    assert f'value="small {second}"' in (await both.browser.open("/console/try")).text
    answer = await both.browser.send("/console/try", request=json.dumps(request_of()), guidance=f"small {second}")
    assert answer.status_code == 200
    assert f"silent, {second[7:19]}" in well_formed(answer).text


async def test_beside_itself_or_beside_another_guidance_nothing_is_asked(both: Both) -> None:
    """Refused at the field, the request kept."""
    for beside, said in (("small", "That is the same release twice"), ("other", "These are two guidance")):
        answer = await both.browser.send(
            "/console/try", request=json.dumps(request_of()), guidance="small", beside=beside
        )
        assert answer.status_code == 400
        assert f'<a href="#beside">{said}' in answer.text
        assert "made-up" in answer.text or "Patient" in answer.text


async def test_a_made_up_request_fills_the_form(both: Both) -> None:
    """Another name is 404."""
    answer = await both.browser.open("/console/try?example=discharge")
    assert "made-up-discharge" in well_formed(answer).text
    assert (await both.browser.open("/console/try?example=nothing")).status_code == 404
