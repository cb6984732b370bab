"""The reports of evidence: complete and possible, or refused with the path of what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.guidance.evidence import Evaluation, SilentMonth, decode_report, encode_report
from services.timeline.errors import BadInput
from tests.registry.samples import evaluation, silent_month


def test_both_reports_come_back_as_they_were() -> None:
    """Writing and reading loses nothing, and writes canonical JSON."""
    training, silent = encode_report(evaluation()), encode_report(silent_month())
    assert decode_report(training, Evaluation, place="x") == evaluation()
    assert decode_report(silent, SilentMonth, place="x") == silent_month()
    for data in (training, silent):
        assert json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == data


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chosen": "neural"}, "not among `models`"),
        ({"rows": -1}, "rows"),
        ({"from": None}, "from"),
    ],
)
def test_an_impossible_training_report_is_refused(change: dict[str, Any], said: str) -> None:
    """One clear fault that names what cannot be."""
    content = {**json.loads(encode_report(evaluation())), **change}
    with pytest.raises(BadInput, match=said):
        decode_report(json.dumps(content).encode(), Evaluation, place="evaluation.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"events": 10**6}, "`events` <= `matured`"),
        ({"alert_rate": {"value": 0.1, "ci": [0.2, 0.1]}}, "the lower one first"),
        ({"alert_rate": 0.1}, "alert_rate"),
        ({"skew": {"compared": 1, "different": 2}}, "cannot exceed"),
    ],
)
def test_an_impossible_silent_report_is_refused(change: dict[str, Any], said: str) -> None:
    """A number without its interval, more events than outcomes, an interval upside down: refused."""
    content = {**json.loads(encode_report(silent_month())), **change}
    with pytest.raises(BadInput, match=said):
        decode_report(json.dumps(content).encode(), SilentMonth, place="silent.json")


def test_differences_without_a_cause_are_counted() -> None:
    """Only what has a named cause is explained."""
    assert silent_month(different=5, causes={"late result": 3}).skew.unexplained == 2
