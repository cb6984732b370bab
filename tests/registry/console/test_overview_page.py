"""The overview: only for people who may read, and it says what waits."""

from __future__ import annotations

import pytest

from services.guidance.alert_evidence import Alerts
from services.guidance.estimate import Estimate
from services.plumbing.registry_messages import Aggregate
from services.registry.console.tasks import RULES
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.console.pages import page

pytestmark = pytest.mark.anyio


async def test_the_overview_asks_who_is_there(house: House) -> None:
    """A browser is led to the sign-in page and back; a program is refused; a person's token opens it, a service's does not."""
    program = await house.http.get("/")
    assert program.status_code == 401
    browser = await house.http.get("/", headers={"Accept": "text/html"})
    assert (browser.status_code, browser.headers["location"]) == (303, "/sign-in?next=%2F")
    assert (await house.http.get("/", headers={"Authorization": "Bearer wrong"})).status_code == 401
    assert "No guidance yet" in (await page(house, "/", **as_(house, "Ann Clinical"))).text
    service = {**as_(house, "cds"), "Accept": "text/html"}
    refused = await house.http.get("/", headers=service)
    assert refused.status_code == 403
    assert "may not read" in refused.text


async def test_it_says_that_nothing_waits_and_how_it_looked(house: House) -> None:
    """Silence is shown to be checked: when, and by which rules."""
    found = await page(house, "/", **as_(house, "Kim Auditor"))
    assert "Nothing needs you. Last checked at 14:02 UTC by 7 rules." in found.text
    for rule in RULES:
        assert rule in found.text


async def test_a_vote_waits_for_those_whose_role_is_needed_and_for_nobody_else(house: House) -> None:
    """Not for who has voted, whose role has, who authored it, or who never votes."""
    proposed = await house.propose()
    await house.as_("cds").manifests()
    await house.agree(proposed, "development")
    waits = "Small 1.0.0 awaits your vote (clinical-reviewer) on the step to silent; 0 of 2 roles voted."
    assert waits in (await page(house, "/", **as_(house, "Ann Clinical"))).text
    for name in ("Jon Developer", "Lea Administrator", "Gil Patient", "Ida Safety"):
        assert "awaits your vote" not in (await page(house, "/", **as_(house, name))).text
    await house.agree(proposed, "silent", but=("Ben Data",))
    assert "awaits your vote" not in (await page(house, "/", **as_(house, "Ann Clinical"))).text
    assert "1 of 2 roles voted" in (await page(house, "/", **as_(house, "Ben Data"))).text


async def test_nobody_is_asked_to_vote_where_the_gate_is_not_met(house: House) -> None:
    """A release without evidence waits for evidence, not for people; once somebody voted, everybody is told."""
    proposed = await house.propose(evidence=())
    await house.agree(proposed, "development")
    text = (await page(house, "/", **as_(house, "Ann Clinical"))).text
    assert "awaits your vote" not in text
    assert "✕ does not meet gate to silent" in text


async def test_a_guidance_that_shows_more_than_agreed_is_a_task(house: House) -> None:
    """The week's counts against the budget, in the same denominator; below it there is no task."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    for shown, told in ((30, True), (19, False)):
        counts = {"calls": 100, "shown": shown, "accepted": 8, "overridden": 12}
        await house.as_("cds").report(
            [Aggregate(guidance="small", release=proposed.release, site="a", day="2026-11-20", counts=counts)]
        )
        text = (await page(house, "/", **as_(house, "Kim Auditor"))).text
        said = f"Small: cards on {shown} of 100 calls in 7 days ({shown} of 100); agreed at most 20 of 100."
        assert (said in text) is told
        assert "Of 100 answered, 40 were accepted (8 of 20)" in text


async def test_of_100_alerts_right_comes_from_the_silent_period_with_its_days(house: House) -> None:
    """The feed knows no outcomes; the silent evidence does. Without it, or of few patients, it says why nothing is told."""
    bundle = samples.release()
    training = samples.training_pack(bundle.digest)
    proposed = await house.propose(bundle, evidence=(training,))
    text = (await page(house, "/", **as_(house, "Kim Auditor"))).text
    assert "not known no silent period of this release is filed" in text
    counted = Alerts(stays=300, patients=290, right=84, ppv=Estimate(value=0.28, ci=(0.233, 0.333)))
    for alerts, said in (
        (None, "not known silent period 2026-01-01 to 2026-01-31: no outcome is known"),
        (counted, "28 (23 to 33) "),
    ):
        filed = samples.packed_silent(bundle.digest, alerts=alerts)
        await house.as_("Jon Developer").add_evidence(proposed.proposal, filed)
        text = (await page(house, "/", **as_(house, "Kim Auditor"))).text
        assert said in text
    assert (
        "84 of 300 stays with a card that nobody saw; silent period 2026-01-01 to 2026-01-31; filed 2026-11-22" in text
    )
    evidence = await page(house, f"/releases/{bundle.digest}/page", **as_(house, "Kim Auditor"))
    assert "Of 100 with such a card 28 (23 to 33) " in evidence.text


async def test_what_changed_is_told_without_how_people_voted(house: House) -> None:
    """Steps, stops and proposals of seven days; votes are not news before a step is decided."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    await house.as_("Ida Safety").suspend("small", reason="drill")
    text = (await page(house, "/", **as_(house, "Kim Auditor"))).text
    assert "Ida Safety (safety-officer) stopped it (it was in silent): drill." in text
    assert "read and agreed" not in text
    house.clock.pass_time(days=8)
    assert "Nothing was decided, stopped or proposed." in (await page(house, "/", **as_(house, "Kim Auditor"))).text


def as_(house: House, name: str) -> dict[str, str]:
    """What this person sends along."""
    return {"Authorization": f"Bearer {house.tokens[name]}"}
