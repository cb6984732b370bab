"""The Grafana dashboard shows what is counted: nothing that is not there, and all that is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.reference_docs import REFERENCE
from tests.reference_metrics import WORDS, metrics

DASHBOARD = Path(__file__).resolve().parents[1] / "infra" / "dashboards" / "cds.json"
_NAME = re.compile(r"\bknowdo_\w+")
_LABELS = re.compile(r"\bby \(([^)]*)\)")
PARTS = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def queries() -> list[str]:
    """Every PromQL expression on it."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def scraped(name: str) -> str:
    """The metric that a scraped name belongs to."""
    histograms = {one.name for one in metrics() if one.kind == "histogram"}
    return next((name.removesuffix(part) for part in PARTS if name.removesuffix(part) in histograms), name)


def test_every_metric_on_the_dashboard_exists_with_its_labels(queries: list[str]) -> None:
    """A panel asks for a metric that the service has, by labels that this metric has."""
    known = {one.name: {*one.labels, "le"} for one in metrics()}
    for query in queries:
        names = {scraped(name) for name in _NAME.findall(query)}
        assert names, query
        for name in names:
            assert name in known, query
            by = {label.strip() for found in _LABELS.findall(query) for label in found.split(",")}
            chosen = set(re.findall(r"[{,](\w+)=~?\"", query))
            assert by | chosen <= known[name], query


def test_every_metric_is_on_the_dashboard_and_in_the_reference(queries: list[str]) -> None:
    """What is counted is shown somewhere and said what it is."""
    shown = {scraped(name) for query in queries for name in _NAME.findall(query)}
    page = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
    for one in metrics():
        assert one.name in shown, one.name
        assert f"| `{one.name}` | {one.kind} |" in page, one.name
        assert one.text, one.name


def test_panels_have_a_number_of_their_own_and_say_what_they_show() -> None:
    """Grafana needs distinct numbers; whoever is woken at night needs the sentence."""
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["type"] == "row" or panel["description"] for panel in panels)


def test_the_words_of_labels_belong_to_metrics() -> None:
    """The page lists words of labels that the metrics have."""
    labels = {one.name: one.labels for one in metrics()}
    assert all(label in labels[name] for name, label in WORDS)
