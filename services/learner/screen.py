"""What the learner's commands show: progress on standard error, findings as tables; no patient data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.guidance.words.bedside_wording import at_the_bedside
from services.guidance.words.evidence_wording import weighed
from services.learner.quality_screen import show_quality

if TYPE_CHECKING:  # a command loads only what it does
    from services.learner.evidence.silent import SilentEvidence
    from services.learner.intake.fetch import FetchReport
    from services.learner.intake.ingest import IngestReport
    from services.learner.jobs.waiting import Job
    from services.learner.run_log import Run

out = Console()
err = Console(stderr=True)


@contextmanager
def bytes_bar(what: str, total: int) -> Iterator[Progress]:
    """A bar over bytes."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        progress.add_task(what, total=total)
        yield progress


@contextmanager
def stages_bar() -> Iterator[Progress]:
    """One bar that is named by the stage it is in."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        progress.add_task("beginning", total=None)
        yield progress


@contextmanager
def fetch_bar() -> Iterator[Progress]:
    """Bytes of which nobody knows how many are to come."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        progress.add_task("beginning", total=None)
        yield progress


def show_fetch(report: FetchReport) -> None:
    """What the server gave, and how the store stands."""
    asked = f"what changed since {report.since}" if report.since else "everything"
    again = ", going on where an earlier run stopped" if report.resumed else ""
    out.print(
        f"{report.source}: {asked}, up to {report.until}; {report.files:,} file(s), {report.bytes:,} bytes in "
        f"{report.seconds:.1f} s{again}",
        highlight=False,
    )
    if report.ingest.deleted:
        out.print(f"Deleted there: {sum(report.ingest.deleted.values()):,} resource(s)", highlight=False)
    show_ingest(report.ingest)
    if not report.ingest.complete:
        out.print("[bold red]Something is missing[/]: the next run asks for all of it again", highlight=False)


def show_ingest(report: IngestReport) -> None:
    """What was read, what was not and where, and how the store stands."""
    table = Table(title="Read", title_justify="left")
    table.add_column("Resource")
    table.add_column("Count", justify="right")
    for name, count in report.resources.items():
        table.add_row(name, f"{count:,}")
    out.print(table)
    for title, counted in (("Resources not used", report.skipped), ("Lost or mended within", report.losses)):
        if not counted:
            continue
        table = Table(title=title, title_justify="left")
        table.add_column("Reason")
        table.add_column("Count", justify="right")
        table.add_column("First places", overflow="fold")
        for one in counted:
            table.add_row(one.reason, f"{one.count:,}", "\n".join(one.places[:3]))
        out.print(table)
    for trouble in report.troubles:
        out.print(f"[{'bold red' if trouble.serious else 'dim'}]{trouble.place}[/]: {trouble.message}", highlight=False)
    changed = "" if report.changed else " Nothing was new: the store is as it was."
    out.print(
        f"{report.events:,} events from {report.files:,} file(s) in {report.seconds:.1f} s "
        f"({report.resources_per_second:,} resources/s); the known time of {report.known_time_assumed:.1%} is assumed."
        f"{changed}",
        highlight=False,
    )
    out.print(f"Store: {report.rows:,} events of {report.patients:,} patients, {report.digest}", highlight=False)
    if report.terminology:
        out.print(f"Terminology of the site: {report.terminology}", highlight=False)
    if report.quality is not None:
        show_quality(report.quality, out)


def show_training(result: Mapping[str, Any]) -> None:
    """Each prediction's models side by side, what was chosen and why, and what to do next."""
    _show_judged(result["guidance"], result)
    for name, judged in result.get("predictions", {}).items():
        _show_judged(f"{name} ({judged['label']})", judged)
    out.print(f"Release  {result['release']}\nEvidence {result['evidence']}", highlight=False)
    if result["mlflow"]:
        out.print(f"MLflow   models:/{result['mlflow']['model']}/{result['mlflow']['version']}", highlight=False)
    out.print(
        f"Run      {result['run']}   (knowdo learner report {result['run']} --out evidence.html)", highlight=False
    )


