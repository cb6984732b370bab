"""`knowdo registry database`: at which revision the registry's tables are, and bringing them to this version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from services.registry.terminal import read_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

app = typer.Typer(no_args_is_help=True, help="The tables of the registry.")

JsonOption = Annotated[bool, typer.Option("--json", help="For a script")]


@app.callback()
def _database() -> None:
    """The tables of the registry."""


@app.command()
def upgrade(as_json: JsonOption = False) -> None:
    """Bring the registry's database (KNOWDO_REGISTRY_DATABASE_URL) to this version; the registry does the same when it starts.

    Example: knowdo registry database upgrade
    """
    from services.registry.database import make_tables, seal_secrets

    engine = _engine()
    before, after = make_tables(engine)
    seal_secrets(engine, read_settings())
    engine.dispose()
    if as_json:
        typer.echo(json.dumps({"before": before or None, "after": after}))
    else:
        typer.echo(f"revision {after}" + (" already" if before == after else f", before: {before or 'none'}"))


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Say at which revision the registry's database is; 1 if it needs an upgrade. Nothing is changed.

    Example: knowdo registry database status --json
    """
    from services.plumbing.database import reading
    from services.plumbing.migrations import revision_of
    from services.registry.database import MIGRATIONS

    engine = _engine()
    with reading(engine) as connection:
        revision = revision_of(connection)
    said = {
        "database": engine.url.render_as_string(hide_password=True),
        "revision": revision or None,
        "newest": MIGRATIONS.head,
    }
    engine.dispose()
    if as_json:
        typer.echo(json.dumps(said))
    else:
        for name, value in said.items():
            typer.echo(f"{name:10} {'-' if value is None else value}")
    if revision != MIGRATIONS.head:
        raise typer.Exit(1)


def _engine() -> Engine:
    from services.plumbing.database import open_database

    return open_database(read_settings().database)
