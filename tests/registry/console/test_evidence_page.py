"""The pages: anyone can read the evidence, nobody sees how others vote before a step is decided, and no script runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.guidance.release import ReleaseBundle
from services.plumbing.registry_messages import Proposed
from services.registry.settings import RegistrySettings
from tests.guidance import several_predictions, small_guidance
from tests.registry import samples
from tests.registry.conftest import Clock, House, running
from tests.registry.console.pages import Page, page

pytestmark = pytest.mark.anyio


async def evidence(house: House, proposed: Proposed) -> Page:
    """The evidence page of a release, as a stranger sees it."""
    return await page(house, f"/releases/{proposed.release}/page")


async def test_the_evidence_page_needs_no_account(house: House) -> None:
    """What it is, what not for, how good, at what price, by whom agreed, and how to check it."""
    proposed = await house.propose()
    await house.climb(proposed, "pilot")
    text = (await evidence(house, proposed)).text
    for said in (
        "pilot",
        "Do not use care",
        "Without any guidance, 12 of 100 came back within 30 days",
        "It ranks a random case above a non-case 72 (70 to 74) times in 100",
        "Clarity costs 2 of 1,000 pairs.",
        "2,000 stays of 1,500 patients, 240 with the outcome",
        "0.720 (0.700 to 0.740)",
        "3,000 decisions, 2,500 with a known outcome, 300 with the event",
        "Ann Clinical clinical-reviewer pilot approve read and agreed",
        "Moved from silent to pilot. Cards are shown in the pilot. Agreed: Ann Clinical (clinical-reviewer)",
        proposed.release,
        samples.training_pack(proposed.release).digest,
    ):
        assert said in text, said


async def test_a_number_has_its_interval(house: House) -> None:
    """Every AUROC, slope, ratio and rate on the page stands beside its interval."""
    proposed = await house.propose()
    text = (await evidence(house, proposed)).text
    for number in ("0.720", "1.00", "1.02", "10.0"):
        assert re.search(rf"{re.escape(number)} \(", text), number


async def test_how_others_vote_is_not_shown_before_the_step_is_decided(house: House) -> None:
    """Who has voted, in which role: yes. Agreement, rejection and its reason: only afterwards."""
    proposed = await house.propose()
    await house.climb(proposed, "silent")
    known = await house.as_("Kim Auditor").proposal(proposed.proposal)
    await house.as_("Cleo Equity").vote(
        proposed.proposal, transition="pilot", role="equity-reviewer", vote="reject", release=proposed.release,
        evidence=[one["evidence"] for one in known["evidence"]], reason="no language data yet",
    )  # fmt: skip
    text = (await evidence(house, proposed)).text
    assert "Cleo Equity (equity-reviewer)" in text
    assert "no language data yet" not in text
    assert "reject" not in text
    assert "Still needed: clinical-reviewer, data-science-reviewer, privacy-security" in text
    await house.as_("Ida Safety").suspend("small", reason="drill")
    text = (await evidence(house, proposed)).text
    assert "reject no language data yet" in text
    assert "This release is stopped" in text


async def test_a_page_without_evidence_says_what_is_missing(house: House) -> None:
    """Nothing is green because it is not there."""
    proposed = await house.propose(evidence=())
    await house.agree(proposed, "development")
    text = (await evidence(house, proposed)).text
    assert "No training evidence yet" in text
    assert "there is none ✕ does not meet" in text


async def test_text_of_a_guidance_cannot_become_markup(house: House) -> None:
    """Whatever a title, a name or a reason holds, it is shown and not run."""
    nasty = '"><script>alert(1)</script>'
    text = small_guidance.GUIDANCE.replace("title: Small", f"title: '{nasty}'")
    bundle = ReleaseBundle(
        guidance="small", version="1.0.0", files={**samples.release().files, **small_guidance.files(text)}
    )
    proposed = await house.propose(bundle)
    assert nasty in (await evidence(house, proposed)).text


async def test_an_unknown_release_is_404(house: House) -> None:
    """Also an impossible one."""
    for digest in (samples.RELEASE, "x", "%00"):
        assert (await house.http.get(f"/releases/{digest}/page")).status_code == 404


async def test_the_demo_policy_is_said_on_every_page(tmp_path: Path, clock: Clock) -> None:
    """Loudly, and the overview is open to look at; under a standard registry the page of a demo release says it still."""
    async with running(RegistrySettings(var=tmp_path, demo=True), clock) as house:
        proposed = await house.propose()
        await house.climb(proposed, "pilot")
        for path in ("/", f"/releases/{proposed.release}/page"):
            assert "DEMONSTRATION policy" in (await page(house, path)).text
        assert "(made-up patients)" in (await evidence(house, proposed)).text


async def test_the_page_shows_every_prediction(house: House) -> None:
    """What each predicts and what was found of it; what could not be judged is said, well formed like the rest."""
    bundle = several_predictions.bundle()
    found = {"deterioration": samples.learned(), "heart": samples.unevaluated()}
    proposed = await house.propose(bundle, evidence=(samples.training_pack(bundle.digest, predictions=found),))
    text = (await evidence(house, proposed)).text
    for said in (
        "And the risk of intensive care or death within 24 hours?",
        "And the risk of a heart attack, stroke or heart failure in 10 years?",
        "Published: over 1,800 rows it states 5 of 100 on average; nothing was learned or adjusted.",
        samples.UNEVALUATED,
    ):
        assert said in text
