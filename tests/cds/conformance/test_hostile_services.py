"""The checks against services that answer anything at all: the run ends with a report, never with a traceback."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cds.conformance.checks import CHECKS, NoAnswer
from services.cds.conformance.exchange import Recorder
from services.cds.conformance.report import Report, as_json_text
from services.cds.conformance.report_html import report_page
from services.cds.conformance.run import examine
from services.cds.conformance.target import Target

FIELDS = (
    "services", "hook", "id", "title", "description", "prefetch", "version", "usageRequirements", "extension", "cards",
    "systemActions", "uuid", "summary", "detail", "indicator", "source", "label", "url", "icon", "topic", "code",
    "system", "display", "suggestions", "selectionBehavior", "isRecommended", "actions", "type", "resource",
    "resourceType", "resourceId", "overrideReasons", "links", "appContext", "autolaunchable", "issue", "severity",
    "diagnostics",
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**200), st.floats(allow_nan=False), st.text(max_size=20),
    st.sampled_from(["patient-view", "a-service", "create", "delete", "absolute", "at-most-one", "{{", "}}", "http://["]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=25,
)
READING = [one.name for one in CHECKS.values() if one.area in {"discovery", "shapes", "answers", "cors"}]
READING += ["accepted_is_taken", "full_prefetch_is_answered", "a_412_says_what_is_missing"]
"""Checks that read what a service says; the others look at its status."""
ENTRY = {
    "id": "a-service",
    "hook": "patient-view",
    "description": "x",
    "prefetch": {"patient": "Patient/{{context.patientId}}"},
}


def examined(status: int, body: bytes, *only: str, kind: str = "application/json") -> Report:
    """A run against a service that gives one answer to everything."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers={"content-type": kind})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        return examine(Target(base="http://127.0.0.1:1", record=Recorder(http, seconds=5)), only=only)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cards=VALUES, more=VALUES)
def test_whatever_json_a_service_says_the_run_ends_with_a_report(cards: Any, more: Any) -> None:
    """Cards, services and errors of any shape."""
    said = {**(more if isinstance(more, dict) else {}), "services": [ENTRY, more], "cards": cards}
    report = examined(200, json.dumps(said).encode(), *READING)
    assert sum(report.counts.values()) == len(report.results) > 0
    assert json.loads(as_json_text(report))
    assert report_page(report).startswith("<!doctype html>")


BODIES = [b"", b"null", b"7", b"\xff\xfe", b"<html>", b"[" * 50_000, b'{"services": 7}']


@pytest.mark.parametrize(
    ("status", "body"),
    [*((200, body) for body in BODIES), *((status, b"[]") for status in (200, 204, 301, 401, 404, 500))],
)
def test_whatever_a_service_says_that_is_no_service_is_not_called_kept(status: int, body: bytes) -> None:
    """No discovery, no services: the run fails or could see nothing, and says so."""
    report = examined(status, body, kind="text/plain")
    assert not report.passed


def test_a_service_that_drops_every_call_is_found() -> None:
    """Discovery answers and then nothing does: a fault of each check that asked, not of the run."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            raise httpx.ReadError("gone")
        return httpx.Response(200, json={"services": [ENTRY]})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        report = examine(Target(base="http://127.0.0.1:1", record=Recorder(http, seconds=5)))
    (answered,) = [one for one in report.results if one.check == "full_prefetch_is_answered"]
    assert answered.verdict == "fail"
    assert "no answer to POST" in answered.faults[0]


def test_an_answer_without_end_is_cut() -> None:
    """More than five megabytes is no answer."""
    huge = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * 5_000_001))
    with httpx.Client(transport=huge) as http, pytest.raises(NoAnswer, match="ReadError"):
        Recorder(http, seconds=5).send("GET", "https://x.example", headers={})
