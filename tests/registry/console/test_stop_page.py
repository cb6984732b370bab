"""Stopping in a browser without JavaScript: two clicks by one person, and loudly said where it is not confirmed."""

from __future__ import annotations

import pytest

from services.guidance.lifecycle import State
from services.plumbing.database import writing
from services.plumbing.registry_client import Acknowledgement, Proposed
from services.registry.console.stop_page import REASONS
from services.registry.deployed import leases
from services.registry.people.limits import STOPS
from tests.registry.conftest import House
from tests.registry.console.pages import Page
from tests.registry.people.browsing import hidden, signed_in

pytestmark = pytest.mark.anyio
ONE = "/console/deploy/small"
STOP = f"{ONE}/stop"
NASTY = """<script>document.title='run'</script>"><img src=x onerror="alert(1)">"""


async def running(house: House, to: State = "silent") -> Proposed:
    """A release that runs, and one worker that has heard of it."""
    proposed = await house.propose()
    await house.climb(proposed, to)
    await house.as_("cds").manifests(worker="cds-1")
    return proposed


async def acknowledge(house: House) -> None:
    """The worker says that it stands as the registry says."""
    with writing(house.app.state.desk.engine) as connection:
        one = next(iter(leases.current(connection, now=house.clock())))
    await house.as_("cds").acknowledge(
        [
            Acknowledgement(
                worker="cds-1", deployment=one.id, guidance="small", release=one.release, stage=one.stage,
                ledger_number=one.changed_in, at=house.clock().isoformat(timespec="milliseconds"),
            )
        ]
    )  # fmt: skip


async def test_two_clicks_of_one_person_stop_it_and_a_reason_may_wait(house: House) -> None:
    """The first thing after the heading is the way to stop; the second click needs nothing filled in."""
    await running(house)
    gil = await signed_in(house, "Gil Patient")
    first = await gil.open(ONE)
    after = first.text[first.text.index("</h1>") :]
    assert after.index(f'href="{STOP}"') < after.index("<dl")
    second = await gil.open(STOP)
    after = second.text[second.text.index("</h1>") :]
    assert after.index("Stop now") < after.index("radio")
    stopped = await gil.http.post(STOP, data=hidden(second))
    assert (stopped.status_code, stopped.headers["location"]) == (303, ONE)
    told = Page((await gil.open(ONE)).text).text
    assert "It stands still." in told
    assert "Gil Patient (patient-representative) stopped it" in told
    assert "■ 1 guidance stopped" in told
    assert "owes its reason until 2026-11-23 14:02 UTC" in told
    assert "It stands still already" in (await gil.open(STOP)).text


async def test_a_stop_that_is_not_confirmed_in_ten_seconds_is_an_alert(house: House) -> None:
    """First it waits, then it is said loudly which worker has not confirmed and until when it may speak."""
    await running(house)
    ida = await signed_in(house, "Ida Safety")
    await ida.send(STOP, reason=REASONS[0][0])
    told = (await ida.open(ONE)).text
    assert "Stop asked; 1 of 1 workers have not confirmed yet" in told
    assert 'role="alert"' not in told
    house.clock.pass_time(seconds=10)
    told = (await ida.open(ONE)).text
    assert 'role="alert"' in told
    assert "NOT CONFIRMED by cds-1. This guidance may still be shown there until " in told
    assert "0 of 1" in (await ida.open("/console/deploy")).text
    await acknowledge(house)
    told = (await ida.open(ONE)).text
    assert 'role="alert"' not in told
    assert "confirmed by 1 of 1 workers 14:02:17 (UTC)" in told


async def test_who_may_not_stop_is_told_who_may(house: House) -> None:
    """An auditor sees where it is on, and no button; sending the form all the same is refused."""
    await running(house)
    kim = await signed_in(house, "Kim Auditor")
    one, stop = await kim.open(ONE), await kim.open(STOP)
    assert f'href="{STOP}"' not in one.text
    for shown in (one, stop):
        assert "one is enough" in shown.text
    assert "Stop now" not in stop.text
    refused = await kim.http.post(STOP, data=hidden(one))
    assert refused.status_code == 403
    assert (await house.as_("Kim Auditor").proposals())[0]["state"] == "silent"


async def test_a_form_of_another_session_stops_nothing(house: House) -> None:
    """Without the session's token 403; without a session the way to sign in; what is not there is 404."""
    await running(house)
    ida = await signed_in(house, "Ida Safety")
    assert (await ida.http.post(STOP, data={"csrf": "other"})).status_code == 403
    assert (await ida.open("/console/deploy/none")).status_code == 404
    assert (await ida.open("/console/deploy/none/stop")).status_code == 404
    form = hidden(await ida.open(STOP))
    ida.http.cookies.clear()
    answer = await ida.http.post(STOP, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fconsole%2Fdeploy%2Fsmall%2Fstop")
    assert (await house.as_("Kim Auditor").proposals())[0]["state"] == "silent"


async def test_stopping_is_never_too_fast(house: House) -> None:
    """Its address ends as those that are not counted do."""
    assert STOP.endswith(STOPS)


async def test_where_it_is_on_is_a_table_and_nothing_runs_is_said(house: House) -> None:
    """Empty first; then stage, reach and who confirmed, each way to stop by its name, no button in the list."""
    ida = await signed_in(house, "Ida Safety")
    empty = await ida.open("/console/deploy")
    assert "Nothing runs anywhere." in empty.text
    await house.propose()
    never = await ida.open(ONE)
    assert never.status_code == 200
    assert f'href="{STOP}"' not in never.text
    proposed = (await house.as_("Kim Auditor").proposals())[0]
    assert proposed["state"] == "registered"


async def test_the_list_shows_the_pilot_and_what_more_would_show(house: House) -> None:
    """How many cards, from the silent month; who is reached; the reason of a stop as text, whatever it holds."""
    await running(house, "pilot")
    ida = await signed_in(house, "Ida Safety")
    table = Page((await ida.open("/console/deploy")).text)
    assert "◑ pilot" in table.text
    assert "everywhere; 90% of patients in the trial" in table.text
    assert "Stop Small" in table.text
    one = Page((await ida.open(ONE)).text).text
    assert "operations decide where" in one
    assert "In its silent month it would have shown a card on 10 (9 to 11) of 100 calls: about 10.0 a day" in one
    await ida.send(STOP, reason=NASTY, words=NASTY)
    for path in (ONE, "/console/deploy", "/"):
        shown = Page((await ida.open(path)).text)
        assert "document.title" in shown.text, path
        assert not {"script", "img"} & {tag for tag, _ in shown.tags}
        assert shown.open == []


async def test_it_says_where_operations_have_placed_it(house: House) -> None:
    """One site and a share of patients until a day: both in the table, and nowhere is it said that it is on everywhere."""
    proposed = await running(house, "pilot")
    placed = await house.http.post(
        "/deployments",
        json={
            "guidance": "small", "release": proposed.release, "sites": ["ward-7"], "share": 5,
            "ends_at": "2026-12-15T08:00:00Z",
        },
        headers={"Authorization": f"Bearer {house.tokens['Fay Operations']}"},
    )  # fmt: skip
    assert placed.status_code == 201, placed.text
    ida = await signed_in(house, "Ida Safety")
    reaches = "ward-7; 5% of patients; 90% of patients in the trial"
    for path in (ONE, STOP, "/console/deploy", "/"):
        told = Page((await ida.open(path)).text).text
        assert reaches in told, path
        assert "everywhere;" not in told, path
    one = Page((await ida.open(ONE)).text).text
    assert "ward-7 5% 2026-12-15 08:00 nothing" in one
