"""A real FHIR R4 server for tests: HAPI's JPA server in a process of its own. `python -m tests.fhir_servers.hapi_server` installs it.

It needs Maven and a JDK of 17 or later. What it is made of (about 330 MB) is kept in `~/.cache/knowdo-tests`, by the digest
of its sources; a machine without Java, or without a way to get it, is told so.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tests.cds.serving import free_port

PROJECT: Final = Path(__file__).parent / "hapi"
SOURCE: Final = PROJECT / "src/main/java/hospital/Hospital.java"
TOKEN: Final = "token-of-the-test-hospital"


class NotHere(Exception):
    """This machine cannot run the server; the text says what it lacks."""


@dataclass(frozen=True)
class Hospital:
    """A server that runs; `paged` holds the same records in pages of 5."""

    origin: str
    token: str = TOKEN

    @property
    def base(self) -> str:
        """Answers in one page what is asked for."""
        return f"{self.origin}/fhir"

    @property
    def paged(self) -> str:
        """Answers in pages of 5 at most."""
        return f"{self.origin}/paged"

    def load(self, resources: Sequence[dict[str, Any]]) -> None:
        """Put a record there, by one REST transaction."""
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"}
        request = urllib.request.Request(self.base, body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            said = json.load(answer)
        assert len(said["entry"]) == len(resources)

    def get(self, url: str) -> dict[str, Any]:
        """One answer, as an EHR gets it that prefetches."""
        request = urllib.request.Request(quote(url, safe=":/?&=,"), headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


def install() -> Path:
    """The folder with the server's classes and what they need, made if it is not there; NotHere says why not."""
    return assembled(PROJECT, SOURCE)


def assembled(project: Path, source: Path) -> Path:
    """The folder with the classes of a Java program and its libraries (`classes`, `lib`), kept by the digest of its sources."""
    for program in ("mvn", "javac", "java"):
        if shutil.which(program) is None:
            raise NotHere(f"needs {program}: apt-get install maven openjdk-17-jdk-headless")
    digest = hashlib.sha256((project / "pom.xml").read_bytes() + source.read_bytes()).hexdigest()[:16]
    cache = Path.home() / ".cache/knowdo-tests"
    cache.mkdir(parents=True, exist_ok=True)
    made = cache / f"{project.name}-{digest}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            making = cache / f"making-{digest}"
            shutil.rmtree(making, ignore_errors=True)
            libraries = f"-DoutputDirectory={making / 'lib'}"
            _run(
                "mvn",
                "-B",
                "-q",
                "-f",
                project / "pom.xml",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                libraries,
            )
            _run("javac", "-d", making / "classes", "-cp", f"{making / 'lib'}/*", source)
            making.rename(made)
    return made


@contextmanager
def hospital() -> Iterator[Hospital]:
    """A server with nothing in it, until the block ends."""
    made = install()
    port = free_port()
    command = [
        "java",
        "-Xmx1g",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{made / 'classes'}:{made / 'lib'}/*",
        "hospital.Hospital",
    ]
    process = subprocess.Popen(
        [*command, str(port), TOKEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:  # it logs there, too
            if line.strip() == b"ready":
                break
        else:
            raise NotHere("the server did not start")
        # What it logs further must not fill the pipe: it would wait there for ever.
        threading.Thread(target=shutil.copyfileobj, args=(process.stdout, _Nowhere()), daemon=True).start()
        yield Hospital(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


class _Nowhere:
    """Takes everything."""

    def write(self, data: bytes) -> int:
        return len(data)


def _run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, check=False)
    if done.returncode:
        raise NotHere(f"{command[0]} failed: {(done.stdout + done.stderr)[-500:].decode(errors='replace')}")


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{install()}\n")
    except NotHere as fault:
        raise SystemExit(str(fault)) from fault
