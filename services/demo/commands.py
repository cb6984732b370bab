"""`knowdo demo …`: make the hospital, show a record as it stood, run the whole loop."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.demo.hospital import TERMINOLOGY, Hospital, write_hospital
from services.timeline.errors import BadInput

app = typer.Typer(no_args_is_help=True, help="A demo hospital with known truth, and the whole loop on it.")

Day = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The record ends at 00:00 UTC of this day (default: today)"),
]
Faults = Annotated[
    bool,
    typer.Option(
        "--faults/--no-faults", help="Plant mislabelled units, a site with codes of its own, and bias in testing"
    ),
]


def progress_bar() -> Progress:
    """The bar of every long step."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    )  # fmt: skip


@app.command("hospital")
def hospital_command(
    out: Annotated[Path, typer.Option(help="Folder for fhir/ (NDJSON, for the learner) and truth/ (true risks)")],
    patients: Annotated[int, typer.Option(min=1, help="How many patients")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same hospital, byte for byte")] = 7,
    until: Day = None,
    years: Annotated[float, typer.Option(min=0.1, max=30.0, help="Years of history before the end")] = 3.5,
    faults: Faults = True,
    gz: Annotated[bool, typer.Option("--gz", help="Compress the NDJSON")] = False,
) -> None:
    """Write a hospital whose true risks are known, as FHIR R4 NDJSON.

    Example: knowdo demo hospital --patients 10000 --seed 7 --out hospital
    """
    hospital = Hospital.ending(
        until.date() if until else None, seed=seed, patients=patients, years=years, faults=faults
    )
    with progress_bar() as bar:
        task = bar.add_task("Living patients' years", total=patients)
        written = write_hospital(hospital, out, compress=gz, advance=lambda done: bar.advance(task, done))
    typer.echo(f"{written.total:,} resources of {patients:,} patients in {written.fhir}")
    typer.echo(f"True risks in {written.truth}, which no learner is given")
    if faults:
        typer.echo(f"Planted faults show; the maps of the site with its own codes are in {out / TERMINOLOGY}")


@app.command("as-of")
def as_of_command(
    patient: Annotated[str, typer.Argument(help="Patient id, e.g. p000042")],
    at: Annotated[datetime, typer.Argument(formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="UTC")],
    patients: Annotated[int, typer.Option(min=1, help="How many patients the hospital has")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the hospital")] = 7,
    until: Day = None,
    years: Annotated[float, typer.Option(min=0.1, max=30.0, help="Years of history before the end")] = 3.5,
    faults: Faults = True,
) -> None:
    """Print one patient's record as it stood at a time, as NDJSON: stays open, orders running, results preliminary.

    Example: knowdo demo as-of p000042 2026-03-01T10:00 --until 2026-06-01
    """
    from services.demo.as_of import as_of, microseconds

    hospital = Hospital.ending(
        until.date() if until else None, seed=seed, patients=patients, years=years, faults=faults
    )
    if not (patient.startswith("p") and patient[1:].isdecimal()):
        raise BadInput(f"{patient!r} is no patient of the demo hospital", remedy="Ids look like p000042")
    for resource in as_of(hospital.patient(int(patient[1:])), microseconds(at)):
        typer.echo(json.dumps(resource, separators=(",", ":")))


@app.command("run")
def run_command(
    patients: Annotated[int, typer.Option(min=200, help="How many patients")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the hospital")] = 7,
    once: Annotated[bool, typer.Option("--once", help="Stop after the card instead of serving on")] = False,
    var: Annotated[Path | None, typer.Option(help="Folder of the demo, made anew (KNOWDO_VAR, else ./var)")] = None,
    host: Annotated[str, typer.Option(help="Address to serve at")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to serve at")] = 8000,
) -> None:
    """Run the whole loop on a demo hospital, ending in a card; then serve the platform.

    Example: knowdo demo run --patients 10000 --once
    """
    from services.demo.loop import DemoOptions, run_demo
    from services.demo.telling import Telling
    from services.plumbing.settings import ServiceSettings

    folder = (var or ServiceSettings.from_environment().var).resolve()
    options = DemoOptions(var=folder, patients=patients, seed=seed, once=once, host=host, port=port)
    run_demo(options, Telling(Console()))
