"""The log: JSON lines, request ids, nothing that identifies a patient."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from services.plumbing.logs import REQUEST_ID, get_logger

SCRIPT = """
import logging
from services.plumbing.logs import REQUEST_ID, configure_logs, get_logger
configure_logs(level="info")
log = get_logger("cds")
REQUEST_ID.set("r-1")
log.info("answered", route="/cds-services/{service_id}", status=200)
log.debug("not shown")
logging.getLogger("uvicorn.error").info("started %s", "well")
logging.getLogger("httpx").info("GET https://fhir.example/Patient?name=Chalmers")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("fault")
"""


def test_every_line_is_one_json_object_with_its_request() -> None:
    """Ours and the standard library's lines have one form; the HTTP client's URLs, which hold ids, are not logged."""
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["answered", "started well", "fault"]
    assert {line["request"] for line in lines} == {"r-1"}
    assert lines[0]["service"] == "cds"
    assert lines[0]["level"] == "info"
    assert lines[0]["at"].endswith("Z")
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert run.stdout == ""


def test_a_log_that_goes_to_a_file_still_shows_errors(tmp_path: Path) -> None:
    """Every line is in the file; only errors are on standard error as well."""
    file = tmp_path / "demo.log"
    script = SCRIPT.replace('level="info"', f'level="info", to=Path({str(file)!r})')
    script += 'logging.getLogger("uvicorn.error").error("fell")\n'
    run = subprocess.run(
        [sys.executable, "-c", "from pathlib import Path\n" + script], capture_output=True, text=True, check=True
    )
    kept = [json.loads(line)["event"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert kept == ["answered", "started well", "fault", "fell"]
    assert [json.loads(line)["event"] for line in run.stderr.splitlines()] == ["fault", "fell"]


def test_what_packs_headers_and_knows_urls_is_quiet_at_every_level() -> None:
    """At debug the packer of HTTP/2 headers logs each of them, a token for a FHIR server among them."""
    script = """
import logging
from services.plumbing.logs import configure_logs
configure_logs(level="debug")
for name in ("hpack.hpack", "hpack.table", "httpx", "httpcore.http2"):
    logging.getLogger(name).debug("Adding (b'authorization', b'Bearer t0ken') to the header table")
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stderr + run.stdout == ""


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    """The work that is told of goes on; how many lines were lost, and every later line, is in the log again."""
    script = """
import resource
from services.plumbing.logs import configure_logs, get_logger
configure_logs(level="info")
log = get_logger("cds")
log.info("before")
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
log.info("lost"); log.info("lost, too")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.info("after")
"""
    with tempfile.TemporaryFile() as log:
        subprocess.run([sys.executable, "-c", script], stderr=log, check=True)
        log.seek(0)
        lines = [json.loads(line) for line in log.read().splitlines() if line]
    assert [line["event"] for line in lines] == ["before", "log lines were lost", "after"]
    assert lines[1]["lines"] == 2


def test_importing_the_door_configures_nothing() -> None:
    """A library's import leaves the logging of its host alone."""
    handlers = list(logging.getLogger().handlers)
    assert REQUEST_ID.get() == ""
    get_logger("cds")
    assert logging.getLogger().handlers == handlers
