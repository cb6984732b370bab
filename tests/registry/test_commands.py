"""`knowdo registry`: people on the database itself, everything else by asking a running registry."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from click.testing import Result
from sqlalchemy import update
from typer.testing import CliRunner

from services.guidance.errors import NotAuthenticated, NotFound, Refused, Unavailable
from services.guidance.release import pack
from services.plumbing.database import open_database, writing
from services.plumbing.registry_client import RegistryClient
from services.registry.app import create_app
from services.registry.commands import app
from services.registry.settings import RegistrySettings
from services.registry.tables import ledger
from services.timeline.errors import BadInput, KnowdoError
from tests.registry import samples

RUN = CliRunner()


class Shell:
    """A command line in one folder, with a registry that listens."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def run(self, *words: str) -> Result:
        """Run a command; a fault that is meant is raised as it is."""
        result: Any = RUN.invoke(app, list(words), env={"KNOWDO_VAR": str(self.folder), "KNOWDO_URL": self.url})
        if isinstance(result.exception, KnowdoError):
            raise result.exception
        found: Result = result
        return found

    def json(self, *words: str) -> Any:
        """What a command answers as JSON."""
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        # The server of these tests lives in the same process and logs to the same stream.
        return json.loads(result.stdout.splitlines()[-1])

    def person(self, name: str, *roles: str, service: bool = False) -> tuple[str, str]:
        """Add someone; answers the option with their token."""
        path = self.folder / f"{name}.token"
        options = [option for role in roles for option in ("--role", role)] + (["--service"] if service else [])
        self.run("person", "add", name, *options, "--token-file", str(path))
        return "--token-file", str(path)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A registry on a free port, in a thread, under the demo policy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = RegistrySettings(var=tmp_path, policy="demo", public_url=f"http://127.0.0.1:{port}")
    config = uvicorn.Config(create_app(settings), port=port, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Shell(tmp_path, f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join()


def test_from_the_first_person_to_a_stop(shell: Shell) -> None:
    """Add people, propose, vote up to silence, stop, and prove the memory: nothing but commands."""
    learner = shell.person("Learner", "data-steward")
    bundle = samples.release()
    (shell.folder / "release.zip").write_bytes(pack(bundle))
    (shell.folder / "training.zip").write_bytes(pack(samples.training_pack(bundle.digest)))
    made = shell.json(
        "propose", str(shell.folder / "release.zip"), "--evidence", str(shell.folder / "training.zip"),
        "--author", "Jon", *learner,
    )  # fmt: skip
    assert made["release"] == bundle.digest
    people = {
        role: shell.person(role, role)
        for role in ("data-steward", "operations", "clinical-reviewer", "data-science-reviewer")
    }
    for to, roles in (
        ("development", ("data-steward", "operations")),
        ("silent", ("clinical-reviewer", "data-science-reviewer")),
    ):
        for role in roles:
            result = shell.run("vote", made["proposal"], "--to", to, "--role", role, "--reason", "read", *people[role])
        assert f"state: {to}" in result.output
    assert shell.json("list", *learner)[0]["state"] == "silent"
    (silence,) = shell.json("tasks", *people["operations"])["tasks"]
    assert (silence["kind"], silence["link"]) == ("check", f"{shell.url}/console/deploy/small")
    assert f"CHECK  {silence['said']}" in shell.run("tasks", *people["operations"]).output
    assert "Nothing needs you; looked for by 9 rules" in shell.run("tasks", *learner).output
    result = shell.run("stop", "small", "--reason", "drill", *people["operations"])
    assert "1 running release(s) stopped" in result.output
    assert "no worker holds a lease" in result.output
    assert "nothing was running" in shell.run("stop", "small", *people["operations"]).output
    service = shell.person("ward", "cds", service=True)
    asyncio.run(_asks(shell.url, Path(service[1]).read_text().strip(), worker="ward-1"))
    unheard = shell.run("stop", "small", "--wait", "0.2", *people["operations"])
    assert unheard.exit_code == 1
    assert "NOT CONFIRMED by ward-1" in unheard.output
    actions = [entry["action"] for entry in shell.json("ledger", *learner)["entries"]]
    assert actions[-3:] == ["moved", "suspended", "person added"]
    assert "suspended" in shell.run("ledger", "--after", "10", *learner).output
    found = shell.json("verify")
    assert (found["whole"], found["entries"]) == (True, len(actions))


def test_the_memory_is_asked_added_to_and_carried_away(shell: Shell) -> None:
    """Search, a lesson, how long things take, and an export that is proven without the registry, and refused if altered."""
    clinician = shell.person("Ann", "clinical-reviewer")
    developer = shell.person("Dev", "model-developer")
    (shell.folder / "release.zip").write_bytes(pack(samples.release()))
    shell.run("propose", str(shell.folder / "release.zip"), "--author", "Dev", *developer)
    kept = shell.json(
        "remember", "small", "Ask the laboratory first", "--owner", "Ann", "--review-on", "2027-01-15", *clinician
    )
    assert "[lesson] Lesson, noted by Ann" in shell.run("memory", "laboratory", *clinician).output
    assert shell.json("memory", "laboratory", *clinician)["lines"][0]["number"] == kept["number"]
    assert "These hold some" in shell.run("memory", "laboratory", "zeppelin", *clinician).output
    assert "Nothing in the memory" in shell.run("memory", "zeppelin", *clinician).output
    assert "from the last data" in shell.run("cycle-times", *clinician).output.replace("\n", " ")
    export, keys = shell.folder / "ledger.ndjson", shell.folder / "keys.json"
    assert f"{kept['number']} entries" in shell.run("export", str(export), *clinician).output
    shell.run("keys", "--file", str(keys))
    found = shell.json("verify", "--export", str(export), "--keys", str(keys))
    assert (found["whole"], found["entries"]) == (True, kept["number"])
    export.write_bytes(export.read_bytes().replace(b"laboratory", b"labouratory"))
    result = shell.run("verify", "--export", str(export), "--keys", str(keys))
    assert (result.exit_code, f"entry {kept['number']} was altered" in result.output) == (1, True)
    with pytest.raises(BadInput, match="public keys"):
        shell.run("verify", "--export", str(export))


async def _asks(url: str, token: str, *, worker: str) -> None:
    """A worker asks once what may speak, and is not heard again."""
    async with httpx.AsyncClient(base_url=url) as http:
        await RegistryClient(http, token).manifests(worker=worker)


def test_a_trial_is_filed_and_voted_on_by_command(shell: Shell) -> None:
    """The shares are said in percent, and a vote by command names the trial that it read."""
    developer = shell.person("Dev", "model-developer")
    bundle = samples.release()
    packs = {"release.zip": pack(bundle), "t.zip": pack(samples.training_pack(bundle.digest))}
    packs["s.zip"] = samples.packed_silent(bundle.digest)
    for name, data in packs.items():
        (shell.folder / name).write_bytes(data)
    made = shell.json(
        "propose", str(shell.folder / "release.zip"), "--evidence", str(shell.folder / "t.zip"),
        "--evidence", str(shell.folder / "s.zip"), "--author", "Dev", *developer,
    )  # fmt: skip
    roles = ("data-steward", "operations", "clinical-reviewer", "data-science-reviewer")
    people = {role: shell.person(role, role) for role in roles}
    for to, pair in (("development", roles[:2]), ("silent", roles[2:])):
        for role in pair:
            shell.run("vote", made["proposal"], "--to", to, "--role", role, "--reason", "read", *people[role])
    arms = [{"name": "show", "weight": 9, "shows": True}, {"name": "withheld", "weight": 1, "shows": False}]
    plan = shell.folder / "plan.json"
    plan.write_text(json.dumps({"id": "tea-1", "unit": "patient", "arms": arms}))
    said = shell.run("trial", made["proposal"], str(plan), *developer).output
    assert "trial tea-1 of patients: show 90.0%, withheld 10.0% (no card)" in said
    answer = shell.json(
        "vote", made["proposal"], "--to", "pilot", "--role", roles[2], "--reason", "read", *people[roles[2]]
    )
    assert roles[2] in answer["decision"]["agreed"]
    plan.write_text("[]")
    with pytest.raises(BadInput, match="no JSON object"):
        shell.run("trial", made["proposal"], str(plan), *developer)


def test_a_vote_that_waits_says_for_whom(shell: Shell) -> None:
    """The roles that are missing, and the checks in the way."""
    steward = shell.person("Eve", "data-steward")
    (shell.folder / "release.zip").write_bytes(pack(samples.release()))
    proposer = shell.person("Dev", "model-developer")
    made = shell.json("propose", str(shell.folder / "release.zip"), "--author", "Dev", *proposer)
    result = shell.run(
        "vote", made["proposal"], "--to", "development", "--role", "data-steward", "--reason", "read", *steward
    )
    assert "still needed: operations" in result.output
    with pytest.raises(BadInput, match="no such vote"):
        shell.run(
            "vote",
            made["proposal"],
            "--to",
            "development",
            "--role",
            "x",
            "--reason",
            "read",
            "--vote",
            "maybe",
            *steward,
        )


def test_a_token_is_shown_once_or_written_for_its_owner(shell: Shell) -> None:
    """On the screen, or in a file of mode 0600; never in the list."""
    result = shell.run("person", "add", "Ann", "--role", "clinical-reviewer")
    token = result.output.rpartition(" ")[2].strip()
    assert "shown this once" in result.output
    assert token.startswith("knowdo_")
    _, path = shell.person("Ben", "auditor")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    listed = shell.run("person", "list")
    assert "Ann" in listed.output
    assert token not in listed.output + json.dumps(shell.json("person", "list"))
    again = shell.json("person", "token", "Ann")
    assert again["token"] != token
    shell.run("person", "remove", "Ann")
    assert {one["name"]: one["active"] for one in shell.json("person", "list")} == {"Ann": False, "Ben": True}


def test_people_get_passwords_and_other_roles(shell: Shell) -> None:
    """A password is shown once or written for its owner; roles are replaced; a subject is linked to one person."""
    shell.person("Ann", "clinical-reviewer")
    said = shell.run("person", "password", "Ann").output
    assert "must be changed at the first sign-in" in said
    path = shell.folder / "ann.password"
    told = shell.json("person", "password", "Ann", "--password-file", str(path))
    assert told == {"name": "Ann", "password_file": str(path)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert shell.json("person", "roles", "Ann", "--role", "auditor") == {"name": "Ann", "roles": ["auditor"]}
    link = ("--issuer", "https://id.hospital.example", "--subject", "24")
    assert "may sign in through" in shell.run("person", "link", "Ann", *link).output
    with pytest.raises(Refused, match="linked already"):
        shell.run("person", "link", "Ann", *link)


def test_tokens_are_added_listed_and_revoked(shell: Shell) -> None:
    """With label, scopes and an end; the token itself is never shown again."""
    shell.person("Ann", "clinical-reviewer")
    options = ("--label", "notebook", "--scope", "read")
    made = shell.json("token", "add", "Ann", *options)
    (listed,) = shell.json("token", "list", "Ann")
    assert (listed["id"], listed["label"], listed["scopes"]) == (made["id"], "notebook", ["read"])
    assert made["token"] not in json.dumps(listed)
    path = shell.folder / "narrow.token"
    other = shell.json("token", "add", "Ann", "--label", "other", "--scope", "read", "--token-file", str(path))
    assert "token" not in other
    assert shell.run("list", "--token-file", str(path)).exit_code == 0
    shell.run("token", "revoke", other["id"])
    with pytest.raises(NotAuthenticated):
        shell.run("list", "--token-file", str(path))


def test_a_service_proves_its_key(shell: Shell) -> None:
    """The key is made where the service runs; only its public half comes here."""
    shell.json("person", "add", "ward cds", "--role", "cds", "--service")
    private, public = shell.folder / "key.json", shell.folder / "public.json"
    shell.run("key", "make", str(private), str(public))
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert '"d"' not in public.read_text()
    (added,) = shell.json("key", "add", "ward cds", str(public))
    (listed,) = shell.json("key", "list", "ward cds")
    assert (listed["kid"], listed["kty"]) == (added["kid"], "EC")
    shell.run("key", "remove", "ward cds", added["kid"])
    assert shell.json("key", "list", "ward cds") == []
    with pytest.raises(BadInput, match="file already"):
        shell.run("key", "make", str(shell.folder / "other.json"), str(public))


def test_auditors_see_who_asked(shell: Shell) -> None:
    """As a table or as JSON, of one person."""
    auditor = shell.person("Kim", "auditor")
    shell.run("list", *auditor)
    time.sleep(0.6)  # it is written behind the answers
    rows = shell.json("audit", "--who", "Kim", *auditor)
    assert (rows[0]["method"], rows[0]["path"], rows[0]["status"]) == ("GET", "/proposals", 200)
    assert "/proposals" in shell.run("audit", *auditor).output


def test_a_service_is_added_with_its_own_roles(shell: Shell) -> None:
    """Which are none of a person's."""
    added = shell.json("person", "add", "ward cds", "--role", "cds", "--service")
    assert added["roles"] == ["cds"]
    with pytest.raises(BadInput, match="no such role"):
        shell.run("person", "add", "bot", "--role", "clinical-reviewer", "--service")


def test_verify_notices_and_fails(shell: Shell) -> None:
    """Exit code 1, and the entry is named; a witness that names what is not there does the same."""
    reader = shell.person("Ann", "clinical-reviewer")
    shell.person("Ben", "auditor")
    head = shell.json("ledger", *reader)["head"]
    engine = open_database(f"sqlite:///{shell.folder.resolve()}/registry/registry.sqlite")
    with writing(engine) as connection:
        connection.execute(update(ledger).where(ledger.c.number == 1).values(entry='{"x":1}'))
    engine.dispose()
    result = shell.run("verify")
    assert result.exit_code == 1
    assert "entry 1 was altered" in result.output
    assert head["number"] == 2


def test_verify_hears_a_witness(shell: Shell) -> None:
    """A manifest kept elsewhere is held against the chain; one of another registry is refused."""
    from services.plumbing.keys import SigningKey, sign

    shell.person("Ann", "clinical-reviewer")
    key = SigningKey.load_or_create(shell.folder / "registry" / "signing-key.json")
    witness = shell.folder / "witness.jws"
    witness.write_text(sign({"typ": "knowdo-ledger-head", "number": 7, "hash": "0" * 64}, key))
    result = shell.run("verify", "--witness", str(witness))
    assert result.exit_code == 1
    assert "names entry 7, which is not there" in result.output
    witness.write_text(sign({"typ": "knowdo-ledger-head", "number": 1, "hash": "0" * 64}, SigningKey.generate()))
    with pytest.raises(KnowdoError, match="no key that is trusted"):
        shell.run("verify", "--witness", str(witness))


def test_verify_where_no_registry_ran_is_said(tmp_path: Path) -> None:
    """An empty chain is whole, so a wrong folder must not look like a proof."""
    with pytest.raises(NotFound, match="no registry has run here"):
        Shell(tmp_path / "elsewhere", "").run("verify")
    assert not (tmp_path / "elsewhere").exists()


def test_a_registry_that_does_not_answer_is_said(tmp_path: Path) -> None:
    """With what to check."""
    with pytest.raises(Unavailable, match="does not answer"):
        Shell(tmp_path, "http://127.0.0.1:9").run("list")
    with pytest.raises(BadInput, match="cannot be read"):
        Shell(tmp_path, "http://127.0.0.1:9").run("list", "--token-file", str(tmp_path / "none"))


def test_every_command_has_an_example() -> None:
    """In its help, ready to copy."""
    for words in (
        *([name] for name in ("serve", "propose", "vote", "stop", "list", "ledger", "verify")),
        *(["person", name] for name in ("add", "token", "remove", "list")),
    ):
        assert "Example: " in RUN.invoke(app, [*words, "--help"]).output


def test_what_is_disclosed_is_shown_corrected_and_handed_over(shell: Shell, tmp_path: Path) -> None:
    """`attributes` lists, corrects and fails while one is missing; `risks` and `model-card` come from the same facts."""
    bundle = samples.release()
    (tmp_path / "release.zip").write_bytes(pack(bundle))
    (tmp_path / "training.zip").write_bytes(pack(samples.training_pack(bundle.digest)))
    data = shell.person("Ben Data", "data-science-reviewer")
    proposed = shell.json("propose", str(tmp_path / "release.zip"), "--author", "Jon", *data)
    blank = shell.run("attributes", "small")
    assert blank.exit_code == 1
    assert "test_validity: no training evidence is filed" in " ".join(blank.output.split())
    evidence = (
        "propose",
        str(tmp_path / "release.zip"),
        "--author",
        "Jon",
        "--evidence",
        str(tmp_path / "training.zip"),
    )
    assert shell.json(*evidence, *data) == proposed
    found = shell.json("attributes", "small", "--set", "funding=City Hospital.", "--why", "we pay", *data)
    assert found["sourceAttributeComplete"] is True
    with pytest.raises(BadInput, match="says why"):
        shell.run("attributes", "small", "--set", "funding=x", *data)
    with pytest.raises(BadInput, match="no `=`"):
        shell.run("attributes", "small", "--set", "funding", "--why", "x", *data)
    assert len(shell.json("risks", "small")["risks"]) == 8
    card = tmp_path / "card.xml"
    shell.run("model-card", "small", "--file", str(card))
    assert b"<FundingSource>City Hospital.</FundingSource>" in card.read_bytes()
    assert "# Model card: Small" in shell.run("model-card", "small", "--markdown").output
