"""What a report says in words and marks: never by colour alone."""

from __future__ import annotations

from typing import Final

from services.cds.conformance.report import Report

MARKS: Final = {"pass": "✓", "fail": "✕", "warn": "▲", "skipped": "–", "not checked": "–"}
WORDS: Final = {
    "pass": "Kept", "fail": "Not kept", "warn": "Warning", "skipped": "Not looked at", "not checked": "Not checked",
}  # fmt: skip


def sentence(report: Report) -> str:
    """What came of it, in a sentence or two."""
    counts = report.counts
    made = counts["pass"] + counts["fail"] + counts["warn"]
    if made == 0:
        return "Nothing could be looked at."
    if counts["fail"]:
        said = f"No: {counts['fail']} of {made} checks found a SHALL that is not kept."
    else:
        said = f"Yes: none of {made} checks found a SHALL that is not kept."
    warned = f" {counts['warn']} warned of a SHOULD." if counts["warn"] else ""
    skipped = f" {counts['skipped']} could not be made, each for the reason given." if counts["skipped"] else ""
    return said + warned + skipped
