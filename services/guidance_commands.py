"""`knowdo guidance`: the grammar of guidance.yaml, and every fault in a guidance directory with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.timeline.errors import BadInput

app = typer.Typer(no_args_is_help=True)


@app.command()
def schema(
    of: Annotated[str, typer.Option(help="`guidance` or `transparency`: whose grammar")] = "guidance",
) -> None:
    """Print the JSON Schema of guidance.yaml, or of the transparency.yaml beside it.

    Example: knowdo guidance schema --of transparency > transparency.schema.json
    """
    from services.guidance.check import guidance_schema
    from services.guidance.checking.transparency import transparency_schema

    schemas = {"guidance": guidance_schema, "transparency": transparency_schema}
    if of not in schemas:
        raise BadInput(f"no such file of a guidance: {of}", place="--of", remedy=f"Choose {' or '.join(schemas)}")
    typer.echo(json.dumps(schemas[of](), indent=2, sort_keys=True))


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="Folder that holds guidance.yaml")],
    as_json: Annotated[bool, typer.Option("--json", help="Faults as a JSON array")] = False,
) -> None:
    """Name every fault of a guidance with its line; exit code 1 if there is one.

    Example: knowdo guidance check services/guidance/library/readmission-30d
    """
    from services.guidance.check import check_guidance

    faults = check_guidance(directory)
    if as_json:
        typer.echo(json.dumps([{"file": f.file, "line": f.line, "path": f.path, "message": f.message} for f in faults]))
    elif faults:
        for fault in faults:
            typer.echo(str(fault), err=True)
        typer.echo(f"{len(faults)} fault(s) in {directory}", err=True)
    else:
        Console().print(f"[green]✓[/green] {directory}: no faults")
    if faults:
        raise typer.Exit(1)
