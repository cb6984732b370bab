"""`knowdo registry attributes|risks|model-card`: what is disclosed of a guidance, and corrections of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from services.plumbing.registry_client import RegistryClient
from services.registry.terminal import DEFAULT_URL, AsJson, TokenFile, Url, asked, show
from services.timeline.errors import BadInput

Guidance = Annotated[str, typer.Argument(help="Id of the guidance")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to `knowdo registry`."""
    for command in (attributes, risks):
        app.command()(command)
    app.command("model-card")(model_card)


def attributes(
    guidance: Guidance,
    to: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=TEXT: record or correct one; may be repeated")
    ] = None,
    unavailable: Annotated[
        list[str] | None, typer.Option(help="KEY=REASON: say that nothing is available, of the eleven that allow it")
    ] = None,
    why: Annotated[str, typer.Option(help="Why it is edited; kept in the ledger, so no patient data")] = "",
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the source attributes of a guidance, or record and correct them; exit code 1 if one is missing.

    Example: knowdo registry attributes readmission-30d --set funding="City Hospital, own means" --why "we paid" --token-file me.token
    """
    wanted: list[tuple[str, str | dict[str, Any]]] = [_pair(one, "--set") for one in to or []]
    wanted += [
        (key, {"notAvailable": True, "reason": reason})
        for key, reason in (_pair(one, "--unavailable") for one in unavailable or [])
    ]
    if wanted and not why.strip():
        raise BadInput("an edit says why it is made", place="--why", remedy="Write one sentence, without patient data")

    async def ask(client: RegistryClient) -> dict[str, Any]:
        for key, value in wanted:
            await client.edit_attribute(guidance, key, value, why=why)
        return await client.attributes(guidance)

    found = asked(ask, url, token_file)
    if as_json:
        show(found, as_json)
    else:
        rows = [
            {
                "paragraph": f"{kind[-3:]}{one['paragraph']}",
                "attribute": one["key"],
                "from": _origin(one),
                "value": _value(one),
            }
            for kind, those in found["attributes"].items()
            for one in those
        ]
        show(rows, as_json, title=f"{found['title']} {found['version']}, release {found['release'][:19]}…")
        typer.echo(found["found"])
    if not found["sourceAttributeComplete"]:
        raise typer.Exit(1)


def risks(guidance: Guidance, url: Url = DEFAULT_URL, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show the risk register of a guidance and what stands behind each control; exit code 1 if it is not whole.

    Example: knowdo registry risks readmission-30d --json
    """
    found = asked(lambda client: client.risks(guidance), url, token_file)
    if as_json:
        show(found, as_json)
    else:
        names = ("characteristic", "hazard", "likelihood", "severity", "control", "residual", "owner")
        rows = [
            {**{name: one[name] for name in names}, "held by": [proof["name"] for proof in one["proven_by"]]}
            for one in found["risks"]
        ]
        show(rows, as_json, title="Risk register")
        typer.echo(found["check"]["found"])
    if found["check"]["verdict"] != "meets":
        raise typer.Exit(1)


def model_card(
    guidance: Guidance,
    markdown: Annotated[bool, typer.Option(help="Markdown for people instead of XML")] = False,
    file: Annotated[Path | None, typer.Option(help="Write it there instead of showing it")] = None,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Hand over the applied model card (Coalition for Health AI, v0.2) of a guidance.

    Example: knowdo registry model-card readmission-30d --file card.xml
    """
    data = asked(lambda client: client.model_card(guidance, format="markdown" if markdown else "xml"), url, token_file)
    if file is None:
        typer.echo(data.decode(), nl=False)
        return
    try:
        file.write_bytes(data)
    except OSError as fault:
        raise BadInput(
            f"cannot be written ({fault.strerror})", place=str(file), remedy="Name a file that this user may write"
        ) from fault
    typer.echo(f"model card in {file}")


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput("no `=` in it", place=option, remedy=f'Write {option} KEY="…"')
    return key.strip(), value


def _value(one: dict[str, Any]) -> str:
    value = one["value"]
    if value is None:
        return f"MISSING: {one['missing']}"
    return f"not available: {value['reason']}" if isinstance(value, dict) else str(value)


def _origin(one: dict[str, Any]) -> str:
    hands = [f"edited by {one['edited']['by']}"] if "edited" in one else [one["by"]] if "by" in one else []
    return ", ".join([*hands, *(["computed"] if "evidence" in one else [])])
