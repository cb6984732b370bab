"""From a proposal to the bedside and back, by five people in five browsers: they vote, one stops, the memory knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import pytest
from sqlalchemy import Connection

from services.guidance.manifest import Manifest, read_manifest
from services.guidance.policies import Policy
from services.guidance.trial import TrialPlan
from services.plumbing.keys import verify
from services.registry.decisions import proposals, rollbacks
from services.registry.people import accounts, persons
from tests.browser.chromium import chromium, why_not
from tests.registry import samples
from tests.registry.console.readable import must_be_readable
from tests.registry.console.served import SEALER, Served, served
from tests.registry.people.browsing import WORDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a browser")
FIVE: Final[Mapping[str, tuple[str, ...]]] = {
    "Ann Clinical": ("clinical-reviewer",),
    "Ben Data": ("data-science-reviewer",),
    "Cleo Equity": ("equity-reviewer", "patient-representative"),
    "Dan Privacy": ("privacy-security", "operations"),
    "Eve Steward": ("data-steward",),
}
STEPS: Final[Mapping[str, Mapping[str, str]]] = {
    "development": {"Eve Steward": "", "Dan Privacy": "operations"},
    "silent": {"Ann Clinical": "", "Ben Data": ""},
    "pilot": {"Ann Clinical": "", "Ben Data": "", "Cleo Equity": "equity-reviewer", "Dan Privacy": "privacy-security"},
}
"""Step → who votes, and the role that is chosen where one holds several."""
WHY: Final = "haemoglobin of site B came in other units"


def _proposed(connection: Connection, policy: Policy, now: datetime) -> dict[str, str]:
    """A release with evidence that leaves a doubt, as the learner proposes it, its trial and rollback, and five people."""
    for name, roles in FIVE.items():
        persons.add_person(connection, name, roles, now=now, by="tests")
        accounts.give_password(connection, name, now=now, by="tests", sealer=SEALER)
        found = accounts.find(connection, name)
        assert found is not None
        accounts.change_password(connection, found.person, WORDS, now=now, sealer=SEALER)
    learner = persons.add_person(connection, "learner", ["learner"], now=now, by="tests", is_service=True).person
    jon = persons.add_person(connection, "Jon Developer", ["model-developer"], now=now, by="tests").person
    bundle = samples.release()
    doubted = samples.groups(
        bundle.digest, samples.group("race", "white"), samples.group("race", "asian", sensitivity=(0.2, 0.5))
    )
    training = samples.training_pack(bundle.digest, files={"evidence.json": doubted})
    proposal = proposals.propose(
        connection, bundle=bundle, packs=[training, samples.silent_pack(bundle.digest)],
        author=jon.name, note="", by=learner, now=now,
    )  # fmt: skip
    plan = msgspec.convert(samples.PLAN, TrialPlan)
    proposals.file_trial(connection, proposal, plan, by=jon, now=now)
    rollbacks.declare(connection, proposal, fallback="none", reason="the first of its kind", by=jon, now=now)
    cds = persons.add_person(connection, "cds", ["cds"], now=now, by="tests", is_service=True)
    return {"proposal": proposal.id, "cds": cds.token, "release": bundle.digest}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry in which one release was proposed."""
    with served(tmp_path_factory.mktemp("registry"), fill=_proposed) as running:
        yield running


@pytest.fixture(scope="module")
def browser(registry: Served) -> Iterator[Browser]:
    """One browser, started after the registry."""
    with chromium() as started:
        yield started


