"""The reference page of the metrics: what a CDS service that was started has to count, and what its labels can be."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from services.cds.advice.suppress import SUPPRESSED_BY
from services.cds.app import create_app
from services.cds.callers.refusal import REASONS
from services.cds.decisions.decision import Status
from services.cds.decisions.feedback import OUTCOMES
from services.cds.settings import CdsSettings
from services.plumbing.fhir_answer import Problem
from services.plumbing.metrics import SHARED, Described

WORDS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("knowdo_cds_decisions_total", "status"): get_args(Status),
    ("knowdo_cds_suppressed_total", "reason"): SUPPRESSED_BY,
    ("knowdo_cds_feedback_total", "outcome"): tuple(sorted(OUTCOMES)),
    ("knowdo_cds_refused_tokens_total", "reason"): REASONS,
    ("knowdo_cds_fetches_total", "outcome"): ("answered", *get_args(Problem)),
}
"""The closed sets of words among the labels."""


@functools.cache
def metrics() -> tuple[Described, ...]:
    """Every metric of the CDS service, as it stands when the service has started."""

    async def started(var: Path) -> tuple[Described, ...]:
        app = create_app(CdsSettings(var=var, demo=True))
        async with app.router.lifespan_context(app):
            return tuple(app.state.metrics.described())

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(started(Path(folder)))


def page(note: str) -> str:
    """docs/reference/metrics.md."""
    lines = [
        note,
        "# Metrics",
        "",
        "The CDS service says these at `/metrics`, for Prometheus. No label holds anything of a patient, a user or a path as it was",
        "asked for. Registry and learner say `knowdo_registry_http_…` and `knowdo_learner_http_…` alike. With several workers one",
        f"scrape answers for all: they count in a folder in memory, or in the one that `{SHARED}` names (empty it before a start).",
        "",
        "| metric | kind | labels | what it is |",
        "|---|---|---|---|",
    ]
    for one in metrics():
        labels = ", ".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.text} |")
    lines += ["", "A histogram is scraped as `_bucket`, `_sum` and `_count`.", "", "## Words of the labels", ""]
    lines += ["| metric | label | words |", "|---|---|---|"]
    for (name, label), words in WORDS.items():
        lines.append(f"| `{name}` | `{label}` | {', '.join(words)} |")
    return "\n".join(lines) + "\n"
