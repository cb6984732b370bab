"""`knowdo learner import`: a model that was trained elsewhere gets the evidence that ours get. It translates; it decides nothing."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from services.guidance.check import load_guidance
from services.guidance.definition import PRIMARY
from services.learner import screen
from services.learner.app import open_run_log, shelf_of, workers_of
from services.learner.guidance_names import guidance_folder
from services.learner.proposal import propose
from services.learner.settings import LearnerSettings
from services.learner.terminal import (
    AuthorOption,
    JsonOption,
    StoreOption,
    TokenOption,
    UrlOption,
    WorkersOption,
    author_of,
    print_json,
    registry_of,
)
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput


def import_model(
    model: Annotated[
        str,
        typer.Argument(
            help="A skops file, LightGBM's text, XGBoost's JSON or UBJSON, or an MLflow address (models:/name/3, runs:/…)"
        ),
    ] = "",
    guidance: Annotated[
        str, typer.Option(help="Folder of the guidance that it is for, or the name of one in the library")
    ] = "",
    store: StoreOption = None,
    new: Annotated[
        bool, typer.Option("--new", help="Every version registered in MLflow under the guidance's name that is new")
    ] = False,
    inputs: Annotated[
        str, typer.Option(help="The features that its columns are, in order, if the model does not name them: age,male")
    ] = "",
    prediction: Annotated[str, typer.Option(help="The prediction of the guidance whose model it is")] = PRIMARY,
    trained_until: Annotated[
        str, typer.Option(help="Where the data end that it was trained on: it is judged on later rows only")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals; same data and seed, same evidence")] = 0,
    since: Annotated[str, typer.Option("--from", help="Only moments of prediction from this date on")] = "",
    until: Annotated[str, typer.Option(help="Only moments of prediction before this date")] = "",
    data_until: Annotated[str, typer.Option(help="End of the data, if it is not the last known event")] = "",
    workers: WorkersOption = None,
    offer: Annotated[bool, typer.Option("--propose", help="Propose the release to the registry")] = False,
    registry_url: UrlOption = "",
    token_file: TokenOption = None,
    author: AuthorOption = "",
    note: Annotated[str, typer.Option(help="A word to the committee")] = "",
    json: JsonOption = False,
) -> None:
    """Bring your own model: convert it exactly (never from a pickle), judge it as ours are, and make a release of it.

    With --new exit code 1 if one of the versions was refused; the reason stands on the shelf, too.

    Example: knowdo learner import model.txt --guidance readmission-30d --trained-until 2025-01-01 --json
    """
    from services.learner.import_runs import Learner, import_new_versions, import_version
    from services.learner.runs import kept_of
    from services.learner.train_options import TrainOptions

    if bool(model) is new or not guidance:
        raise BadInput("one model and its guidance, or --new and the guidance", remedy="knowdo learner import --help")
    if new and inputs:
        raise BadInput("--inputs names the columns of one model", place="--new", remedy="Import it by its address")
    settings = LearnerSettings.from_environment()
    registry, author = registry_of(settings, registry_url, token_file), author_of(author) if offer else author
    if offer:
        registry.must_be_named()
    directory = guidance_folder(guidance, settings.guidance)
    log = open_run_log(settings)
    learner = Learner(
        directory=directory,
        store=EventStore.open(store or settings.store_folder),
        log=log,
        shelf=shelf_of(settings),
        options=TrainOptions(
            seed=seed, workers=workers or workers_of(settings), since=since, until=until, data_end=data_until
        ),
        prediction=prediction,
    )
    found: list[dict[str, Any]] = []
    refused: dict[str, str] = {}
    with screen.stages_bar() as bar:

        def progress(stage: str, done: int, of: int) -> None:
            bar.update(bar.task_ids[0], description=stage, completed=done, total=of)

        if new:
            name = load_guidance(directory).definition.id
            for one in import_new_versions(learner, name, trained_until=trained_until, progress=progress):
                if one.result is None:
                    refused[one.version.uri] = one.refused
                else:
                    found.append(one.result | {"version": one.version.uri})
        else:
            named = tuple(part.strip() for part in inputs.split(",")) if inputs else ()
            found.append(import_version(learner, model, named=named, trained_until=trained_until, progress=progress)[1])
    for result in found if offer else ():
        kept = kept_of(log, log.get(result["run"]))
        proposed = asyncio.run(propose(registry, kept.bundle, [kept.pack], author=author, note=note))
        log.proposed(result["run"], proposed.proposal)
        result["proposal"] = proposed.proposal
    if json:
        print_json({"imported": found, "refused": refused} if new else found[0])
    else:
        _show(found, refused, new=new)
    unshelved = [result for result in found if result["mlflow"] is None]
    for result in unshelved:
        screen.err.print(f"[bold]Not on MLflow's shelf[/]: {result['mlflow_fault']}", highlight=False)
    if refused or unshelved:
        raise typer.Exit(1)


def _show(found: list[dict[str, Any]], refused: dict[str, str], *, new: bool) -> None:
    for result in found:
        screen.show_training(result)
    for uri, reason in refused.items():
        screen.out.print(f"[bold]Refused[/]: {uri}: {reason}", highlight=False)
    if new and not found and not refused:
        screen.out.print("No new version is registered under the guidance's name.", highlight=False)
