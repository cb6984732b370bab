"""Notices reach those who chose them, by a real mail server and a real HTTP receiver, also after faults; nobody else."""

from __future__ import annotations

import email
import email.policy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from pydantic import SecretStr

from services.plumbing.database import writing
from services.plumbing.webhooks import signature
from services.registry.notices import messenger as messenger_module
from services.registry.notices.messenger import Messenger
from services.registry.notices.wiring import mail_server as mail_server_of
from services.registry.people import api_tokens
from services.registry.settings import RegistrySettings
from services.timeline.errors import BadInput
from tests.registry.conftest import Clock, House, running
from tests.registry.notices.receivers import Mailbox, Receiver, mail_server
from tests.registry.people.browsing import Browser, signed_in, with_password

pytestmark = pytest.mark.anyio


@pytest.fixture
def kept_in(database: str) -> str:
    """Both databases: what was there before is found in either."""
    return database


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook."""
    made = Receiver()
    yield made
    made.stop()


def settings(tmp_path: Path, **more: Any) -> RegistrySettings:
    """A registry that may post to this machine."""
    return RegistrySettings(
        var=tmp_path, policy="standard", webhook_hosts=("127.0.0.1",), webhook_networks=("127.0.0.0/8",), **more
    )


async def choose(house: House, name: str, **chosen: Any) -> httpx.Response:
    """PUT /me/notices."""
    return await house.http.put("/me/notices", json=chosen, headers={"Authorization": f"Bearer {house.tokens[name]}"})


async def told(house: House, name: str) -> list[dict[str, Any]]:
    """What became of a person's notices."""
    answer = await house.http.get("/me/notices", headers={"Authorization": f"Bearer {house.tokens[name]}"})
    notices: list[dict[str, Any]] = answer.json()["notices"]
    return notices


def messenger(house: House) -> Messenger:
    """The one of the app."""
    found: Messenger = house.app.state.messenger
    return found


async def test_nobody_is_told_anything_unasked(tmp_path: Path, clock: Clock, receiver: Receiver) -> None:
    """Off by default: a proposal waits for votes, and nothing is made or sent until somebody chooses."""
    async with running(settings(tmp_path), clock) as house:
        await house.propose()
        assert await messenger(house).look() == 0
        assert await told(house, "Fay Operations") == []
        assert receiver.came == []


async def test_a_webhook_gets_one_signed_notice_of_a_vote(tmp_path: Path, clock: Clock, receiver: Receiver) -> None:
    """Standard Webhooks' three headers, a signature that the shown secret verifies, a link, no second notice of the same."""
    async with running(settings(tmp_path), clock) as house:
        answer = await choose(
            house, "Fay Operations", webhook=f"http://127.0.0.1:{receiver.port}/x", kinds=["vote", "stop"]
        )
        assert answer.status_code == 200, answer.text
        proposed = await house.propose()
        assert await messenger(house).look() == 1
        assert await messenger(house).look() == 0
        ((headers, body),) = receiver.came
        expected = signature(answer.json()["secret"], headers["webhook-id"], int(headers["webhook-timestamp"]), body)
        assert headers["webhook-signature"] == expected
        said = json.loads(body)
        assert said["type"] == "notice.vote"
        assert said["data"]["link"].endswith(f"/console/review/{proposed.proposal}/development")
        assert "operations" in said["data"]["said"]
        assert [one["state"] for one in await told(house, "Fay Operations")] == ["sent"]
        assert "secret" not in (await choose(
            house, "Fay Operations", webhook=f"http://127.0.0.1:{receiver.port}/x", kinds=["vote", "stop"]
        )).json()  # fmt: skip