def sign_in(browser: Browser, registry: Served, name: str, complaints: list[str]) -> Page:
    """A browser of one's own, signed in with a password; what it complains of is kept."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.on("console", lambda message: complaints.append(f"{name}: {message.text}"))
    page.on("pageerror", lambda fault: complaints.append(f"{name}: {fault}"))
    page.goto(registry.url)
    page.fill("#name", name)
    page.fill("#password", WORDS)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{registry.url}/")
    return page


def vote(page: Page, step: str, role: str, look: Any = None) -> None:
    """From the task on the overview to the recorded vote; `look` is called on the form and on the check."""
    page.click(f".tasks a:has-text('the step to {step}')")
    if look is not None:
        look(page)
    if role:
        page.check(f"input[name=role][value={role}]")
    page.check("input[name=vote][value=approve]")
    if page.locator("input[name=accepts]").count():
        page.check("input[name=accepts]")
        page.fill("input[name^=plan-]", "weighed again after 400 stays")
    page.fill("#reason", f"read, and fit for {step}")
    page.click("text=Check my vote")
    assert page.inner_text("h1") == "Is this your vote?"
    if look is not None:
        look(page)
    page.click("text=Record my vote")
    assert page.inner_text("h1") == "Your vote is recorded"


def deploy(page: Page, look: Any) -> None:
    """From the table of what runs to the decision, by the form; `look` is called on the form and on the check."""
    page.click("text=Deploy or change")
    look(page)
    page.fill("#sites", "ward-7, ward-9")
    page.check("input[name=stage][value=pilot]")
    page.fill("#share", "10")
    page.click("text=Check what it would do")
    assert page.inner_text("h1").endswith("speak there?")
    look(page)
    page.click("main button[name=sure]")
    page.wait_for_url("**/console/deploy/small?done=*")


def manifests_of(registry: Served) -> list[Manifest]:
    """What a CDS is told, as signed."""
    answer = httpx.get(
        f"{registry.url}/manifests", headers={"Authorization": f"Bearer {registry.known['cds']}"}, timeout=30
    )
    keys = httpx.get(f"{registry.url}/keys", timeout=30).json()
    return [read_manifest(verify(signed, keys)) for signed in answer.json()["manifests"]]


def test_five_people_take_a_release_to_the_bedside_and_one_stops_it(browser: Browser, registry: Served) -> None:
    """Each votes from the task on the overview; one deploys it, and the signed feed carries it; two clicks stop it; a search of the memory finds why. All of it accessible."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()

    def look(page: Page) -> None:
        must_be_readable(page, axe)

    complaints: list[str] = []
    pages = {name: sign_in(browser, registry, name, complaints) for name in FIVE}
    for step, voters in STEPS.items():
        for place, (name, role) in enumerate(voters.items(), start=1):
            page = pages[name]
            page.goto(registry.url)
            # One form and one check are looked at closely: those with two roles, and doubts, to choose.
            vote(page, step, role, look if name == "Cleo Equity" else None)
            moved = "The quorum is met and every rule is kept" in page.inner_text("main")
            assert moved is (place == len(voters)), (step, name)
    dan, eve = pages["Dan Privacy"], pages["Eve Steward"]
    dan.click("nav >> text=Deploy and stop")
    look(dan)
    assert "pilot" in dan.inner_text("tbody tr")
    dan.click("tbody th a")
    look(dan)
    deploy(dan, look)
    (told,) = manifests_of(registry)
    assert (told.stage, told.where.sites, told.where.hooks) == ("pilot", ("ward-7", "ward-9"), ("patient-view",))
    assert told.share is not None
    assert told.share.of_10000 == 1000
    dan.click("text=Stop at ward-9 only")
    look(dan)
    dan.fill("#words", WHY)
    dan.click("text=Stop now")
    (told,) = manifests_of(registry)
    assert (told.stage, told.where.sites) == ("pilot", ("ward-7",))
    dan.click("text=STOP Small everywhere")
    look(dan)
    dan.fill("#words", WHY)
    dan.click("text=Stop now")
    assert "It stands still." in dan.inner_text("main")
    (told,) = manifests_of(registry)
    assert told.stage == "suspended"
    eve.goto(registry.url)
    assert "1 guidance stopped: small by Dan Privacy" in eve.inner_text(".strip")
    eve.click("nav >> text=Memory")
    eve.fill("#words", "why was it stopped units")
    eve.click("main button:has-text('Search')")
    eve.wait_for_selector(f"#found li:has-text('{WHY}')")
    assert [one for one in complaints if "Autofocus" not in one] == []
