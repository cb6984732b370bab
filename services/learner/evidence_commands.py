"""`knowdo learner propose`, `silent` and `report`: what is done with a release after it was trained."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from services.guidance.release import pack, unpack
from services.learner import screen
from services.learner.app import open_run_log
from services.learner.guidance_names import guidance_folder
from services.learner.proposal import add_evidence, fetch_release, propose
from services.learner.run_log import REPORT_FILE, RunLog
from services.learner.settings import LearnerSettings
from services.learner.terminal import (
    AuthorOption,
    JsonOption,
    StoreOption,
    TokenOption,
    UrlOption,
    author_of,
    print_json,
    registry_of,
)
from services.plumbing.event_store import EventStore
from services.timeline.errors import BadInput


def propose_run(
    run: Annotated[str, typer.Argument(help="Id of a run, or `last`")],
    registry_url: UrlOption = "",
    token_file: TokenOption = None,
    author: AuthorOption = "",
    note: Annotated[str, typer.Option(help="A word to the committee")] = "",
    json: JsonOption = False,
) -> None:
    """Offer the release of a run, with its evidence, to the registry. People decide there.

    Example: knowdo learner propose last --registry-url http://127.0.0.1:8000/registry --token-file token --author ada
    """
    from services.learner.runs import kept_of

    settings = LearnerSettings.from_environment()
    log = open_run_log(settings)
    logged = log.get(run)
    kept = kept_of(log, logged)
    registry = registry_of(settings, registry_url, token_file)
    proposed = asyncio.run(propose(registry, kept.bundle, [kept.pack], author=author_of(author), note=note))
    log.proposed(logged.id, proposed.proposal)
    if json:
        print_json(proposed)
    else:
        screen.out.print(f"Proposal {proposed.proposal}: {proposed.state}", highlight=False)


def silent(
    guidance: Annotated[str, typer.Argument(help="Folder of a guidance, or the name of one in the library")],
    release: Annotated[str, typer.Option(help="Digest of the release that was silent")],
    decisions: Annotated[
        Path | None, typer.Option(help="Decisions that CDS exported: a file of NDJSON, an archive, or a folder of them")
    ] = None,
    cds: Annotated[str, typer.Option(help="The CDS service, to fetch them from: https://HOST/PATH")] = "",
    cds_token_file: Annotated[
        Path | None, typer.Option(help="File with its export token (KNOWDO_CDS_EXPORT_TOKEN_FILE there)")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="With --cds: keep what is fetched in this folder, and weigh all that is in it")
    ] = None,
    since: Annotated[str, typer.Option(help="Only decisions of this moment or later")] = "",
    until: Annotated[str, typer.Option(help="Only decisions before this moment")] = "",
    store: StoreOption = None,
    data_until: Annotated[str, typer.Option(help="End of the data, if it is not the last known event")] = "",
    out: Annotated[Path | None, typer.Option(help="Where to write the evidence pack; default beside the run")] = None,
    proposal: Annotated[str, typer.Option(help="Add the evidence to this proposal of the registry")] = "",
    registry_url: UrlOption = "",
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Weigh a silent period by what the CDS service itself decided, against what then happened.

    Calibration, cards due, faults, latency, unknown data, and features at the bedside against history.

    Example: knowdo learner silent readmission-30d --release sha256:… --cds https://cds.example.org --cds-token-file export.token
    """
    from services.learner.evidence.silent import weigh_silence
    from services.learner.train_options import moment_of
    from services.timeline.instants import NAT

    settings = LearnerSettings.from_environment()
    log = open_run_log(settings)
    bundle = unpack(_release(log, settings, release, registry_url, token_file), expected_digest=release)
    named = guidance_folder(guidance, settings.guidance).name
    if named != bundle.guidance:
        raise BadInput(
            f"this release is of {bundle.guidance}", place=guidance, remedy="Name the release of this guidance"
        )
    end = moment_of(data_until, "--data-until", NAT)
    opened = EventStore.open(store or settings.store_folder)
    first, last = moment_of(since, "--since", NAT), moment_of(until, "--until", NAT)
    source = _Decisions(path=decisions, cds=cds, token_file=cds_token_file, keep=keep, guidance=bundle.guidance)
    with source.at_hand(settings, since=None if first == NAT else first) as path, screen.stages_bar() as bar:
        evidence = weigh_silence(
            opened,
            bundle,
            path,
            data_end=None if end == NAT else end,
            since=None if first == NAT else first,
            until=None if last == NAT else last,
            on_bucket=lambda done: bar.update(
                bar.task_ids[0], description="weighing", completed=done, total=opened.buckets
            ),
        )
    target = out or settings.runs_folder / f"silent-{evidence.pack.digest[7:19]}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pack(evidence.pack))
    if proposal:
        asyncio.run(add_evidence(registry_of(settings, registry_url, token_file), proposal, evidence.pack))
    if json:
        print_json(
            {
                "silent": evidence.report,
                "evidence": evidence.pack.digest,
                "file": str(target),
                "outcomes": evidence.outcomes,
                "repeated": evidence.exported.repeated,
                "other_releases": evidence.exported.others,
            }
        )
    else:
        screen.show_silence(evidence)


def report(
    run: Annotated[str, typer.Argument(help="Id of a run, or `last`")],
    out: Annotated[Path, typer.Option(help="HTML file to write")],
) -> None:
    """Write the readable evidence of a run: one HTML page to print, without scripts.

    Example: knowdo learner report last --out evidence.html
    """
    log = open_run_log(LearnerSettings.from_environment())
    page = log.folder(log.get(run).id) / REPORT_FILE
    if not page.is_file():
        raise BadInput("the run has no report", place=run, remedy="Name a run that is done: `knowdo learner runs`")
    out.write_bytes(page.read_bytes())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decisions:
    """Where decisions come from: what lies here, or the service."""

    path: Path | None
    cds: str
    token_file: Path | None
    keep: Path | None
    guidance: str

    @contextmanager
    def at_hand(self, settings: LearnerSettings, *, since: int | None) -> Iterator[Path]:
        """Their file or folder; what was fetched and is not to be kept is gone afterwards."""
        if (self.path is None) == (not self.cds) or (not self.cds and (self.keep or self.token_file)):
            raise BadInput(
                "decisions come from --decisions or from --cds, one of them",
                place="knowdo learner silent",
                remedy="Name the file or folder, or the service with --cds-token-file",
            )
        if self.path is not None:
            yield self.path
            return
        from services.learner.intake.fetch_decisions import fetch_decisions

        with TemporaryDirectory(prefix="knowdo-decisions-") as passing:
            folder = self.keep or Path(passing)
            fetch_decisions(
                self.cds,
                self.token_file,
                folder,
                guidance=self.guidance,
                since=since,
                private=settings.private_networks,
            )
            yield folder


def _release(log: RunLog, settings: LearnerSettings, digest: str, url: str, token_file: Path | None) -> bytes:
    """The packed release: from the run that made it, else from the registry."""
    from services.learner.runs import release_of

    found = release_of(log, digest)
    return found if found is not None else asyncio.run(fetch_release(registry_of(settings, url, token_file), digest))