async def test_stops_reasons_questions_and_reviews_reach_whom_they_concern(
    tmp_path: Path, clock: Clock, receiver: Receiver
) -> None:
    """Who stopped owes the reason, the others hear of the stop; the author of a release, of a question without its text."""
    async with running(settings(tmp_path), clock) as house:
        kinds = ["question", "reason", "stop", "review"]
        for name in ("Ann Clinical", "Ben Data", "Jon Developer"):
            await choose(house, name, webhook=f"http://127.0.0.1:{receiver.port}/{name.split()[0]}", kinds=kinds)
        first = await house.propose()
        await house.climb(first, "silent")
        await house.http.post(
            f"/proposals/{first.proposal}/questions",
            json={"text": "Why tea?", "role": "clinical-reviewer"},
            headers={"Authorization": f"Bearer {house.tokens['Ann Clinical']}"},
        )
        await messenger(house).look()
        assert [one["kind"] for one in await told(house, "Jon Developer")] == ["question"]
        assert not any(b"Why tea" in body for _, body in receiver.came)
        assert await told(house, "Ann Clinical") == []
        clock.pass_time(days=800)
        await choose(house, "Ben Data", webhook=f"http://127.0.0.1:{receiver.port}/Ben", kinds=["review", "stop"])
        await messenger(house).look()
        assert [one["kind"] for one in await told(house, "Ben Data")] == ["review"]
        await house.as_("Ann Clinical").suspend("small")
        await messenger(house).look()
        assert "reason" in [one["kind"] for one in await told(house, "Ann Clinical")]
        assert "stop" not in [one["kind"] for one in await told(house, "Ann Clinical")]
        assert "stop" in [one["kind"] for one in await told(house, "Ben Data")]


async def test_a_receiver_that_is_away_gets_it_when_it_is_back(
    tmp_path: Path, clock: Clock, receiver: Receiver
) -> None:
    """500, a redirect and no server at all are tried again later, under the same id; meanwhile the failure is shown."""
    async with running(settings(tmp_path), clock) as house:
        await choose(house, "Fay Operations", webhook=f"http://127.0.0.1:{receiver.port}/", kinds=["vote"])
        await house.propose()
        for status in (500, 302):
            receiver.status = status
            assert await messenger(house).look() == 0
            (one,) = await told(house, "Fay Operations")
            assert (one["state"], str(status) in one["fault"]) == ("waiting", True)
            assert await messenger(house).look() == 0  # not before its time
            clock.pass_time(minutes=2)
        receiver.stop()
        assert await messenger(house).look() == 0
        assert messenger(house).facts["notices_undelivered"] == 1
        clock.pass_time(hours=1)
        back = Receiver(receiver.port)
        try:
            assert await messenger(house).look() == 1
        finally:
            back.stop()
        assert {headers["webhook-id"] for headers, _ in receiver.came} == {back.came[0][0]["webhook-id"]}
        assert messenger(house).facts["notices_undelivered"] == 0


async def test_it_is_given_up_after_two_days_or_when_the_receiver_is_gone(
    tmp_path: Path, clock: Clock, receiver: Receiver
) -> None:
    """410 ends it at once; what never succeeds ends after the last wait. Both stay to be seen."""
    async with running(settings(tmp_path), clock) as house:
        address = f"http://127.0.0.1:{receiver.port}/"
        receiver.status = 410
        await choose(house, "Eve Steward", webhook=address, kinds=["vote"])
        await house.propose()
        await messenger(house).look()
        assert [(one["state"], one["tries"]) for one in await told(house, "Eve Steward")] == [("failed", 1)]
        receiver.status = 503
        await choose(house, "Fay Operations", webhook=address, kinds=["vote"])
        for _ in range(12):
            await messenger(house).look()
            clock.pass_time(days=1)
        assert [(one["state"], one["tries"]) for one in await told(house, "Fay Operations")] == [("failed", 9)]


