"""What a person sees of the demo: chapters, figures, the card, and where to click next.

What is printed to be typed works as it stands, from the folder the demo was started in.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from services.cds.cards.show import card_panel
from services.demo.committee import ERROR_RATES, Step

CHAPTERS: Final = 8
LOUD: Final = (
    "DEMONSTRATION. Made-up patients, made-up persons, small samples: the policy named `demo` is in the signed manifest, "
    "on every card, on the registry's pages and in the ledger. No gate is skipped. Nothing here is for patient care."
)


class Telling:
    """Tells the demo on a console; progress bars go to standard error, so that what is told can be piped."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._chapter = 0

    def loud(self) -> None:
        """The one thing that nobody may miss."""
        self._console.print(Panel(Text(LOUD, style="bold yellow"), border_style="yellow"))

    def chapter(self, title: str) -> None:
        """The next step begins."""
        self._chapter += 1
        self._console.print(Text(f"\n{self._chapter} of {CHAPTERS}  {title}", style="bold"))

    def say(self, line: str) -> None:
        """One sentence."""
        self._console.print(Text(f"  {line}"), soft_wrap=True)

    @contextmanager
    def bar(self, what: str, total: int | None) -> Iterator[Bar]:
        """A progress bar while it takes."""
        progress = Progress(
            TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), console=Console(stderr=True), transient=True,
        )  # fmt: skip
        with progress:
            yield Bar(progress, what, total)

    def models(self, result: Mapping[str, Any], *, attainable: float) -> None:
        """What each kind of model reached, and what chance allows."""
        table = Table(box=None, padding=(0, 2), pad_edge=True)
        for heading in ("", "model", "AUROC (95 % interval)", "Brier"):
            table.add_column(heading, justify="left" if heading in ("", "model") else "right")
        for kind, report in result["models"].items():
            low, high = report["auroc_ci"]
            table.add_row(
                "*" if kind == result["chosen"] else "",
                kind,
                f"{report['auroc']:.3f} ({low:.3f} to {high:.3f})",
                f"{report['brier']:.4f}",
            )
        self._console.print(table)
        self.say(f"Chosen: {result['chosen']}. {(result['price_of_glass_box'] or {}).get('sentence', '')}".rstrip())
        self.say(
            f"The true risk itself would reach {attainable:.3f}: what is missing is chance, and what no record shows."
        )

    def step(self, step: Step) -> None:
        """A step that the committee took."""
        who = ", ".join(f"{person} ({role})" for role, person in step.agreed.items())
        self.say(f"→ {step.to}: {who}")
        for name, doubt in step.doubts.items():
            what = (
                "is outside its limit; answered for"
                if name.endswith(ERROR_RATES)
                else "cannot be told yet; accepted with a reason"
            )
            self.say(f"    {name} {what} by {doubt}")

    def silence(self, report: Any) -> None:  # SilentMonth; the console needs no import of the learner
        """What the silent month showed."""
        skew, calibration = report.skew, report.calibration
        seen = "not known yet"
        if calibration is not None:
            ratio = calibration.o_e
            seen = (
                f"{calibration.observed:.0f} readmissions seen, {calibration.expected:.1f} expected "
                f"(ratio {ratio.value:.2f}, {ratio.ci[0]:.2f} to {ratio.ci[1]:.2f})"
            )
        self.say(f"{report.decisions:,} decisions kept, {report.matured:,} stays with a known outcome: {seen}")
        self.say(
            f"A card would have been shown at {report.alert_rate.value:.0%} of discharges (budget {report.alert_budget:.0%})"
        )
        if report.alerts is not None and report.alerts.ppv is not None:
            ppv = report.alerts.ppv
            self.say(
                f"Of {report.alerts.stays:,} with such a card and a known outcome {report.alerts.right:,} came back: "
                f"{ppv.value:.0%} ({ppv.ci[0]:.0%} to {ppv.ci[1]:.0%})"
            )
        causes = "; ".join(f"{count} × {cause}" for cause, count in sorted(skew.causes.items()))
        self.say(
            f"Bedside against history: {skew.different:,} of {skew.compared:,} feature values differ"
            + (f" ({causes})" if causes else "")
        )

    def card(self, card: Mapping[str, Any], *, true_risk: float) -> None:
        """The card, as a clinician would see it, and what the hospital's maker knows."""
        self._console.print(card_panel(card))
        self.say(f"(Only in a demo hospital is it known: the true risk of this patient is {true_risk:.0%}.)")

    def next_steps(
        self,
        *,
        card: Mapping[str, Any],
        url: str,
        request: Path,
        var: Path,
        log: Path,
        terminology: Path | None,
        once: bool,
    ) -> None:
        """Where to click, and what to type."""
        codes = f" KNOWDO_CDS_TERMINOLOGY={_typed(terminology)}" if terminology is not None else ""
        knowdo = f"KNOWDO_VAR={_typed(var)} KNOWDO_DEMO=true{codes} {how_to_call()}"
        self._console.print(Text("\nWhere next", style="bold"))
        for what, how in (
            ("The evidence behind the card", str(card["source"]["url"])),
            ("The registry: who agreed to what", f"{url}/registry/"),
            ("What an EHR can call", f"curl -s {url}/cds-services"),
            ("The same call again", f"{knowdo} cds call {_typed(request)} --service readmission-30d --url {url}"),
            ("MLflow: the run and the registered model", f"{knowdo} up --mlflow-ui"),
            ("Proof that the ledger is whole", f"{knowdo} registry verify"),
            ("What the services logged", _typed(log)),
        ):
            self._console.print(Text.assemble(f"  {what}\n    ", (how, "cyan")), soft_wrap=True)
        if once:
            self.say(f"These need the platform running (by the real clock): {knowdo} up")
        else:
            self.say(f"Serving at {url} (the bedside's clock stands at this discharge); stop with Ctrl-C")


def how_to_call() -> str:
    """How `knowdo` is called from the current folder: by its name if the shell finds it, else by its path."""
    beside = Path(sys.executable).parent / "knowdo"
    return _typed(beside) if shutil.which("knowdo") is None and beside.is_file() else "knowdo"


def _typed(path: Path) -> str:
    """The path as one would type it here: relative below the current folder, quoted where the shell needs it."""
    here = Path.cwd()
    return shlex.quote(os.path.relpath(path, here) if path.is_relative_to(here) else str(path))


class Bar:
    """One progress bar whose task may change on the way."""

    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)

    def advance(self, by: int = 1) -> None:
        """So much more is done."""
        self._progress.advance(self._task, by)

    def now(self, what: str, done: int, of: int) -> None:
        """What is being done, and how far it is."""
        self._progress.update(self._task, description=what, completed=done, total=of)
