"""`knowdo registry question`, `close-condition` and `rollback`: what is said around a vote, from the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.registry.terminal import DEFAULT_URL, AsJson, TokenFile, Url, asked, show

question = typer.Typer(no_args_is_help=True, help="Open questions on a proposal: ask, reply, close.")

Proposal = Annotated[str, typer.Argument(help="Id of the proposal")]
Number = Annotated[int, typer.Argument(help="Its number; the proposal lists it")]


@question.command()
def ask(
    proposal: Proposal,
    text: Annotated[str, typer.Argument(help="The question, without patient data")],
    role: Annotated[str, typer.Option(help="The role in which you ask; others who hold it may close it, too")],
    blocking: Annotated[bool, typer.Option("--blocking", help="No step is taken until it is closed")] = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask something that others, or the author, must answer.

    Example: knowdo registry question ask 4f0c… "Who reads it at night?" --role operations --blocking --token-file me.token
    """
    answer = asked(lambda client: client.ask(proposal, text, role=role, blocking=blocking), url, token_file)
    _say(answer, f"question {answer['question']['number']} is open", as_json)


@question.command()
def reply(
    proposal: Proposal,
    number: Number,
    text: Annotated[str, typer.Argument(help="The answer, without patient data")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question; every person may.

    Example: knowdo registry question reply 4f0c… 3 "The ward's registrar." --token-file me.token
    """
    answer = asked(lambda client: client.reply(proposal, number, text), url, token_file)
    _say(answer, f"question {number} has {len(answer['question']['replies'])} replies", as_json)


@question.command()
def close(
    proposal: Proposal,
    number: Number,
    how: Annotated[str, typer.Option(help="How it was answered")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Close a question; who asked may, and who holds the role in which it was asked. Authors may not.

    Example: knowdo registry question close 4f0c… 3 --how "The rota names who reads it." --token-file me.token
    """
    answer = asked(lambda client: client.close_question(proposal, number, how=how), url, token_file)
    _say(answer, f"question {number} is closed; state: {answer['state']}", as_json)


def close_condition(
    proposal: Proposal,
    number: Number,
    how: Annotated[str, typer.Option(help="How it was met")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Close a condition of an approval; who set it may, and who holds the role that it names. Authors may not.

    Example: knowdo registry close-condition 4f0c… 2 --how "The leaflet is on the ward." --token-file me.token
    """
    answer = asked(lambda client: client.close_condition(proposal, number, how=how), url, token_file)
    _say(answer, f"condition {number} is closed; state: {answer['state']}", as_json)


def rollback(
    proposal: Proposal,
    to: Annotated[str, typer.Option(help="Digest of a release that has spoken before, or none")],
    reason: Annotated[str, typer.Option(help="Why this one")],
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Declare what speaks if a release must be taken back. Who declares it does not vote on it.

    Example: knowdo registry rollback 4f0c… --to none --reason "nothing spoke here before" --token-file me.token
    """
    answer = asked(lambda client: client.declare_rollback(proposal, to, reason=reason), url, token_file)
    _say(answer, f"if it must be taken back: {answer['rollback']['fallback']}", as_json)


def _say(answer: dict[str, Any], said: str, as_json: bool) -> None:
    if as_json:
        show(answer, as_json)
    else:
        typer.echo(said)
