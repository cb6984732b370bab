"""`knowdo cds sheet`: what an integrator types into an EHR by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from services.cds.clients.profile import read_profiles
from services.cds.clients.sheet import sheet_of, show_sheet
from services.cds.settings import CdsSettings
from services.guidance.errors import Unavailable


def sheet(
    client: Annotated[str, typer.Option(help="Whose EHR: default, epic, oracle, sandbox, crd, or one of your own")],
    url: Annotated[str, typer.Option(help="Where the CDS service runs")] = "http://127.0.0.1:8000",
    profiles: Annotated[
        Path | None, typer.Option(help="Folder of your client profiles; else KNOWDO_CDS_CLIENT_PROFILES")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Print what is typed into an EHR by hand: endpoints, audiences, prefetch, topics, reasons, links.

    It asks the running service: what is approved there, on which hooks, with which codes of the site.

    Example: knowdo cds sheet --client epic --url https://cds.hospital.example
    """
    profile = read_profiles(profiles or CdsSettings.from_environment().client_profiles).named(client)
    base = url.rstrip("/")
    made = sheet_of(profile, _discovered(f"{base}/cds-services"), base=base)
    if as_json:
        typer.echo(json.dumps(made, indent=2, ensure_ascii=False))
    else:
        show_sheet(made, console=Console())


def _discovered(address: str) -> dict[str, Any]:
    remedy = "Start it: `knowdo up` or `knowdo cds serve`, or name it with --url"
    try:
        answer = httpx.get(address, timeout=30.0)
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, ValueError) as fault:
        raise Unavailable(
            f"no discovery is to be had ({type(fault).__name__})", place=address, remedy=remedy
        ) from fault
    if not isinstance(found, dict):
        raise Unavailable("what answers is no CDS Hooks discovery", place=address, remedy=remedy)
    return found
