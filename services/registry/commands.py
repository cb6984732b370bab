"""`knowdo registry`: serve it, add people, propose, vote, stop, and prove that its memory is whole.

People and the proof work on the database itself (`KNOWDO_REGISTRY_…` says which); the rest asks a running registry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, cast, get_args

import typer

from services.guidance.words.stopping import CONFIRMED_WITHIN
from services.plumbing.registry_client import RegistryClient
from services.plumbing.registry_messages import VoteChoice
from services.registry import (
    audit_commands,
    database_commands,
    decision_commands,
    fhir_commands,
    key_commands,
    memory_commands,
    person_commands,
    token_commands,
    transparency_commands,
)
from services.registry.deployed import commands as deployed_commands
from services.registry.deployed import key_commands as signing_key_commands
from services.registry.deployed.stopping import said_of_stop, stopped
from services.registry.terminal import (
    DEFAULT_URL,
    AsJson,
    TokenFile,
    Url,
    asked,
    file_bytes,
    object_in,
    show,
)
from services.registry.waiting import commands as waiting_commands
from services.timeline.errors import BadInput

CHOICES: Final[tuple[str, ...]] = get_args(VoteChoice)
app = typer.Typer(no_args_is_help=True, help="Decides who may speak: people, votes, signatures, stop, memory.")
app.add_typer(person_commands.app, name="person")
deployed_commands.add_to(app)
app.add_typer(signing_key_commands.app, name="keys")
app.add_typer(decision_commands.question, name="question")
app.command("close-condition")(decision_commands.close_condition)
app.command("rollback")(decision_commands.rollback)
app.command("import-fhir")(fhir_commands.import_fhir)
app.command("package-fhir")(fhir_commands.package_fhir)
app.add_typer(database_commands.app, name="database")
app.add_typer(token_commands.app, name="token")
app.add_typer(key_commands.app, name="key")
app.command("audit")(audit_commands.audit)
app.command("tasks")(waiting_commands.tasks)


@app.command()
def serve() -> None:
    """Serve the registry alone (`knowdo up` serves all three services).

    Example: KNOWDO_VAR=/var/lib/knowdo knowdo registry serve
    """
    import uvicorn

    from services.plumbing.logs import configure_logs
    from services.plumbing.starting import database_or_end
    from services.registry.app import create_app
    from services.registry.settings import RegistrySettings

    settings = RegistrySettings.from_environment()
    configure_logs(level=settings.log_level)
    database_or_end(settings.database, service="registry")
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=3,  # workers ask with long questions; they come back on their own
    )


@app.command()
def propose(
    release: Annotated[Path, typer.Argument(help="Packed release (zip)")],
    author: Annotated[str, typer.Option(help="Who made it; they will not vote on it")],
    evidence: Annotated[list[Path] | None, typer.Option(help="Packed evidence; may be given several times")] = None,
    note: Annotated[str, typer.Option(help="What reviewers should know")] = "",
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Propose a release with its evidence.

    Example: knowdo registry propose release.zip --evidence training.zip --author "D. Chen" --token-file me.token
    """
    data = file_bytes(release)
    packs = [file_bytes(path) for path in evidence or []]

    async def ask(client: RegistryClient) -> dict[str, Any]:
        made = await client.propose(data, packs, author=author, note=note)
        return {"proposal": made.proposal, "release": made.release, "state": made.state}

    show(asked(ask, url, token_file), as_json)


