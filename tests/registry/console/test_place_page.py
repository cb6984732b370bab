"""Deploying in a browser without JavaScript: what is decided is shown once more, and the signed manifest then carries it."""

from __future__ import annotations

import pytest

from services.plumbing.registry_messages import Aggregate
from tests.registry.conftest import House
from tests.registry.console.pages import Page
from tests.registry.console.test_stop_page import ONE, STOP, running
from tests.registry.deployed.test_deployments import manifests
from tests.registry.people.browsing import hidden, signed_in

pytestmark = pytest.mark.anyio
WRITTEN = {
    "sites": "north, south", "tenants": "*", "hooks": "patient-view", "stage": "pilot", "share": "10", "starts": "",
    "ends": "2026-12-15T08:00", "fallback": "none",
}  # fmt: skip


async def test_what_is_decided_in_the_form_is_in_the_manifest(house: House) -> None:
    """The answers and the cards to expect first; nothing changes before the second click."""
    proposed = await running(house, "pilot")
    fay = await signed_in(house, "Fay Operations")
    path = f"{ONE}/place/{proposed.release}"
    assert f'href="{path}"' in (await fay.open(ONE)).text
    check = await fay.send(path, **WRITTEN)
    told = Page(check.text)
    assert (check.status_code, told.open) == (200, [])
    assert "north, south" in told.text
    assert "Expect about 0.9 cards a day" in told.text  # 10 a day, 10% of patients, 90% of them in the shown arm
    assert "The silent month is not told by site" in told.text
    assert (await manifests(house))[0].where.sites == ("*",)
    done = await fay.http.post(path, data={**hidden(check), "sure": "yes"})
    assert (done.status_code, done.headers["location"]) == (303, f"{ONE}?done=deployed")
    assert "Deployed as you decided." in (await fay.open(f"{ONE}?done=deployed")).text
    (manifest,) = await manifests(house)
    assert manifest.where.sites == ("north", "south")
    assert manifest.share is not None
    assert manifest.share.of_10000 == 1000
    late = await fay.http.post(path, data={**hidden(check), "sure": "yes"})
    assert late.status_code == 409
    assert "changed while you wrote" in late.text


async def test_the_preview_counts_silent_days_by_site(house: House) -> None:
    """Where sites reported silent decisions the page counts these, and names the site of which nothing is known."""
    proposed = await running(house, "pilot")
    counts = {"calls": 200, "silent": 20}
    await house.as_("cds").report(
        [Aggregate(guidance="small", release=proposed.release, site="north", day="2026-11-20", counts=counts)]
    )
    fay = await signed_in(house, "Fay Operations")
    told = Page((await fay.send(f"{ONE}/place/{proposed.release}", **WRITTEN)).text).text
    assert "a card was due at north, south on 20 of 200 calls, 1 day with reports" in told
    assert "Of south nothing was reported" in told


async def test_who_may_not_deploy_is_told_who_may(house: House) -> None:
    """A reviewer sees the form's page without the form, and sending it all the same is refused."""
    proposed = await running(house, "pilot")
    ann = await signed_in(house, "Ann Clinical")
    path = f"{ONE}/place/{proposed.release}"
    shown = await ann.open(path)
    assert "it takes a person of operations" in shown.text
    assert 'name="sites"' not in shown.text
    assert f'href="{path}"' not in (await ann.open(ONE)).text
    stamp = hidden(await (await signed_in(house, "Fay Operations")).open(path))["stamp"]
    csrf = hidden(await ann.open(STOP))["csrf"]
    refused = await ann.http.post(path, data={**WRITTEN, "csrf": csrf, "stamp": stamp, "sure": "yes"})
    assert refused.status_code == 403
    assert (await manifests(house))[0].where.sites == ("*",)


async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(house: House) -> None:
    """No site, no number, and what the vote does not allow: each with its sentence, the words kept."""
    proposed = await running(house, "pilot")
    fay = await signed_in(house, "Fay Operations")
    path = f"{ONE}/place/{proposed.release}"
    for change, status, said in (
        ({"sites": ""}, 400, 'href="#sites"'),
        ({"share": "half"}, 400, 'href="#share"'),
        ({"ends": "never"}, 400, 'href="#ends"'),
        ({"stage": "general"}, 409, 'href="#stage"'),
        ({"ends": "2026-01-01T00:00"}, 400, 'href="#ends"'),
    ):
        answer = await fay.send(path, **{**WRITTEN, **change})
        assert (answer.status_code, said in answer.text) == (status, True), change
        if "sites" not in change:
            assert 'value="north, south"' in answer.text


async def test_one_site_is_stopped_and_the_reason_waits_for_who_stopped_it(house: House) -> None:
    """The others go on; the overview asks for the reason until it is given there."""
    proposed = await running(house, "pilot")
    fay, ida = await signed_in(house, "Fay Operations"), await signed_in(house, "Ida Safety")
    path = f"{ONE}/place/{proposed.release}"
    check = await fay.send(path, **WRITTEN)
    await fay.http.post(path, data={**hidden(check), "sure": "yes"})
    page = await ida.open(f"{STOP}?site=north")
    assert "at north only?" in Page(page.text).text
    assert (await ida.http.post(STOP, data=hidden(page))).status_code == 303
    assert (await manifests(house))[0].where.sites == ("south",)
    assert "its stop by Ida Safety owes a reason" in (await ida.open("/")).text
    assert "owes a reason" not in (await fay.open("/")).text
    owed = await ida.open(ONE)
    given = await ida.http.post(f"{ONE}/reason", data={**hidden(owed), "reason": "wrong units in the north"})
    assert given.status_code == 303
    assert "owes a reason" not in (await ida.open("/")).text
    assert "stopped it at north" in (await ida.open(ONE)).text
    last = await ida.open(f"{STOP}?site=south")
    await ida.http.post(STOP, data={**hidden(last), "reason": "a drill"})
    assert "It stands still." in (await ida.open(ONE)).text


async def test_what_speaks_everywhere_leaves_no_single_site(house: House) -> None:
    """Nobody knows where it would stay: the page says what to do instead, and nothing is stopped."""
    await running(house, "pilot")
    ida = await signed_in(house, "Ida Safety")
    refused = await ida.http.post(STOP, data={**hidden(await ida.open(STOP)), "site": "north"})
    assert refused.status_code == 409
    assert "it speaks everywhere" in refused.text.lower()
    assert (await manifests(house))[0].stage == "pilot"