def _show_judged(title: str, judged: Mapping[str, Any]) -> None:
    """One prediction: its models in a table, and the sentences that go with them."""
    table = Table(title=f"{title}: {judged['rows']:,} rows, {judged['events']:,} events", title_justify="left")
    for name in ("Model", "AUROC", "AUPRC", "Brier", "Slope", "Intercept"):
        table.add_column(name, justify="left" if name == "Model" else "right")
    for kind, model in judged["models"].items():
        chosen = " (chosen)" if kind == judged["chosen"] else ""
        low, high = model["auroc_ci"]
        table.add_row(
            kind.replace("_", " ") + chosen,
            f"{model['auroc']:.3f} ({low:.3f} to {high:.3f})",
            f"{model['auprc']:.3f}",
            f"{model['brier']:.4f}",
            f"{model['calibration_slope']['value']:.2f}",
            f"{model['calibration_intercept']['value']:.2f}",
        )
    out.print(table)
    for part in ("price_of_glass_box", "sample_size"):
        if judged[part] is not None:
            out.print(judged[part]["sentence"], highlight=False)
    if judged.get("published"):
        score = judged["published"]
        out.print(
            weighed(
                mean_risk=score["mean_risk"], scored=score["scored"], recalibrated=judged["chosen"] == "recalibrated"
            ),
            highlight=False,
        )
    if judged.get("unevaluated"):
        out.print(judged["unevaluated"], highlight=False)
    for alarm in (judged["leaks"] or {"found": ()})["found"]:
        out.print(f"[bold red]Alarm[/]: {alarm}", highlight=False)


def show_silence(evidence: SilentEvidence) -> None:
    """What the release would have said, and whether it was right."""
    report = evidence.report
    rate = report.alert_rate
    ratio = "not known yet"
    if report.calibration is not None:
        found = report.calibration.o_e
        ratio = f"{found.value:.2f} ({found.ci[0]:.2f} to {found.ci[1]:.2f})"
    out.print(
        f"{report.decisions:,} decisions, {report.matured:,} stays with a known outcome, {report.events:,} events\n"
        f"Observed / expected {ratio}\n"
        f"Alert rate {rate.value:.1%} ({rate.ci[0]:.1%} to {rate.ci[1]:.1%}); budget {report.alert_budget:.0%}\n"
        f"Unknown feature values {report.unknown_share:.1%}\n"
        f"Skew: {report.skew.different:,} of {report.skew.compared:,} feature values differ",
        highlight=False,
    )
    for cause, count in sorted(evidence.skew.causes.items()):
        out.print(f"  {count:,} {cause}", highlight=False)
    for sentence in at_the_bedside(report.bedside) if report.bedside is not None else ():
        out.print(sentence, highlight=False)
    exported = evidence.exported
    if exported.repeated or exported.others:
        left_out = f"{exported.repeated:,} exported twice, {sum(exported.others.values()):,} of other releases"
        out.print(f"Not counted: {left_out}", highlight=False)
    for decision, feature, _ in evidence.skew.examples[:5]:
        out.print(f"  unexplained: decision {decision}, {feature}", highlight=False)
    out.print(f"Evidence {evidence.pack.digest}", highlight=False)


def show_runs(runs: Sequence[Run]) -> None:
    """The newest runs first."""
    table = Table()
    for name in ("Run", "Guidance", "State", "Release, or fault", "Proposal"):
        table.add_column(name, no_wrap=name in {"Run", "State"}, overflow="fold")
    for run in runs:
        table.add_row(run.id, run.guidance, run.state, run.release or run.fault or "", run.proposal or "")
    out.print(table)


def jobs_table(jobs: Sequence[Job]) -> Table:
    """What runs and waits, then what has ended."""
    table = Table()
    for name in ("Run", "Job", "Guidance", "State", "How far, or why", "Asked by"):
        table.add_column(name, no_wrap=name in {"Run", "State"}, overflow="fold")
    for job in jobs:
        table.add_row(job.run, job.kind, job.guidance, _state(job), _how_far(job), job.asked_by)
    return table


def _state(job: Job) -> str:
    tries = f" (attempt {job.attempt})" if job.attempt > 1 else ""
    return ("cancelling" if job.cancelling else job.state) + tries


def _how_far(job: Job) -> str:
    if job.progress is None:
        return job.faults[-1] if job.faults else ""
    if not job.progress.of:
        return job.progress.stage
    return f"{job.progress.stage} {job.progress.done / job.progress.of:.0%}"
