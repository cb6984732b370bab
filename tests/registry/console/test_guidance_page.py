"""The pages of one guidance: what it says, its releases compared, its report; for people who may read."""

from __future__ import annotations

import pytest

from services.guidance.evidence import EVALUATION_FILE, encode_report
from services.guidance.release import EvidencePack
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.console.pages import page

pytestmark = pytest.mark.anyio
REPORT = b"<!doctype html><title>E</title><style>p { color: red }</style><p>found</p><script>alert(1)</script>"


def as_(house: House, name: str = "Kim Auditor") -> dict[str, str]:
    """What this person sends along."""
    return {"Authorization": f"Bearer {house.tokens[name]}"}


async def test_a_release_that_may_take_a_step_leads_to_its_review(house: House) -> None:
    """From the list of releases, also for who has nothing waiting; a step that nobody votes on has no link."""
    proposed = await house.propose()
    found = await page(house, "/console/guidance/small", **{"Authorization": f"Bearer {house.tokens['Kim Auditor']}"})
    links = [attributes.get("href") for tag, attributes in found.tags if tag == "a"]
    assert f"/console/review/{proposed.proposal}/development" in links
    assert "Review the step to development" in found.text


async def test_a_guidance_says_what_it_is_for_and_where_it_stands(house: House) -> None:
    """Use and do not use, the stage as word and in the picture, who must agree, its releases and what happened last."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    found = await page(house, "/console/guidance/small", **as_(house))
    for said in (
        "Do not use care", "◑ pilot", "Release 1.0.0 is in the stage pilot: cards are shown in the pilot.", "pilot (here now)",
        "any one person in a role that may stop", "It reaches everywhere; ", "PlanDefinition", "/fhir/PlanDefinition/", "Moved from silent to pilot",
        "No worker has said anything about it yet",
    ):  # fmt: skip
        assert said in found.text, said
    for path in [str(attributes["href"]) for tag, attributes in found.tags if tag == "a"]:
        if not path.startswith("#"):
            assert (await house.http.get(path, headers=as_(house))).status_code == 200, path
    assert "small" in (await page(house, "/console/guidance", **as_(house))).text.lower()


async def test_pages_are_for_people_who_may_read(house: House) -> None:
    """A stranger's browser is led to sign in, a service is refused, and what is not there is said."""
    await house.propose()
    for path in ("/console/guidance", "/console/guidance/small", "/console/guidance/small/compare", "/console/memory"):
        stranger = await house.http.get(path, headers={"Accept": "text/html"})
        assert (stranger.status_code, stranger.headers["location"].startswith("/sign-in?next=")) == (303, True)
        assert (await house.http.get(path, headers=as_(house, "cds"))).status_code == 403
    assert (await house.http.get("/console/guidance/none", headers=as_(house))).status_code == 404
    assert (await house.http.get("/console/guidance/%00", headers=as_(house))).status_code == 404


async def test_how_others_vote_on_an_open_step_is_not_in_the_history(house: House) -> None:
    """Cleo has voted against; she sees it on the page, and the auditor, who never votes; Ben, who may yet vote, does not."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    await house.as_("Cleo Equity").vote(
        proposed.proposal, transition="pilot", role="equity-reviewer", vote="reject", release=proposed.release,
        evidence=[one["evidence"] for one in known["evidence"]], reason="no language data yet",
    )  # fmt: skip
    for who, sees in (("Cleo Equity", True), ("Kim Auditor", True), ("Ben Data", False)):
        told = (await page(house, "/console/guidance/small", **as_(house, who))).text
        assert ("no language data" in told) is sees, who


async def test_the_newest_release_is_compared_with_the_one_before(house: House) -> None:
    """Without a choice; with one only there is nothing to compare, and a stranger to the guidance is 404."""
    first = await house.propose()
    only = await page(house, "/console/guidance/small/compare", **as_(house))
    assert "There is only one release yet" in only.text
    house.clock.pass_time(hours=1)
    second = await house.propose(samples.release(0.4))
    text = (await page(house, "/console/guidance/small/compare", **as_(house))).text
    assert f"1.0.0 ({second.release[7:13]})" in text
    assert f"against 1.0.0 ({first.release[7:13]})" in text
    assert "Nothing in the guidance: question, people, inputs, limits and cards are the same." in text
    same = f"/console/guidance/small/compare?new={first.release}&old={first.release}"
    assert "the same release twice" in (await page(house, same, **as_(house))).text
    strange = await house.http.get(f"/console/guidance/small/compare?new={samples.RELEASE}", headers=as_(house))
    assert strange.status_code == 404


async def test_the_report_is_opened_as_it_is_and_may_do_nothing(house: House) -> None:
    """The bytes of the pack; a policy that knows only its own style, no script, no form, no frame; 404 where there is none."""
    digest = samples.release().digest
    files = {EVALUATION_FILE: encode_report(samples.evaluation(digest)), "report.html": REPORT}
    proposed = await house.propose(evidence=(EvidencePack(evidence="training", release=digest, files=files),))
    path = f"/console/releases/{proposed.release}/report"
    answer = await house.http.get(path, headers=as_(house))
    assert answer.content == REPORT
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "style-src 'sha256-" in policy
    assert "Evidence report" in (await page(house, "/console/guidance/small", **as_(house))).text
    other = await house.propose(samples.release(0.4))
    assert (await house.http.get(f"/console/releases/{other.release}/report", headers=as_(house))).status_code == 404
    assert (await house.http.get(path)).status_code == 401


async def test_the_memory_is_searched_by_an_address(house: House) -> None:
    """Words, guidance and kind stand in the address; nothing found is said; a page of older lines follows."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.as_("Ida Safety").suspend("small", reason="potassium unit wrong at site B")
    found = await page(house, "/console/memory?words=why+potassium&guidance=small&kind=stop", **as_(house))
    assert "Found: 1 line" in found.text
    assert "potassium unit wrong at site B" in found.text
    assert "Nothing found." in (await page(house, "/console/memory?words=zebra", **as_(house))).text
    assert (await house.http.get("/console/memory?kind=gossip", headers=as_(house))).status_code == 400
    echoed = await house.http.get("/console/memory?words=%22%3E%3Cscript%3E", headers=as_(house))
    assert '"><script>' not in echoed.text


async def test_the_proof_walks_the_chain_and_tells_what_is_wrong(house: House) -> None:
    """Whole: how much was walked and compared. Altered: an alert that names the entry."""
    await house.propose()
    assert (
        "Nothing was altered, moved, removed or cut off."
        in (await page(house, "/console/memory/proof", **as_(house))).text
    )
    desk = house.app.state.desk
    await desk.note(
        lambda connection: connection.exec_driver_sql(
            "UPDATE ledger SET entry = replace(entry, 'learner', 'nobody') WHERE number = 15"
        )
    )
    text = (await page(house, "/console/memory/proof", **as_(house))).text
    assert "The memory is not whole" in text
    assert "entry 15 was altered" in text
