"""What attackers try first: fields that were not asked for, markup in every text, frames, and faults that a scanner finds."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.guidance.release import pack
from services.plumbing.database import writing
from services.registry.people import persons
from tests.registry import samples
from tests.registry.conftest import House
from tests.registry.people.browsing import Browser, signed_in

pytestmark = pytest.mark.anyio
PROJECT = Path(__file__).parents[3]
MARKUP = """"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"""


@pytest.mark.parametrize(
    ("who", "path", "body"),
    [
        ("learner", "/proposals", {"release": "", "author": "x", "state": "general"}),
        ("learner", "/proposals/x/evidence", {"evidence": "", "kind": "trial"}),
        ("learner", "/proposals/x/trial", {"id": "t", "unit": "patient", "arms": [], "in_force": True}),
        (
            "Ann Clinical", "/proposals/x/votes",
            {"transition": "pilot", "role": "clinical-reviewer", "vote": "approve", "release": "r", "person": "Ben Data"},
        ),
        ("Ann Clinical", "/deployments/small/suspend", {"reason": "x", "by": "Ben Data"}),
        ("cds", "/reports", {"aggregates": [], "reporter": "another"}),
        ("cds", "/acknowledgements", {"acknowledgements": [], "reporter": "another"}),
    ],
)  # fmt: skip
async def test_no_body_has_room_for_fields_that_nobody_asked_for(
    house: House, who: str, path: str, body: dict[str, object]
) -> None:
    """Mass assignment: refused with 400, whatever the field is called."""
    bearer = {"Authorization": f"Bearer {house.tokens[who]}"}
    answer = await house.http.post(path, headers=bearer, content=json.dumps(body))
    assert answer.status_code == 400


async def test_markup_in_any_text_stays_text(house: House) -> None:
    """In names, notes, reasons: on every page that shows them, for strangers and for those who signed in."""
    with writing(house.app.state.desk.engine) as connection:
        evil = persons.add_person(connection, MARKUP[:90], ["clinical-reviewer"], now=house.clock(), by=MARKUP)
    release = base64.b64encode(pack(samples.release())).decode()
    bearer = {"Authorization": f"Bearer {house.tokens['learner']}"}
    body = {"release": release, "author": f"another {MARKUP}", "note": MARKUP}
    made = (await house.http.post("/proposals", headers=bearer, content=json.dumps(body))).json()
    vote = {
        "transition": "development", "role": "clinical-reviewer", "vote": "reject", "release": made["release"],
        "reason": MARKUP,
    }  # fmt: skip
    bearer = {"Authorization": f"Bearer {evil.token}"}
    answer = await house.http.post(f"/proposals/{made['proposal']}/votes", headers=bearer, content=json.dumps(vote))
    assert answer.status_code == 201
    browser = await signed_in(house, "Ann Clinical")
    for path in ("/", f"/releases/{made['release']}/page", "/password", f"/sign-in?next={MARKUP}"):
        for page in (await browser.open(path), await Browser(house).open(path)):
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text
            assert ">49<" not in page.text
            if page.status_code == 200:
                policy = page.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy


async def test_no_page_can_be_framed(house: House) -> None:
    """Clickjacking: neither by today's browsers nor by old ones; a button to stop or vote is pressed on our page alone."""
    browser = await signed_in(house, "Ann Clinical")
    for path in ("/", "/password", "/sign-in"):
        headers = (await browser.open(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"


async def test_pages_for_persons_are_not_kept(house: House) -> None:
    """By the browser or anything between: another who sits down there finds nothing."""
    browser = await signed_in(house, "Ann Clinical")
    for path in ("/", "/password", "/sign-in"):
        assert (await browser.open(path)).headers["cache-control"] == "no-store"


def test_bandit_finds_nothing_high() -> None:
    """In everything that runs. Medium ones, by hand: fixed words in SQL and Markup, a probe of /dev/shm, a stream without an end."""
    command = [sys.executable, "-m", "bandit", "-q", "-r", str(PROJECT / "services"), "-lll", "-f", "json"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(found.stdout)["results"] == []
