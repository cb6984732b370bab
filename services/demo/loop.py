"""The whole loop in one command: hospital, training, proposal, votes, a silent month, pilot, a card, an answer that is kept.

Every step goes through the same doors as in a hospital: FHIR files for the learner, the registry's API with each
person's own token, CDS Hooks with a signed token. Only the patients and the committee are made up.
"""

from __future__ import annotations

import csv
import os
import shutil
import socket
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

from services.demo.facts import DAY
from services.demo.fragments import instant
from services.demo.hospital import Hospital, Written, write_hospital
from services.demo.live import Learned, live
from services.demo.telling import Telling
from services.demo.truth import attainable_auroc
from services.guidance import check
from services.learner.intake.ingest import ingest
from services.learner.quality_screen import doubt
from services.learner.run_log import RunLog
from services.learner.runs import kept_of, run_training
from services.learner.settings import LearnerSettings
from services.learner.train_options import TrainOptions
from services.plumbing.database import open_database
from services.plumbing.event_store import EventStore
from services.plumbing.logs import configure_logs
from services.plumbing.mlflow_models import Shelf
from services.timeline.errors import BadInput

GUIDANCE: Final = Path(check.__file__).parent / "library" / "readmission-30d"
MARKER: Final = "DEMO"
LOG: Final = "demo.log"
"""What the services have to say, as JSON lines; errors are shown as well."""
OURS: Final = ("hospital", "learner", "registry", "cds", "mlflow", "secrets", "discharge.json", LOG)
"""What a demo leaves in its folder; the next one removes these and nothing else."""
HORIZON: Final = 30 * DAY  # of the outcome: the silent month must lie so far back that it can be known
ENOUGH: Final = 200  # discharges that a silent period should hold, so that some are followed by a readmission
A_MONTH: Final = 0.025  # live discharges a patient a month in the demo hospital


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How the demo is to run."""

    var: Path
    patients: int = 10_000
    seed: int = 7
    once: bool = False
    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def url(self) -> str:
        """Where the platform is (or would be) served."""
        return f"http://{self.host}:{self.port}"

    @property
    def silent_days(self) -> int:
        """A month; longer for a small hospital, so that there is something to weigh."""
        return max(30, ceil(30 * ENOUGH / (A_MONTH * self.patients)))


def run_demo(options: DemoOptions, telling: Telling) -> None:
    """Run the whole loop; without `once` the platform keeps serving at the end."""
    if not options.once:
        _must_be_free(options.host, options.port)
    _begin_anew(options.var)
    configure_logs(level=os.environ.get("KNOWDO_LOG_LEVEL", "info"), to=options.var / LOG)
    telling.loud()
    hospital = Hospital.ending(None, seed=options.seed, patients=options.patients, faults=True)
    telling.chapter(f"A hospital of {options.patients:,} patients, whose true risks are known")
    with telling.bar("living patients' years", options.patients) as bar:
        written = write_hospital(hospital, options.var / "hospital", advance=bar.advance)
    telling.say(f"{written.total:,} FHIR resources over {hospital.years:g} years, until {instant(hospital.until)[:10]}")
    learned = _learn(options, hospital, written, telling)
    live(
        hospital,
        written,
        learned,
        telling,
        var=options.var,
        log=options.var / LOG,
        url=options.url,
        serve_at=None if options.once else (options.host, options.port),
    )


def _must_be_free(host: str, port: int) -> None:
    """Said now, not after minutes of training."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except OSError as fault:
            raise BadInput(
                f"cannot listen on {host}:{port} ({fault.strerror})",
                place="--port",
                remedy="Name another port, stop what listens there, or say --once",
            ) from fault


def _begin_anew(var: Path) -> None:
    """A demo starts from nothing; a folder that is not a demo's is left alone."""
    if var.exists() and any(var.iterdir()):
        if not (var / MARKER).is_file():
            raise BadInput(
                f"{var} holds something that is not a demo",
                place="--var",
                remedy="Name a new folder with --var (or KNOWDO_VAR)",
            )
        for name in OURS:
            if (var / name).is_dir():
                shutil.rmtree(var / name)
            else:
                (var / name).unlink(missing_ok=True)
    var.mkdir(parents=True, exist_ok=True)
    (var / MARKER).write_text("Made by `knowdo demo run`, which starts anew from nothing.\n", encoding="utf-8")


def _learn(options: DemoOptions, hospital: Hospital, written: Written, telling: Telling) -> Learned:
    """Ingest, and train on what was known before the silent month began."""
    settings = LearnerSettings(var=options.var, demo=True)
    telling.chapter("Ingest: FHIR into the event store")
    size = sum(path.stat().st_size for path in written.fhir.iterdir())
    with telling.bar("reading", size) as bar:
        report = ingest(
            written.fhir,
            settings.store_folder,
            terminology=written.terminology,
            on_bytes=bar.advance,
            on_stage=lambda stage: bar.now(stage, size, size),
        )
    telling.say(
        f"{sum(report.resources.values()):,} resources became {report.events:,} events in {report.seconds:.0f} s; "
        f"left out, each with its reason: {sum(skip.count for skip in report.skipped):,}"
    )
    for doubted in report.quality.mislabelled if report.quality else ():
        telling.say(f"Ask the laboratory: {doubt(doubted)}")
    silent_until = hospital.until - HORIZON - DAY
    silent_from = silent_until - options.silent_days * DAY
    store = EventStore.open(settings.store_folder)
    telling.chapter(f"Learn, from what was known before {instant(silent_from)[:10]}")
    log = RunLog(open_database(settings.run_log_url), settings.runs_folder)
    workers = settings.workers or len(os.sched_getaffinity(0))
    with telling.bar("reading features", store.buckets) as bar:
        run, result = run_training(
            GUIDANCE,
            store,
            log,
            Shelf(tracking_uri=settings.tracking_uri),
            TrainOptions(workers=workers, until=instant(silent_from), data_end=instant(silent_from), data="synthetic"),
            progress=bar.now,
        )
    telling.say(f"{result['rows']:,} discharges, {result['events']:,} readmissions")
    telling.models(result, attainable=_attainable(written.truth, until=instant(silent_from)))
    telling.say(
        f"Release {result['release']}; MLflow: models:/{result['mlflow']['model']}/{result['mlflow']['version']}"
    )
    kept = kept_of(log, log.get(run))
    return Learned(store=store, bundle=kept.bundle, pack=kept.pack, silent_from=silent_from, silent_until=silent_until)


def _attainable(risks: Path, *, until: str) -> float:
    """The AUROC that the true risks of the training period allow."""
    with risks.open(encoding="utf-8", newline="") as table:
        return attainable_auroc(
            [float(row["readmission_30d"]) for row in csv.DictReader(table) if row["discharged"] < until]
        )
