"""`knowdo learner`: ingest FHIR data, train, weigh the silence, propose, report, and serve. It translates; it decides nothing."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.guidance.words.evidence_wording import DataKind
from services.learner import screen
from services.learner.app import open_run_log, shelf_of, workers_of
from services.learner.evidence_commands import propose_run, report, silent
from services.learner.guidance_names import guidance_folder
from services.learner.import_commands import import_model
from services.learner.intake_commands import client_key, erase, fetch
from services.learner.job_commands import cancel, jobs, retry
from services.learner.proposal import propose
from services.learner.settings import LearnerSettings
from services.learner.terminal import (
    AuthorOption,
    EngineOption,
    JsonOption,
    MasterOption,
    StoreOption,
    TokenOption,
    UrlOption,
    WorkersOption,
    author_of,
    engine_of,
    print_json,
    registry_of,
)
from services.plumbing.event_store import EventStore
from services.timeline.errors import KnowdoError

app = typer.Typer(
    name="learner",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learns: ingest FHIR outcomes, train, weigh the evidence, propose.\n\nExample: knowdo learner ingest export.tar.xz --store var/learner/store",
)


@app.command()
def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder, tar archive, NDJSON or JSON Bundle, packed with gz, xz or bz2 or not; here or as s3://bucket/folder"
        ),
    ],
    store: StoreOption = None,
    workers: WorkersOption = None,
    buckets: Annotated[
        int | None, typer.Option(help="Buckets of a new store; memory is bounded by one. Default 16")
    ] = None,
    engine: EngineOption = None,
    master: MasterOption = "",
    terminology: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the site's ConceptMap resources (*.json) and ingredients.csv (KNOWDO_LEARNER_TERMINOLOGY)"
        ),
    ] = None,
    quality: Annotated[bool, typer.Option(help="Report on codes, units and times of the whole store")] = True,
    json: JsonOption = False,
) -> None:
    """Read FHIR data into the event store; what could not be read is named by reason and place.

    Exit code 1 if a part of the source could not be read (a truncated archive); what was good is kept all the same.

    Example: knowdo learner ingest export.tar.xz --store var/learner/store --json

    Example: knowdo learner ingest /shared/export --store /shared/store --engine spark --master spark://10.0.0.5:7077
    """
    from services.learner.intake.ingest import ingest as read
    from services.learner.intake.sources import Source

    settings = LearnerSettings.from_environment()
    with (
        engine_of(settings, engine, master, workers) as chosen,
        screen.bytes_bar("reading", Source(source).size) as bar,
    ):
        report = read(
            source,
            store or settings.store_folder,
            workers=workers or settings.workers,
            buckets=buckets,
            terminology=terminology or settings.terminology,
            quality=quality,
            engine=chosen,
            on_bytes=lambda count: bar.advance(bar.task_ids[0], count),
            on_stage=lambda stage: bar.update(bar.task_ids[0], description=stage),
        )
    if json:
        print_json(report)
    else:
        screen.show_ingest(report)
    if not report.complete:
        raise typer.Exit(1)


app.command()(fetch)
app.command()(client_key)
app.command()(erase)


@app.command()
def train(
    guidance: Annotated[str, typer.Argument(help="Folder of a guidance, or the name of one in the library")],
    store: StoreOption = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the cross-validation; patients are never split")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Same data and seed, same release")] = 0,
    since: Annotated[str, typer.Option("--from", help="Only moments of prediction from this date on")] = "",
    until: Annotated[str, typer.Option(help="Only moments of prediction before this date")] = "",
    data_until: Annotated[str, typer.Option(help="End of the data, if it is not the last known event")] = "",
    data: Annotated[
        DataKind, typer.Option(help="Whose records they are; what is no patient's is said on every page of the report")
    ] = "patients",
    against: Annotated[
        str, typer.Option(help="Digest of the release that runs now, of a run here: evidence on old and new")
    ] = "",
    workers: WorkersOption = None,
    engine: EngineOption = None,
    master: MasterOption = "",
    offer: Annotated[bool, typer.Option("--propose", help="Propose the release to the registry")] = False,
    registry_url: UrlOption = "",
    token_file: TokenOption = None,
    author: AuthorOption = "",
    note: Annotated[str, typer.Option(help="A word to the committee")] = "",
    json: JsonOption = False,
) -> None:
    """Learn a guidance from the store: release, evidence, MLflow version, and a report.

    Example: knowdo learner train readmission-30d --store var/learner/store --folds 5 --seed 0 --json

    Example: knowdo learner train readmission-30d --store /shared/store --engine spark --master local[2]
    """
    from services.learner.runs import kept_of, run_training
    from services.learner.train_options import TrainOptions

    settings = LearnerSettings.from_environment()
    # An hour's training must not end in a name that was forgotten.
    registry, author = registry_of(settings, registry_url, token_file), author_of(author) if offer else author
    if offer:
        registry.must_be_named()
    log = open_run_log(settings)
    options = TrainOptions(
        folds=folds,
        seed=seed,
        workers=workers or workers_of(settings),
        since=since,
        until=until,
        data_end=data_until,
        data=data,
        against=against,
    )
    directory = guidance_folder(guidance, settings.guidance)
    opened = EventStore.open(store or settings.store_folder)
    with engine_of(settings, engine, master, options.workers) as chosen, screen.stages_bar() as bar:
        run, result = run_training(
            directory,
            opened,
            log,
            shelf_of(settings),
            options,
            engine=chosen,
            progress=lambda stage, done, of: bar.update(bar.task_ids[0], description=stage, completed=done, total=of),
        )
    if offer:
        kept = kept_of(log, log.get(run))
        proposed = asyncio.run(propose(registry, kept.bundle, [kept.pack], author=author, note=note))
        log.proposed(run, proposed.proposal)
        result["proposal"] = proposed.proposal
    if json:
        print_json(result)
    else:
        screen.show_training(result)
    if result["mlflow"] is None:
        screen.err.print(f"[bold]Not on MLflow's shelf[/]: {result['mlflow_fault']}", highlight=False)
        raise typer.Exit(1)


app.command("import")(import_model)
app.command("propose")(propose_run)
app.command()(silent)
app.command()(report)


@app.command()
def runs(json: JsonOption = False) -> None:
    """List the runs, the newest first.

    Example: knowdo learner runs --json
    """
    log = open_run_log(LearnerSettings.from_environment())
    if json:
        print_json(log.all())
    else:
        screen.show_runs(log.all())


app.command()(jobs)
app.command()(cancel)
app.command()(retry)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (KNOWDO_LEARNER_HOST)")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (KNOWDO_LEARNER_PORT)")] = None,
) -> None:
    """Serve runs and reports over HTTP, and work on the queue: what is asked for, and what guidance begins by itself.

    Example: knowdo learner serve --port 8002
    """
    import uvicorn

    from services.learner.app import app_from_environment

    settings = LearnerSettings.from_environment()
    uvicorn.run(
        app_from_environment(),
        host=host or settings.host,
        port=port or settings.port,
        log_config=None,
        access_log=False,
    )


def main() -> None:
    """Run on its own; a fault that a person can act on is one line and exit code 1."""
    try:
        app()
    except KnowdoError as fault:
        typer.echo(f"knowdo: {fault}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
