"""The report at a terminal: what is not kept, what is a warning, how much was seen of each section."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cds.conformance.report import VERDICTS, Report, Result
from services.cds.conformance.requirements import REQUIREMENTS
from services.cds.conformance.wording import MARKS, WORDS, sentence

STYLES: Final = {"pass": "green", "fail": "bold red", "warn": "yellow", "skipped": "magenta"}


def show_report(report: Report, console: Console) -> None:
    """Print the table of sections, then every fault and warning with its item, then the answer in a sentence."""
    console.print(_table(report))
    for verdict in ("fail", "warn"):
        for result in report.results:
            if result.verdict == verdict:
                _show_result(result, console)
    for reason, number in Counter(one.reason for one in report.results if one.verdict == "skipped").most_common():
        console.print(Text(f"{MARKS['skipped']} {number} not made: {reason}", style=STYLES["skipped"]))
    console.print(Text(sentence(report), style="bold"))


def _table(report: Report) -> Table:
    table = Table(title=f"CDS Hooks at {report.base_url}", title_justify="left")
    table.add_column("section")
    for verdict in VERDICTS:
        table.add_column(f"{MARKS[verdict]} {WORDS[verdict].lower()}", justify="right", style=STYLES[verdict])
    sections = dict.fromkeys(requirement.section for requirement in REQUIREMENTS.values())
    for section in sections:
        counts = Counter(
            result.verdict for result in report.results if REQUIREMENTS[result.items[0]].section == section
        )
        if counts:
            table.add_row(section, *(str(counts[verdict] or "") for verdict in VERDICTS))
    return table


def _show_result(result: Result, console: Console) -> None:
    where = f" [{result.service}]" if result.service else ""
    head = f"{MARKS[result.verdict]} {result.level} {', '.join(result.items)}: {result.claim}{where} ({result.check})"
    console.print(Text(head, style=STYLES[result.verdict]))
    for fault in result.faults:
        console.print(Text(f"    {fault}"), soft_wrap=True)
