"""What the registry's commands share: how they reach a running registry or its database, and how they print."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from services.plumbing.registry_client import RegistryClient
from services.timeline.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from services.plumbing.sealing import Sealer
    from services.registry.settings import RegistrySettings

T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:8000/registry"

Url = Annotated[str, typer.Option(help="Address of the running registry", envvar="KNOWDO_URL")]
TokenFile = Annotated[Path | None, typer.Option(help="File with your token", envvar="KNOWDO_TOKEN_FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON")]


def asked(ask: Callable[[RegistryClient], Awaitable[T]], url: str, token_file: Path | None) -> T:
    """What a running registry answers."""
    import httpx

    token = file_bytes(token_file).decode("utf-8", "replace").strip() if token_file else None

    async def run() -> T:
        async with httpx.AsyncClient(base_url=url) as http:
            return await ask(RegistryClient(http, token))

    return asyncio.run(run())


def read_settings() -> RegistrySettings:
    """The settings of the registry on this machine."""
    from services.registry.settings import RegistrySettings

    return RegistrySettings.from_environment()


def own_database() -> Engine:
    """The registry's own database, as its settings say."""
    from services.registry.database import open_tables

    return open_tables(read_settings())


def own_sealer() -> Sealer:
    """The keys that this registry's secrets are sealed with."""
    from services.registry.sealed import open_sealer

    return open_sealer(read_settings())


def operator() -> str:
    """Who the ledger names for what was done here."""
    import getpass
    import os

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has a number and no name
        name = f"user {os.getuid()}"
    return f"{name} at the command line"


def file_bytes(path: Path) -> bytes:
    """The bytes of a file that the caller named."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror}", place=str(path), remedy="Check the path") from fault


def object_in(path: Path) -> dict[str, Any]:
    """The JSON object in a file that the caller named."""
    try:
        content = json.loads(file_bytes(path))
    except ValueError as fault:
        raise BadInput("no JSON can be read there", place=str(path), remedy="Write one JSON object") from fault
    if not isinstance(content, dict):
        raise BadInput("no JSON object", place=str(path), remedy="Write one JSON object")
    return content


def show(value: Any, as_json: bool, *, title: str = "") -> None:
    """Print one object or a list of them."""
    if as_json:
        typer.echo(json.dumps(value, ensure_ascii=False))
        return
    rows = value if isinstance(value, list) else [value]
    if not rows:
        typer.echo("none")
        return
    table = Table(title=title or None)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(", ".join(map(str, cell)) if isinstance(cell, list) else str(cell) for cell in row.values()))
    Console().print(table)
