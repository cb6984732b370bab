"""`knowdo cds database` and `knowdo cds decisions erase`: the decision log's tables, and the right to be forgotten."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from services.cds.decisions.access import Access, note
from services.cds.decisions.decision_log import MIGRATIONS, DecisionLog
from services.cds.decisions.partitions import days_there, name_of
from services.cds.decisions.pseudonyms import open_pseudonyms
from services.cds.decisions.retention import erase, reached
from services.cds.settings import CdsSettings
from services.guidance.errors import Unavailable
from services.plumbing.database import open_database, reading
from services.plumbing.logs import configure_logs
from services.plumbing.migrations import revision_of

database = typer.Typer(no_args_is_help=True, help="The tables of the decision log.")

JsonOption = Annotated[bool, typer.Option("--json", help="For a script")]


@database.callback()
def _database() -> None:
    """The tables of the decision log."""


@database.command()
def upgrade(as_json: JsonOption = False) -> None:
    """Bring the decision log (KNOWDO_CDS_DATABASE_URL) to this version; a service does the same when it starts.

    Example: knowdo cds database upgrade
    """
    with _log() as log:
        before, after = log.create()
    if as_json:
        typer.echo(json.dumps({"before": before or None, "after": after}))
    else:
        typer.echo(f"revision {after}" + (" already" if before == after else f", before: {before or 'empty'}"))


@database.command()
def status(as_json: JsonOption = False) -> None:
    """Say at which revision the decision log is, and how far retention has come; 1 if it needs an upgrade.

    Example: knowdo cds database status --json
    """
    with _log() as log:
        with reading(log.engine) as connection:
            revision = revision_of(connection)
            days = days_there(connection) if revision else []
        said: dict[str, str | int | None] = {
            "database": log.engine.url.render_as_string(hide_password=True),
            "revision": revision or None,
            "newest": MIGRATIONS.head,
            "days": len(days),
            "last_day": name_of(days[-1]) if days else None,
            "pseudonymised_to": (reached(log.engine) or None) if revision == MIGRATIONS.head else None,
        }
    if as_json:
        typer.echo(json.dumps(said))
    else:
        for name, value in said.items():
            typer.echo(f"{name:17} {'-' if value is None else value}")
    if revision != MIGRATIONS.head:
        raise typer.Exit(1)


def erase_patient(
    patient: Annotated[str, typer.Option(help="The patient's id, as the EHR sends it (without `Patient/`)")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase everything that the log keeps of one patient, decisions and feedback, under their id and their pseudonym.

    What was done is kept as a row of its own (how many, when), without the patient. Copies that were exported are yours to find.

    Example: knowdo cds decisions erase --patient 1234 --yes
    """
    settings = CdsSettings.from_environment()
    configure_logs(level=settings.log_level)
    given = settings.pseudonym_key.get_secret_value() if settings.pseudonym_key is not None else ""
    pseudonyms = open_pseudonyms(given, settings.var / "cds")
    if not yes:
        typer.confirm("Erase all decisions and feedback of this patient?", abort=True)
    with _log() as log:
        log.create()
        decisions, feedback = erase(log.engine, pseudonyms, patient.removeprefix("Patient/"))
        at = time.time_ns() // 1000
        note(
            log.engine,
            pseudonyms,
            Access(at=at, role="command line", action="erase", what="decisions", found=decisions),
        )
    if as_json:
        typer.echo(json.dumps({"decisions": decisions, "feedback": feedback}))
    else:
        typer.echo(f"erased: {decisions} decisions, {feedback} feedback")


@contextmanager
def _log() -> Iterator[DecisionLog]:
    settings = CdsSettings.from_environment()
    if not settings.database_url and not (settings.var / "cds").is_dir():
        raise Unavailable(
            "there is no decision log here",
            place=str(settings.var / "cds"),
            remedy="Set KNOWDO_CDS_DATABASE_URL or KNOWDO_VAR as the service has them",
        )
    log = DecisionLog(open_database(settings.decisions_url, by_index=True))
    try:
        yield log
    finally:
        log.close()
