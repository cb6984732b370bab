"""Metrics of one process, and of several that are one service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from services.plumbing.metrics import SHARED, ServiceMetrics

COUNT = """
import sys
from services.plumbing.metrics import ServiceMetrics
metrics = ServiceMetrics("x")
metrics.counter("calls_total", "Calls").inc(2)
metrics.gauge("waiting", "Waiting", of_all="livesum").set(3)
print("counted", flush=True)
sys.stdin.read()
print(metrics.text().decode())
"""


def test_a_metric_is_described_under_the_name_it_is_scraped_by() -> None:
    """The reference page can be trusted: every name in it is in a scrape."""
    metrics = ServiceMetrics("x")
    metrics.counter("calls_total", "Calls", ("guidance",)).labels("g").inc()
    metrics.gauge("waiting", "Waiting", of_all="livesum").set(1)
    metrics.histogram("seconds", "Seconds").observe(0.1)
    text = metrics.text().decode()
    names = {one.name: one for one in metrics.described()}
    assert names.keys() == {
        "knowdo_x_calls_total", "knowdo_x_waiting", "knowdo_x_seconds", "knowdo_x_http_requests_total",
        "knowdo_x_http_request_seconds",
    }  # fmt: skip
    assert names["knowdo_x_calls_total"].labels == ("guidance",)
    assert 'knowdo_x_calls_total{guidance="g"} 1.0' in text
    assert "knowdo_x_waiting 1.0" in text
    assert "knowdo_x_seconds_count 1.0" in text


def test_processes_that_share_a_folder_are_scraped_as_one(tmp_path: Path) -> None:
    """Counters are summed and survive a process; what a process held is not said any more when it is dead."""
    command = [sys.executable, "-c", COUNT]
    env = {**os.environ, SHARED: str(tmp_path)}
    first, second = (
        subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    )
    for one in (first, second):
        assert one.stdout is not None
        assert one.stdout.readline() == "counted\n"
    both, _ = first.communicate(timeout=20)
    alone, _ = second.communicate(timeout=20)
    assert "knowdo_x_calls_total 4.0" in both
    assert "knowdo_x_waiting 6.0" in both
    assert "knowdo_x_calls_total 4.0" in alone
    assert "knowdo_x_waiting 3.0" in alone
