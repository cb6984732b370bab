"""Voting in a browser without JavaScript: the evidence first, then the vote, then the answers once more."""

from __future__ import annotations

import httpx
import pytest

from services.guidance.release import pack
from services.plumbing.database import writing
from services.plumbing.registry_client import Proposed
from services.registry.people import accounts
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.console.pages import Page, page
from tests.registry.people.browsing import Browser, hidden, signed_in

pytestmark = pytest.mark.anyio
NASTY = """<script>document.title='run'</script>"><img src=x onerror="alert(1)">"""


def address(proposed: Proposed, to: str) -> str:
    """Where a step is voted on."""
    return f"/console/review/{proposed.proposal}/{to}"


async def silent(house: House) -> Proposed:
    """A release in silence, ready to be weighed for the pilot."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.make_ready(proposed)
    return proposed


async def answered(browser: Browser, path: str, **fields: str) -> httpx.Response:
    """The form filled in and sent."""
    return await browser.send(path, **{"vote": "approve", "reason": "read, and fit", **fields})


async def voted(browser: Browser, path: str, **fields: str) -> httpx.Response:
    """The same, and the answers confirmed."""
    check = await answered(browser, path, **fields)
    assert check.status_code == 200, check.text
    return await browser.http.post(path, data={**hidden(check), "sure": "yes"})


async def test_a_vote_is_checked_once_more_and_then_recorded(house: House) -> None:
    """Nothing is chosen beforehand; the check names digest, role, answer and effect; only then is it in the memory."""
    proposed = await silent(house)
    path, ann = address(proposed, "pilot"), await signed_in(house, "Ann Clinical")
    form = await ann.open(path)
    assert form.status_code == 200
    assert " checked" not in form.text
    assert form.text.index("What does the evidence say?") < form.text.index('<form method="post" novalidate>')
    check = await answered(ann, path)
    for said in (proposed.release, "clinical-reviewer", "Agree", "read, and fit", "Still to vote after you: "):
        assert said in check.text, said
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    assert "clinical-reviewer" in next(step for step in known["steps"] if step["to"] == "pilot")["missing_roles"]
    done = await ann.http.post(path, data={**hidden(check), "sure": "yes"})
    assert (done.status_code, done.headers["location"]) == (303, f"{path}/recorded")
    told = Page((await ann.open(f"{path}/recorded")).text)
    assert "Your vote is recorded" in told.text
    assert "The step to pilot waits for " in told.text
    again = await ann.open(path)
    assert "Your vote is kept: agree, as clinical-reviewer." in again.text
    assert 'value="withdraw"' in again.text


async def test_the_answers_can_be_changed_before_they_are_sent(house: House) -> None:
    """Going back from the check loses nothing."""
    proposed = await silent(house)
    path, ann = address(proposed, "pilot"), await signed_in(house, "Ann Clinical")
    check = await answered(ann, path, vote="reject", reason="too early & too much")
    back = await ann.http.post(path, data={**hidden(check), "change": "yes"})
    assert "too early &amp; too much" in back.text
    assert back.text.count(" checked") == 1


async def test_what_is_wrong_with_the_form_is_said_on_top_and_nothing_is_lost(house: House) -> None:
    """No choice, no reason, no conditions: each by name, with a link to its field."""
    proposed = await silent(house)
    path, ann = address(proposed, "pilot"), await signed_in(house, "Ann Clinical")
    for fields, faults in (
        ({"vote": "", "reason": "kept words"}, ["Choose whether you agree"]),
        ({"vote": "approve", "reason": "  "}, ["Give the reason for your vote"]),
        ({"vote": "approve-with-conditions", "reason": "kept words"}, ["Write the conditions, one on each line"]),
    ):
        answer = await ann.send(path, **fields)
        assert answer.status_code == 400
        assert "There is a problem" in answer.text
        assert "<title>Error: " in answer.text
        for fault in faults:
            assert answer.text.count(fault) >= 2, fault
        assert fields["reason"].strip() in answer.text


async def test_conditions_are_kept_one_on_each_line(house: House) -> None:
    """Whoever agrees with conditions sees them afterwards; whoever has not voted does not learn of them."""
    proposed = await silent(house)
    path, ann = address(proposed, "pilot"), await signed_in(house, "Ann Clinical")
    asked = "a leaflet on the ward\n\nwho reads it at night"
    assert (await voted(ann, path, vote="approve-with-conditions", conditions=asked)).status_code == 303
    mine = (await ann.open(path)).text
    assert "a leaflet on the ward" in mine
    assert "who reads it at night" in mine
    theirs = (await (await signed_in(house, "Ben Data")).open(path)).text
    assert "a leaflet on the ward" not in theirs


async def test_a_doubt_is_accepted_by_name_and_with_a_plan(house: House) -> None:
    """A group that cannot be told: the equity reviewer accepts it and says how it will be found out; nobody else is asked."""
    digest = samples.release().digest
    told = samples.groups(
        digest, samples.group("race", "white"), samples.group("race", "asian", sensitivity=(0.2, 0.5))
    )
    evidence = (samples.training_pack(digest, files={"evidence.json": told}), samples.silent_pack(digest))
    proposed = await house.propose(evidence=evidence)
    await house.climb(proposed, "silent")
    await house.make_ready(proposed)
    path = address(proposed, "pilot")
    assert "I accept that" not in (await (await signed_in(house, "Ann Clinical")).open(path)).text
    cleo = await signed_in(house, "Cleo Equity")
    chosen = {"role": "equity-reviewer", "accepts": "groups/race"}
    unplanned = await answered(cleo, path, **chosen)
    assert unplanned.status_code == 400
    assert unplanned.text.count("Say how it will be found out") == 2
    assert (await voted(cleo, path, **chosen, **{"plan-groups/race": "weighed after 400 stays"})).status_code == 303
    assert await house.agree(proposed, "pilot") == "pilot"


async def test_how_others_voted_is_told_after_ones_own_vote(house: House) -> None:
    """Before it only that they voted; neither page nor check says how."""
    proposed = await silent(house)
    path = address(proposed, "pilot")
    ben = await signed_in(house, "Ben Data")
    assert (await voted(ben, path, vote="reject", reason="no drift plan")).status_code == 303
    ann = await signed_in(house, "Ann Clinical")
    before = (await ann.open(path)).text
    assert "Ben Data has voted" in before
    check = await answered(ann, path)
    assert "data-science-reviewer" not in check.text
    for text in (before, check.text, (await ann.open(f"{path}/recorded")).text):
        assert "no drift plan" not in text
        assert "Ben Data: do not agree" not in text
    await voted(ann, path)
    assert "Ben Data: do not agree" in (await ann.open(path)).text


async def test_the_last_vote_takes_the_step(house: House) -> None:
    """All others have agreed; the page says what the vote did, and the review that nothing is open any more."""
    proposed = await silent(house)
    path = address(proposed, "pilot")
    assert await house.agree(proposed, "pilot", but=("Cleo Equity",)) == "silent"
    cleo = await signed_in(house, "Cleo Equity")
    check = await answered(cleo, path, role="equity-reviewer")
    assert "Every role has then voted." in check.text
    await cleo.http.post(path, data={**hidden(check), "sure": "yes"})
    assert "The quorum is met" in (await cleo.open(f"{path}/recorded")).text
    assert "This step is not open" in (await cleo.open(path)).text


async def test_one_with_two_roles_says_in_which(house: House) -> None:
    """It is asked and must be answered; afterwards only that role is left."""
    proposed = await silent(house)
    path, cleo = address(proposed, "pilot"), await signed_in(house, "Cleo Equity")
    assert "Choose the role in which you vote" in (await answered(cleo, path)).text
    assert (await voted(cleo, path, role="equity-reviewer")).status_code == 303
    assert "You vote as equity-reviewer." in (await cleo.open(path)).text


async def test_what_changed_while_one_read_stops_the_vote_and_keeps_the_text(house: House) -> None:
    """Another trial is filed: the form, or the check, of before is refused; the words stand in the new form."""
    proposed = await silent(house)
    path, ann = address(proposed, "pilot"), await signed_in(house, "Ann Clinical")
    old = hidden(await ann.open(path))
    check = hidden(await answered(ann, path, reason="my long thought"))
    await house.as_("Jon Developer").file_trial(proposed.proposal, {**samples.PLAN, "id": "tea-2027"})
    for sent in ({**old, "vote": "approve", "reason": "my long thought"}, {**check, "sure": "yes"}):
        refused = await ann.http.post(path, data=sent)
        assert refused.status_code == 409
        assert "Something changed while you read" in refused.text
        assert "my long thought" in refused.text
    assert "Your vote is kept" not in (await ann.open(path)).text


async def test_a_session_that_ended_keeps_the_text(house: House) -> None:
    """Nothing is recorded; what was written is shown, with the way to sign in and back."""
    proposed = await silent(house)
    path, ann = address(proposed, "pilot"), await signed_in(house, "Ann Clinical")
    form = hidden(await ann.open(path))
    ann.http.cookies.clear()
    answer = await ann.http.post(
        path, data={**form, "vote": "approve", "reason": f"my long thought {NASTY}", "conditions": "and this"}
    )
    assert answer.status_code == 401
    assert "my long thought" in answer.text
    assert "and this" in answer.text
    assert "<script" not in answer.text
    assert f"/sign-in?next={path.replace('/', '%2F')}" in answer.text


async def test_who_may_not_vote_is_told_why_and_sees_no_form(house: House) -> None:
    """The author, an administrator, a person without such a role; and sending the form all the same does not help."""
    proposed = await silent(house)
    path = address(proposed, "pilot")
    for name, why in (
        ("Jon Developer", "a model-developer does not vote"),
        ("Lea Administrator", "a administrator does not vote"),
        ("Kim Auditor", "a auditor does not vote"),
    ):
        browser = await signed_in(house, name)
        shown = await browser.open(path)
        assert "You do not vote on this step" in shown.text
        assert "novalidate" not in shown.text, name
        assert why in shown.text, name
        csrf = hidden(shown)["csrf"]
        stamp = hidden(await (await signed_in(house, "Ann Clinical")).open(path))["stamp"]
        forced = {"csrf": csrf, "stamp": stamp, "vote": "approve", "reason": "mine", "sure": "yes"}
        answer = await browser.http.post(path, data={**forced, "role": "clinical-reviewer"})
        assert answer.status_code in (400, 403), name
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    assert "clinical-reviewer" in next(step for step in known["steps"] if step["to"] == "pilot")["missing_roles"]


async def test_whoever_made_it_sees_no_form(house: House) -> None:
    """An author with a role that votes reads everything and is told why they have no vote."""
    bundle = samples.release()
    packs = [pack(samples.training_pack(bundle.digest)), pack(samples.silent_pack(bundle.digest))]
    proposed = await house.as_("learner").propose(pack(bundle), packs, author="Ann Clinical")
    shown = (await (await signed_in(house, "Ann Clinical")).open(address(proposed, "development"))).text
    assert "who authored, configured or ran it does not vote on it" in shown
    assert "novalidate" not in shown


async def test_a_form_of_another_page_and_a_given_password_cast_no_vote(house: House) -> None:
    """Without the session's own token 403; who must choose a password chooses it first."""
    proposed = await silent(house)
    path, ann = address(proposed, "pilot"), await signed_in(house, "Ann Clinical")
    form = hidden(await ann.open(path))
    sent = {**form, "vote": "approve", "reason": "mine", "sure": "yes"}
    assert (await ann.http.post(path, data={**sent, "csrf": "other"})).status_code == 403
    with writing(house.app.state.desk.engine) as connection:
        given = accounts.give_password(
            connection, "Ben Data", now=house.clock(), by="tests", sealer=house.app.state.desk.sealer
        )
    ben = Browser(house)
    await ben.sign_in("Ben Data", given)
    answer = await ben.http.post(path, data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")


async def test_nothing_that_people_wrote_becomes_part_of_a_page(house: House) -> None:
    """Reason, conditions, conflict and a question hold tags; form, check, record and review show them as text."""
    proposed = await silent(house)
    path, ann = address(proposed, "pilot"), await signed_in(house, "Ann Clinical")
    await house.as_("Ben Data").ask(proposed.proposal, text=NASTY, role="data-science-reviewer")
    written = {"reason": NASTY, "conditions": NASTY, "conflict": NASTY}
    wrong = await ann.send(path, vote=NASTY, role=NASTY, **written)
    check = await answered(ann, path, vote="approve-with-conditions", **(written | {"conflict": ""}))
    await ann.http.post(path, data={**hidden(check), "sure": "yes"})
    shown = [await ann.open(path), await ann.open(f"{path}/recorded")]
    assert "document.title" in shown[0].text
    for answer in (wrong, check, *shown):
        tags = Page(answer.text).tags
        assert "script" not in [tag for tag, _ in tags]
        assert "img" not in [tag for tag, _ in tags]
        assert Page(answer.text).open == []


async def test_a_step_that_is_not_there_is_said(house: House) -> None:
    """A strange name is 404, as is a strange proposal; a step that cannot be taken from here shows why, and no form."""
    proposed = await silent(house)
    ann = await signed_in(house, "Ann Clinical")
    assert (await ann.open(address(proposed, "heaven"))).status_code == 404
    assert (await ann.open("/console/review/none/pilot")).status_code == 404
    shown = await ann.open(address(proposed, "general"))
    assert "there is no step from silent to general" in shown.text
    assert "novalidate" not in shown.text
    auditor = {"Authorization": f"Bearer {house.tokens['Kim Auditor']}"}
    assert "What does the evidence say?" in (await page(house, address(proposed, "pilot"), **auditor)).text
