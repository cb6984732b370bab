"""Questions and conditions by forms on the page of the review; the rules are those of the API."""

from __future__ import annotations

import pytest

from tests.registry.conftest import House
from tests.registry.people.browsing import hidden, signed_in

pytestmark = pytest.mark.anyio


async def test_a_question_is_asked_answered_and_closed_by_forms(house: House) -> None:
    """Who asked closes it; who may not is told so, and nothing changes."""
    proposed = await house.propose()
    await house.agree(proposed, "development")
    page = f"/console/review/{proposed.proposal}/silent"
    ann, jon = await signed_in(house, "Ann Clinical"), await signed_in(house, "Jon Developer")
    form = hidden(await ann.open(page))
    asked = {"text": "Who reads it at night?", "role": "clinical-reviewer", "blocking": "yes"}
    assert (await ann.http.post(f"{page}/ask", data={**form, **asked})).status_code == 303
    (question,) = (await house.as_("Kim Auditor").proposal(proposed.proposal))["questions"]
    to = f"{page}/questions/{question['number']}"
    replied = await jon.http.post(to, data={**hidden(await jon.open(page)), "text": "The ward on call"})
    assert replied.status_code == 303
    shown = (await ann.open(page)).text
    assert "Jon Developer: The ward on call" in shown
    assert "holds the step" in shown
    refused = await jon.http.post(to, data={**hidden(await jon.open(page)), "text": "done", "close": "yes"})
    assert refused.status_code == 403
    assert (await ann.http.post(to, data={**form, "text": "settled", "close": "yes"})).status_code == 303
    assert "closed by Ann Clinical: settled" in (await ann.open(page)).text


async def test_a_condition_is_closed_with_the_evidence_and_the_step_is_taken(house: House) -> None:
    """The last thing in the way: once it is closed the release moves, and the memory holds how and the digest."""
    proposed = await house.propose()
    await house.agree(proposed, "development")
    page = f"/console/review/{proposed.proposal}/silent"
    ann = await signed_in(house, "Ann Clinical")
    check = await ann.send(page, vote="approve-with-conditions", reason="read", conditions="a leaflet on the ward")
    await ann.http.post(page, data={**hidden(check), "sure": "yes"})
    await house.agree(proposed, "silent")
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    assert known["state"] == "development"
    (condition,) = known["conditions"]
    digest = known["evidence"][0]["evidence"]
    closed = await ann.http.post(
        f"{page}/conditions/{condition['number']}",
        data={**hidden(await ann.open(page)), "how": "the leaflet is there", "evidence": digest},
    )
    assert closed.status_code == 303
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    assert known["state"] == "silent"
    assert known["conditions"][0]["closed_how"] == f"the leaflet is there (evidence {digest})"
