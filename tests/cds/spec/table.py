"""The table item → requirement → test → result: collected from the tests' names, written with what they last gave.

    python -m tests.cds.spec.table --write

runs the tests and writes docs/reference/cds-hooks-conformance.md; `test_table.py` fails when the page is out of date.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from services.cds.conformance.requirements import REQUIREMENTS, Requirement
from services.cds.conformance.run import CHECKS

HERE: Final = Path(__file__).parent
PROJECT: Final = HERE.parents[2]
PAGE: Final = PROJECT / "docs" / "reference" / "cds-hooks-conformance.md"
NOTE: Final = "<!-- Written from the tests by `python -m tests.cds.spec.table --write`; a test fails when it is out of date. -->\n"
MARKED: Final = {
    "1": ("by design", "the service speaks HTTP on a private address, and a TLS proxy stands before it"),
    "16": ("client's duty", "the client makes it; it is kept for tracing and opens nothing"),
    "54": ("by design", "the proxy's, before a request reaches the service; in addition to the JWT, never instead"),
}
"""Items that are not ours alone to keep, and why; every other one is a test."""
RESULTS: Final = {"passed": "✓ passed", "failed": "✕ failed", "skipped": "– skipped"}
_ROW: Final = re.compile(r"`(test_item_\w+)`[^|]*?\| ([✓✕–] \w+) \|")


@dataclass(frozen=True, slots=True)
class ItemTest:
    """One test of an item: where it is, what it is called, what it claims."""

    file: str
    name: str
    claim: str

    @property
    def item(self) -> str:
        """The number in its name."""
        return str(int(self.name.split("_")[2]))


def collected() -> dict[str, list[ItemTest]]:
    """Item → its tests, read from the files without running them."""
    found: dict[str, list[ItemTest]] = {}
    for file in sorted(HERE.glob("test_items_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_item_"):
                claim = (ast.get_docstring(node) or "").partition("\n")[0]
                test = ItemTest(str(file.relative_to(PROJECT)), node.name, claim)
                found.setdefault(test.item, []).append(test)
    return found


def page(results: Mapping[str, str]) -> str:
    """The whole page; `results`: test → what it gave (passed, failed, skipped)."""
    tests = collected()
    lines = [
        NOTE,
        "# Conformance to CDS Hooks, item by item",
        "",
        "Every numbered item of what binds a CDS service, the test that holds this service to it, and what that test gave when this page was written.",
        "`make test` runs the same tests. *By design* and *client's duty* say what is not ours alone to keep, and are tested as far as anything can be.",
        "The last column names the checks of `knowdo cds check`, which hold any service to the same item from outside ([how](../guides/ehr-integrator.md)).",
        "",
    ]
    section = ""
    for number, requirement in REQUIREMENTS.items():
        if requirement.section == "Inferno":
            continue
        if requirement.section != section:
            section = requirement.section
            head = [
                "| item | requirement | marked | test | result | checks from outside |",
                "|---|---|---|---|---|---|",
            ]
            lines += [*([""] if lines[-1] else []), f"## {section}", "", *head]
        lines += _rows(requirement, tests.get(number, []), results)
    return "\n".join([*lines, "", *_inferno(), ""])


def _rows(requirement: Requirement, tests: Sequence[ItemTest], results: Mapping[str, str]) -> Iterator[str]:
    number = requirement.number
    mark, why = MARKED.get(number, ("test", ""))
    checks = ", ".join(f"`{one.name}`" for one in CHECKS.values() if number in one.items)
    seen = checks or f"{requirement.marked}: {requirement.why}"
    for place, test in enumerate(tests):
        text = f"{requirement.text} ({requirement.level}; {requirement.source})" if place == 0 else ""
        told = f"{mark}: {why}" if why and place == 0 else mark
        link = f"[`{test.name}`](../../{test.file}) {_cell(test.claim)}"
        result = RESULTS.get(results.get(test.name, ""), "– not run")
        yield f"| {number} | {_cell(text)} | {told} | {link} | {result} | {seen if place == 0 else ''} |"


def _inferno() -> Iterator[str]:
    yield "## Inferno's items that bind any service"
    yield ""
    yield "| item | requirement | checks from outside |"
    yield "|---|---|---|"
    for number, requirement in REQUIREMENTS.items():
        if requirement.section == "Inferno":
            checks = ", ".join(f"`{one.name}`" for one in CHECKS.values() if number in one.items)
            yield f"| {number} | {_cell(requirement.text)} ({requirement.source}) | {checks} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def results_of(text: str) -> dict[str, str]:
    """Test → result, as a page that was written says."""
    words = {shown: result for result, shown in RESULTS.items()}
    return {name: words[shown] for name, shown in _ROW.findall(text) if shown in words}


class Results:
    """A pytest plugin that keeps the worst outcome of each test function."""

    ORDER = ("passed", "skipped", "failed")

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A failed set-up is a failed test; a set-up or tear-down that passes says nothing."""
        if report.when != "call" and report.outcome == "passed":
            return
        name = report.nodeid.rpartition("::")[2].partition("[")[0]
        worst = max(self.found.get(name, "passed"), report.outcome, key=self.ORDER.index)
        self.found[name] = worst


def main() -> int:
    """Run the tests of the items and write the page, or only say what they give."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/reference/cds-hooks-conformance.md")
    options = parser.parse_args()
    results = Results()
    files = [str(file) for file in sorted(HERE.glob("test_items_*.py"))]
    pytest.main(["-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", *files], plugins=[results])
    if options.write:
        PAGE.write_text(page(results.found), encoding="utf-8")
        sys.stdout.write(f"wrote {PAGE.relative_to(PROJECT)}\n")
    failed = sorted(name for name, outcome in results.found.items() if outcome == "failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
