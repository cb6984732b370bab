"""`make bench`: each figure beside its floor, in one run on this machine. Nothing here is a test: machines differ."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path


def say(headline: str) -> None:
    """A heading, at once."""
    sys.stdout.write(f"\n== {headline}\n")
    sys.stdout.flush()


def run(*words: str) -> None:
    """One benchmark in a process of its own, so that none warms another up."""
    subprocess.run([sys.executable, "-m", *words], check=True)


def main() -> None:
    """A small hospital, the engine on it, and the cost of a governed call."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "hospital"
        say("a demo hospital of 300 patients")
        run("services.command", "demo", "hospital", "--patients", "300", "--seed", "7", "--out", str(out))
        say("resources to events to a timeline (floor: the typed decode alone; target: 150,000 resources/s a core)")
        run("tests.load.speed_of_flatten", str(out / "fhir"))
        say("features of the shipped guidance (target: 30 features at 1,000,000 rows in under 60 s)")
        run("tests.load.cost_of_features", str(out / "fhir"), "1000000")
    say("a governed call, no JWT, 8 connections (floor: 0.57 ms receive and decode; target 1.2 ms CPU)")
    run("tests.load.cost_of_a_call", "--requests", "1000")
    say("a governed call, ES384, 8 connections (target 2.0 ms CPU)")
    run("tests.load.cost_of_a_call", "--requests", "1000", "--jwt")


if __name__ == "__main__":
    main()