@app.command()
def trial(
    proposal: Annotated[str, typer.Argument(help="Id of the proposal")],
    plan: Annotated[Path, typer.Argument(help='JSON: {"id", "unit", "arms": [{"name", "weight", "shows"}]}')],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """File a trial: who is randomised, and which share sees no card. It holds from the next vote for pilot or general.

    Example: knowdo registry trial 4f0c… plan.json --token-file me.token
    """
    content = object_in(plan)
    answer = asked(lambda client: client.file_trial(proposal, content), url, token_file)
    if as_json:
        show(answer, as_json)
        return
    filed = answer["trial"]
    shares = ", ".join(
        f"{arm['name']} {arm['probability']:.1%}{'' if arm['shows'] else ' (no card)'}" for arm in filed["arms"]
    )
    typer.echo(f"trial {filed['id']} of {filed['unit']}s: {shares}\n{filed['digest']}")


@app.command()
def vote(
    proposal: Annotated[str, typer.Argument(help="Id of the proposal")],
    to: Annotated[str, typer.Option(help="State that it should move to, e.g. pilot")],
    role: Annotated[str, typer.Option(help="The role that you vote in")],
    choice: Annotated[str, typer.Option("--vote", help=f"One of {', '.join(CHOICES)}")] = "approve",
    reason: Annotated[str, typer.Option(help="Why; needed for all but a withdrawal")] = "",
    accept: Annotated[list[str] | None, typer.Option(help="Check that cannot tell, and that you accept")] = None,
    plan: Annotated[
        list[str] | None, typer.Option(help="CHECK=TEXT: how it will be found out, of a check that you accept")
    ] = None,
    condition: Annotated[
        list[str] | None, typer.Option(help="What must be so before this step; your role, or you, may close it")
    ] = None,
    later: Annotated[list[str] | None, typer.Option(help="What must be so before the step after this one")] = None,
    conflict: Annotated[str, typer.Option(help="A conflict of interest: your vote is kept, and not counted")] = "",
    release: Annotated[str, typer.Option(help="Digest that you read; must be the proposal's")] = "",
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Vote on a proposal as it is now: your vote is bound to its release, its trial and all evidence filed until now.

    Example: knowdo registry vote 4f0c… --to pilot --role equity-reviewer --token-file me.token
    """
    if choice not in CHOICES:
        raise BadInput(f"no such vote: {choice}", place="--vote", remedy=f"Choose from {', '.join(CHOICES)}")
    plans = dict(_named(one) for one in plan or [])

    async def ask(client: RegistryClient) -> dict[str, Any]:
        known = await client.proposal(proposal)
        return await client.vote(
            proposal,
            transition=to,
            role=role,
            vote=cast("VoteChoice", choice),
            release=release or str(known["release"]),
            evidence=[
                *(str(one["evidence"]) for one in known["evidence"]),
                *([str(known["trial"]["digest"])] if known.get("trial") else []),
            ],
            reason=reason,
            accepts=[*(accept or []), *(name for name in plans if name not in (accept or []))],
            plans=plans,
            conditions=[
                *({"text": text, "blocking": True} for text in condition or []),
                *({"text": text, "blocking": False} for text in later or []),
            ],
            conflict=conflict,
        )

    answer = asked(ask, url, token_file)
    if as_json:
        show(answer, as_json)
        return
    decision = answer["decision"]
    typer.echo(f"state: {answer['state']}")
    if decision["quorum"]["kind"] == "reduced":
        typer.echo(f"reduced quorum: {decision['quorum']['why']}")
    if not decision["passes"]:
        missing = ", ".join(decision["missing_roles"]) or "no role"
        typer.echo(f"step to {decision['to']}: still needed: {missing}; checks in the way: {decision['failed_checks']}")


def _named(option: str) -> tuple[str, str]:
    """`CHECK=TEXT` in two."""
    name, equals, text = option.partition("=")
    if not equals:
        raise BadInput("a plan is CHECK=TEXT", place="--plan", remedy='Write it as --plan "groups/sex=…"')
    return name, text


@app.command()
def stop(
    guidance: Annotated[str, typer.Argument(help="Id of the guidance")],
    reason: Annotated[str, typer.Option(help="May follow within 24 hours")] = "",
    release: Annotated[str, typer.Option(help="Only this release; what it names as fallback speaks then")] = "",
    site: Annotated[str, typer.Option(help="Only at this site, where it is deployed by the names of its sites")] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait for the workers", min=0.0)] = CONFIRMED_WITHIN,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Stop every running release of a guidance, at once. One person is enough; starting again takes a quorum.

    Waits until every CDS worker has confirmed it; if one has not in time, says which, and ends with 1.

    Example: knowdo registry stop readmission-30d --reason "wrong units from the new analyser" --token-file me.token
    """
    answer = asked(
        lambda client: stopped(client, guidance, reason=reason, release=release, site=site, seconds=wait),
        url,
        token_file,
    )
    if as_json:
        show(answer, as_json)
    else:
        count = len(answer["stopped"])
        typer.echo(f"{guidance}: {count} running release(s) stopped" if count else f"{guidance}: nothing was running")
        typer.echo(said_of_stop(answer), err=not answer["confirmation"]["complete"])
    if not answer["confirmation"]["complete"]:
        raise typer.Exit(1)


@app.command("list")
def list_(url: Url = DEFAULT_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List all proposals with their state.

    Example: knowdo registry list --token-file me.token
    """
    rows = asked(lambda client: client.proposals(), url, token_file)
    if not as_json:
        for owed in asked(lambda client: client.reasons_due(), url, token_file):
            typer.echo(deployed_commands.said_of_due(owed), err=True)
        rows = [{name: row[name] for name in ("proposal", "guidance", "state", "author", "release")} for row in rows]
    show(rows, as_json, title="Proposals")


memory_commands.add_to(app)
transparency_commands.add_to(app)