async def test_a_kill_between_outbox_and_sending_loses_nothing(
    tmp_path: Path, clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process claims the notice and is killed with SIGKILL before it sends; after the lease it is sent, once."""
    monkeypatch.setattr(messenger_module, "EVERY", 3600.0)  # however long the other process takes to start
    given = settings(tmp_path)
    async with running(given, clock) as house:
        await choose(house, "Fay Operations", webhook=f"http://127.0.0.1:{receiver.port}/", kinds=["vote"])
        await house.propose()
        script = (
            "import asyncio, os, signal, sys\n"
            "from datetime import datetime\n"
            "from pathlib import Path\n"
            "from services.registry.app import open_desk\n"
            "from services.registry.notices import outbox\n"
            "from services.registry.notices.wiring import open_messenger\n"
            "from services.registry.settings import RegistrySettings\n"
            "async def main():\n"
            "    settings = RegistrySettings(var=Path(sys.argv[1]), policy='standard', webhook_hosts=('127.0.0.1',))\n"
            "    now = datetime.fromisoformat(sys.argv[2])\n"
            "    desk = open_desk(settings, now=lambda: now)\n"
            "    messenger = open_messenger(settings, desk, {})\n"
            "    await messenger._fill()\n"
            "    claimed = await desk.note(lambda connection: outbox.claim(connection, now))\n"
            "    assert len(claimed) == 1\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
            "asyncio.run(main())\n"
        )
        done = await anyio.run_process(
            [sys.executable, "-c", script, str(tmp_path), clock.now.isoformat()], check=False
        )
        assert done.returncode == -9, done.stderr.decode()
        assert await messenger(house).look() == 0  # leased
        assert receiver.came == []
        clock.pass_time(minutes=2)
        assert await messenger(house).look() == 1
        assert len(receiver.came) == 1


async def test_mail_goes_over_starttls_with_a_password_and_waits_for_the_server(tmp_path: Path, clock: Clock) -> None:
    """Away, it waits; there, it is handed over in TLS, with the link and nothing of a vote; 550 is given up."""
    mailbox = Mailbox()
    server = mail_server(tmp_path, mailbox)
    given = settings(
        tmp_path, smtp_host="127.0.0.1", smtp_port=server.port, smtp_from="knowdo@hospital.example", smtp_user="knowdo",
        smtp_password=SecretStr("tea"), smtp_ca_file=tmp_path / "mail.crt",
    )  # fmt: skip
    async with running(given, clock) as house:
        assert (await choose(house, "Fay Operations", email="fay@hospital.example", kinds=["vote"])).status_code == 200
        await house.propose()
        assert await messenger(house).look() == 0
        assert (await told(house, "Fay Operations"))[0]["fault"].startswith("the mail server did not take it")
        server.start()
        try:
            clock.pass_time(minutes=1)
            assert await messenger(house).look() == 1
            message = email.message_from_bytes(mailbox.came[0], policy=email.policy.default)
            assert message["To"] == "fay@hospital.example"
            assert message["Auto-Submitted"] == "auto-generated"
            text = message.get_content()
            assert "/console/review/" in text
            assert "/console/notices" in text
            mailbox.refuse = "550 no such user"
            await choose(house, "Eve Steward", email="eve@hospital.example", kinds=["vote"])
            await messenger(house).look()
            (one,) = await told(house, "Eve Steward")
            assert one["state"] == "failed"
            assert "eve@" not in one["fault"]
        finally:
            server.stop()


async def test_a_choice_that_leads_astray_is_refused(tmp_path: Path, clock: Clock) -> None:
    """Another host, plain http, credentials, a header in an address, an unknown kind, no server, a service: 400 or 403."""
    async with running(settings(tmp_path), clock) as house:
        for chosen in (
            {"webhook": "https://elsewhere.example/x", "kinds": ["vote"]},
            {"webhook": "http://10.0.0.1/x", "kinds": ["vote"]},
            {"webhook": "https://user:word@127.0.0.1/x", "kinds": ["vote"]},
            {"webhook": "file:///etc/passwd", "kinds": ["vote"]},
            {"webhook": "https://127.0.0.1/x", "kinds": ["tea"]},
            {"email": "fay@hospital.example", "kinds": ["vote"]},  # no mail server
            {"email": "fay@hospital.example\r\nBcc: all@x.example", "kinds": ["vote"]},
            {"wish": "x"},
        ):
            assert (await choose(house, "Fay Operations", **chosen)).status_code == 400, chosen
        assert (await choose(house, "cds", kinds=["vote"])).status_code == 403
        assert (await house.http.get("/me/notices")).status_code == 401


async def test_two_processes_send_a_notice_once_on_each_database(
    tmp_path: Path, clock: Clock, receiver: Receiver, database: str
) -> None:
    """Two messengers look at the same moment, on SQLite and on PostgreSQL: one of them sends."""
    async with running(settings(tmp_path, database_url=database), clock) as house:
        await choose(house, "Fay Operations", webhook=f"http://127.0.0.1:{receiver.port}/", kinds=["vote"])
        await house.propose()
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(messenger(house).look)
        assert len(receiver.came) == 1
        assert [one["state"] for one in await told(house, "Fay Operations")] == ["sent"]


async def test_the_page_keeps_a_choice_and_shows_what_became_of_it(
    tmp_path: Path, clock: Clock, receiver: Receiver
) -> None:
    """By form, with the session's token: the secret once, a wrong host said beside the form, a failure in words."""
    async with running(settings(tmp_path), clock) as house:
        browser = await signed_in(house, "Fay Operations")
        address = f"http://127.0.0.1:{receiver.port}/"
        kept = await browser.send("/console/notices", webhook=address, kinds="vote")
        assert kept.status_code == 200, kept.text
        assert "whsec_" in kept.text
        assert "whsec_" not in (await browser.open("/console/notices")).text
        wrong = await browser.send("/console/notices", webhook="https://elsewhere.example/", kinds="vote")
        assert (wrong.status_code, "not among those" in wrong.text) == (400, True)
        receiver.status = 500
        await house.propose()
        await messenger(house).look()
        assert "not delivered yet, tried 1 times" in (await browser.open("/console/notices")).text
        forged = await browser.http.post("/console/notices", data={"webhook": "", "kinds": "vote"})
        assert forged.status_code == 403
        none = await browser.send("/console/notices", webhook="", kinds="vote")
        assert none.status_code == 200
        assert await messenger(house).look() == 0


def test_a_password_is_never_sent_in_clear(tmp_path: Path) -> None:
    """A user without STARTTLS, or a server without a sender, is a fault at the start."""
    for wrong in ({"smtp_user": "x", "smtp_starttls": False, "smtp_from": "a@b.example"}, {"smtp_from": ""}):
        with pytest.raises(BadInput):
            mail_server_of(settings(tmp_path, smtp_host="mail.example", **wrong))


async def test_a_change_of_how_one_signs_in_is_told_unasked(tmp_path: Path, clock: Clock, receiver: Receiver) -> None:
    """A new password, a token and tries that failed, once each, whatever kinds were chosen, none too; never to somebody else."""
    async with running(settings(tmp_path), clock) as house:
        for name in ("Fay Operations", "Eve Steward"):
            await choose(house, name, webhook=f"http://127.0.0.1:{receiver.port}/{name.split()[0]}", kinds=[])
        with_password(house, "Fay Operations")
        for _ in range(6):
            await Browser(house).sign_in("Fay Operations", "wrong otters paint slowly")
        with writing(house.app.state.desk.engine) as connection:
            api_tokens.add(
                connection, "Fay Operations", label="secret label", scopes=["read"], days=1, now=clock(), by="root"
            )
        await messenger(house).look()
        await messenger(house).look()
        said = [json.loads(body)["data"]["said"] for _, body in receiver.came]
        assert [one.partition(" at ")[0] for one in said] == [
            "You were given a new password",
            "Your password was changed",
            "Tries to sign in under your name failed, so that further ones must wait",
            "A token that acts for you was made",
        ]
        assert "by you" in said[1]
        assert "by an administrator" in said[3]
        assert not any(word in str(receiver.came) for word in ("secret label", "root"))
        assert await told(house, "Eve Steward") == []
        clock.pass_time(days=3)
        await messenger(house).look()
        assert len(receiver.came) == 4


async def test_a_former_address_hears_that_it_is_one(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes an account over cannot first send its notices elsewhere: what was not told yet goes to the old address."""
    mailbox = Mailbox()
    server = mail_server(tmp_path, mailbox)
    given = settings(
        tmp_path, smtp_host="127.0.0.1", smtp_port=server.port, smtp_from="knowdo@hospital.example", smtp_user="knowdo",
        smtp_password=SecretStr("tea"), smtp_ca_file=tmp_path / "mail.crt",
    )  # fmt: skip
    # Only this test looks: what the service tried before there is a server would be due again later.
    monkeypatch.setattr(Messenger, "keep_on", lambda _self: anyio.sleep(3600))
    async with running(given, clock) as house:
        await choose(house, "Fay Operations", email="fay@hospital.example", kinds=["vote"])
        with_password(house, "Fay Operations")
        await choose(house, "Fay Operations", email="thief@elsewhere.example", kinds=["vote"])
        await choose(house, "Fay Operations")
        server.start()
        try:
            await messenger(house).look()
        finally:
            server.stop()
        came = [email.message_from_bytes(one, policy=email.policy.default) for one in mailbox.came]
        to = [str(one["To"]) for one in came]
        assert to.count("fay@hospital.example") == 3
        assert to.count("thief@elsewhere.example") == 1
        text = "".join(one.get_content() for one in came if one["To"] == "fay@hospital.example")
        assert "Your password was changed" in text
        assert "Your notices go to another address" in text
        assert "thief@" not in text
        assert "You are told of this always" in text
