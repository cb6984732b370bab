"""The words for feeding the learner from a server, and for taking a patient out again. They translate; they decide nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from services.learner import screen
from services.learner.settings import LearnerSettings
from services.learner.terminal import JsonOption, StoreOption, WorkersOption, print_json
from services.timeline.errors import BadInput

Many = list[str] | None


def fetch(
    server: Annotated[str, typer.Argument(help="The FHIR server: https://HOST/PATH")],
    store: StoreOption = None,
    by: Annotated[
        Literal["export", "search"], typer.Option(help="Bulk export, or searches where the server has none")
    ] = "export",
    group: Annotated[str, typer.Option(help="Only this Group's patients (its id)")] = "",
    patients: Annotated[bool, typer.Option("--patients", help="All patients, by Patient/$export")] = False,
    types: Annotated[
        Many, typer.Option("--type", help="Resource types, again or with commas; else those that are read; or `all`")
    ] = None,
    filters: Annotated[Many, typer.Option("--filter", help="_typeFilter: Observation?category=laboratory")] = None,
    searches: Annotated[
        Many,
        typer.Option("--search", help="A search instead of one for each type: Patient?_revinclude=Observation:patient"),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="What changed since; left out: since the last fetch of the same. '' is everything"),
    ] = None,
    client: Annotated[str, typer.Option(help="Client id at the server (SMART Backend Services)")] = "",
    key: Annotated[Path | None, typer.Option(help="File of its private key: JWK or PEM, mode 0600")] = None,
    scope: Annotated[str, typer.Option(help="What it asks to read")] = "system/*.rs",
    token_url: Annotated[str, typer.Option(help="Token endpoint, if the server does not name it")] = "",
    token_file: Annotated[Path | None, typer.Option(help="File with a bearer token, instead of a key")] = None,
    origins: Annotated[
        Many, typer.Option("--origin", help="Another origin that the server may point to (files, tokens)")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="How long to wait for the export")] = 24.0,
    largest: Annotated[float, typer.Option(min=0.001, help="Largest file, in GiB")] = 1024.0,
    keep: Annotated[Path | None, typer.Option(help="Keep a copy of the files in this folder")] = None,
    accept_errors: Annotated[
        bool,
        typer.Option("--accept-errors", help="Go on from here next time, even if the server says data are missing"),
    ] = False,
    workers: WorkersOption = None,
    buckets: Annotated[int | None, typer.Option(help="Buckets of a new store. Default 16")] = None,
    terminology: Annotated[Path | None, typer.Option(help="Folder of the site's ConceptMaps")] = None,
    quality: Annotated[bool, typer.Option(help="Report on codes, units and times of the whole store")] = True,
    json: JsonOption = False,
) -> None:
    """Fetch a hospital's FHIR data into the event store; the next time only what changed, and what was deleted.

    Killed or cut off, the same command goes on where it stopped. Exit code 1 if something is missing; what came is kept,
    and the next run asks for it again.

    Example: knowdo learner fetch https://ehr.example.org/fhir --client knowdo --key client.jwk --json
    """
    from services.learner.intake.fetch import Account, Question, Watch
    from services.learner.intake.fetch import fetch as run
    from services.learner.intake.fetch_search import check_search, check_since
    from services.plumbing.bulk_export import Wanted
    from services.plumbing.steady_http import Server

    if bool(client) != (key is not None) or (key and token_file):
        raise BadInput("--client and --key go together, and not with --token-file", place="knowdo learner fetch")
    if (group and patients) or (searches and by == "export"):
        raise BadInput(
            "--group and --patients exclude each other; --search needs --by search", place="knowdo learner fetch"
        )
    settings = LearnerSettings.from_environment()
    question = Question(
        server=Server.of(server, origins or ()),
        wanted=Wanted(
            level="group" if group else "patient" if patients else "system",
            group=group,
            types=tuple(one for text in types or () for one in text.split(",") if one),
            filters=tuple(filters or ()),
        ),
        searches=tuple(map(check_search, searches or ())),
        by_search=by == "search",
    )
    with screen.fetch_bar() as bar:
        task = bar.task_ids[0]
        report = run(
            question,
            Account(client=client, key=key, scope=scope, token_url=token_url, token_file=token_file),
            store or settings.store_folder,
            since=None if since is None else check_since(since),
            hours=hours,
            largest=round(largest * 2**30),
            private=settings.private_networks,
            keep=keep,
            accept_errors=accept_errors,
            workers=workers or settings.workers,
            buckets=buckets,
            terminology=terminology or settings.terminology,
            quality=quality,
            watch=Watch(
                on_stage=lambda stage: bar.update(task, description=escape(stage)),  # a server's own words are in it
                on_bytes=lambda count: bar.advance(task, count),
            ),
        )
    if json:
        print_json(report)
    else:
        screen.show_fetch(report)
    if not report.ingest.complete:
        raise typer.Exit(1)


def client_key(
    path: Annotated[Path, typer.Argument(help="New file for the private key (mode 0600)")],
    json: JsonOption = False,
) -> None:
    """Make the key by which a FHIR server knows the learner, and print its public half for the server's owner to register.

    Example: knowdo learner client-key client.jwk --json
    """
    from services.plumbing.backend_services import ClientKey

    key = ClientKey.make(path)
    if not json:
        screen.err.print(f"The private key is in {path}. Register this with the server:", highlight=False)
    print_json(key.public_set())


def erase(
    patient: Annotated[str, typer.Argument(help="The patient's id in the store, as in Patient/ID")],
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, only say what would go")] = False,
    json: JsonOption = False,
) -> None:
    """Remove every event of a patient from the store, and keep the patient out of it, whatever is ingested later.

    It cannot be undone, but by a new store. Models and evidence that were made before are not touched.

    Example: knowdo learner erase 1234 --store var/learner/store --yes
    """
    from services.learner.intake.erasure import erase_patient

    report = erase_patient(store or LearnerSettings.from_environment().store_folder, patient, really=yes)
    if json:
        print_json(report)
        return
    if report.erased:
        screen.out.print(f"{report.events:,} events erased; the patient stays out of this store.", highlight=False)
    else:
        screen.out.print(f"{report.events:,} events would be erased: say --yes.", highlight=False)
