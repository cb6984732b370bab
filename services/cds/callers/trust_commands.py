"""`knowdo cds trust`: whose calls are answered, and why a token was refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.cds.callers.client_auth import ClientAuth, keys_of, read_issuers
from services.cds.governed.approved_files import write_whole
from services.cds.settings import CdsSettings
from services.guidance.errors import NotAuthenticated
from services.timeline.errors import BadInput

trust = typer.Typer(no_args_is_help=True, help="Whose calls are answered.")

ListOption = Annotated[Path | None, typer.Option("--list", help="The trust list; else KNOWDO_CDS_TRUSTED_ISSUERS_FILE")]


@trust.command()
def add(
    iss: Annotated[str, typer.Argument(help="The client's issuer, exactly as its tokens say it")],
    jwks: Annotated[Path, typer.Option(help="File with the client's public keys as a JWK set")],
    trust_list: ListOption = None,
    audience: Annotated[list[str] | None, typer.Option(help="Another audience that its tokens may say")] = None,
    profile: Annotated[str, typer.Option(help="Its dialect: standard, sandbox, epic or demo")] = "standard",
) -> None:
    """Trust a CDS client: write its issuer and public keys into the trust list; restart the service to take effect.

    Example: knowdo cds trust add https://ehr.hospital.example --jwks ehr.jwks.json --list trusted.json
    """
    path = _path(trust_list)
    keys = _jwks(jwks)
    keys_of(keys, place=str(jwks))
    entries = [entry for entry in _entries(path) if entry.get("iss") != iss]
    entries.append({"iss": iss, "jwks": keys, "audiences": audience or [], "profile": profile})
    before = path.read_bytes() if path.exists() else None
    write_whole(path, json.dumps(entries, indent=2).encode(), mode=0o644)
    try:
        read_issuers(path)
    except BadInput:
        if before is None:
            path.unlink()
        else:
            write_whole(path, before, mode=0o644)
        raise
    typer.echo(f"{iss} is trusted in {path}; restart the service, with KNOWDO_CDS_TRUSTED_ISSUERS_FILE={path}")


@trust.command("list")
def list_(trust_list: ListOption = None) -> None:
    """Show who is trusted, with the ids of their keys.

    Example: knowdo cds trust list --list trusted.json
    """
    table = Table("issuer", "keys", "audiences", "profile")
    for issuer in read_issuers(_path(trust_list)):
        table.add_row(issuer.iss, ", ".join(issuer.keys), ", ".join(issuer.audiences), issuer.profile)
    Console().print(table)


@trust.command()
def explain(
    token: Annotated[Path, typer.Argument(help="File with the token, as the client sent it")],
    service: Annotated[str, typer.Option(help="The service that was called")],
    trust_list: ListOption = None,
    feedback: Annotated[bool, typer.Option(help="It was a call of the feedback endpoint")] = False,
) -> None:
    """Say why a client's token is refused: what the caller is never told.

    Example: knowdo cds trust explain refused.jwt --service readmission-30d --list trusted.json
    """
    settings = CdsSettings.from_environment()
    auth = ClientAuth(read_issuers(_path(trust_list)), public_url=settings.public_url)
    path = f"/cds-services/{service}" + ("/feedback" if feedback else "")
    compact = token.read_text(encoding="utf-8").strip().removeprefix("Bearer ")
    try:
        claims, issuer = auth.explain(compact, path)
    except NotAuthenticated as refused:
        typer.echo(f"Refused: {refused}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Good: {issuer.iss} ({issuer.profile}), for {claims.aud}; it is refused only if it was used before")


def _path(given: Path | None) -> Path:
    path = given or CdsSettings.from_environment().trusted_issuers_file
    if path is None:
        raise BadInput(
            "no trust list is named", place="--list", remedy="Set KNOWDO_CDS_TRUSTED_ISSUERS_FILE, or give --list"
        )
    return path


def _jwks(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise BadInput(
            "no JSON can be read there", place=str(path), remedy="Save the client's JWK set there"
        ) from fault
    if not isinstance(content, dict):
        raise BadInput("no JWK set", place=str(path), remedy="Save the client's JWK set there")
    return content


def _entries(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    read_issuers(path)
    entries: list[dict[str, Any]] = json.loads(path.read_bytes())
    return entries
