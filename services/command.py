"""The `knowdo` command. It finds the room that a word belongs to and hands over; each room declares its own verbs.

Rooms are imported only when asked for, so that `knowdo cds` never pays for (or needs) the learner's packages.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from services.timeline.errors import KnowdoError

ROOMS = {
    "cds": ("services.cds.commands", "Answers: serve CDS Hooks, call a service, trust a client, export decisions."),
    "learner": ("services.learner.commands", "Learns: ingest FHIR outcomes, train, weigh the evidence, propose."),
    "registry": ("services.registry.commands", "Decides: people, votes, signatures, stop, verify the ledger."),
    "guidance": ("services.guidance_commands", "Guidance as data: its schema, and every fault with its line."),
    "demo": ("services.demo.commands", "A demo hospital with known truth, and the whole loop on it."),
}
"""Word → (module that holds a Typer `app`, its line in `knowdo --help`)."""
EXTRAS = {
    "fhir": "registry",
    "psycopg": "postgres",
    **dict.fromkeys(("mlflow", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels", "threadpoolctl"), "learner"),
}
"""Package, by the name it is imported by → the extra that brings it. Every other one comes with knowdo itself."""


class Rooms(TyperGroup):
    """A command group whose members are imported only when they are asked for."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer vendors click
        """The rooms, then the platform's own verbs."""
        return [*ROOMS, *super().list_commands(ctx)]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # as above
        """Import the room named; for the bare list its one line will do."""
        if cmd_name not in ROOMS:
            return super().get_command(ctx, cmd_name)
        module_name, line = ROOMS[cmd_name]
        if _asks_for(cmd_name):
            room = importlib.import_module(module_name).app
        else:
            room = typer.Typer()
            room.callback()(lambda: None)
        command: Any = typer.main.get_command(room)
        command.name, command.help = cmd_name, line
        return command


def _asks_for(word: str) -> bool:
    """Whether the first word of the command line is this one."""
    words = [said for said in sys.argv[1:] if not said.startswith("-")]
    return words[:1] == [word]


app = typer.Typer(
    name="knowdo",
    cls=Rooms,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Knowdo: evidence becomes a card at the bedside, and the answer becomes evidence.\n\nExample: knowdo up",
)


@app.command()
def up(
    var: Annotated[Path | None, typer.Option(help="Folder for databases, event store and keys (KNOWDO_VAR)")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on")] = 8000,
    mlflow_ui: Annotated[
        bool, typer.Option("--mlflow-ui", help="Serve MLflow's own UI beside it, on the next port")
    ] = False,
) -> None:
    """Run all three services in one process: CDS at /, the registry at /registry, the learner at /learner.

    Example: knowdo up --var ./var --mlflow-ui
    """
    from services.all_in_one import serve_platform

    serve_platform(var=var, host=host, port=port, mlflow_ui=mlflow_ui)


@app.command()
def version() -> None:
    """Print the version.

    Example: knowdo version
    """
    from importlib.metadata import version as installed

    typer.echo(f"knowdo {installed('knowdo')}")


def main() -> None:
    """Run the command; a fault that a person can act on is one line and exit code 1, never a traceback."""
    try:
        app()
    except KnowdoError as fault:
        _give_up(fault)
    except ModuleNotFoundError as missing:
        # Rooms import what is heavy only when it is used, so it may be missed at any time, not only at the start.
        if missing.name is None or missing.name.startswith("services"):
            raise
        _give_up(_not_installed(missing.name.partition(".")[0]))


def _not_installed(package: str) -> KnowdoError:
    """Which package is missing, and what brings it."""
    extra = EXTRAS.get(package)
    what = f"knowdo[{extra}]" if extra else "knowdo"
    return KnowdoError(f"this needs the package {package}", remedy=f"Install it with: pip install '{what}'")


def _give_up(fault: KnowdoError) -> NoReturn:
    typer.echo(f"knowdo: {fault}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
