"""`make bench`: each figure beside its floor, in one run on this machine. Nothing here is a test: machines differ."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SUPPORT2 = Path(__file__).resolve().parents[3] / "shared/data/support2/support2-fhir.tar.xz"
"""Real outcomes as FHIR, where the shared folder lies beside the project."""


def say(headline: str, *, as_json: bool) -> None:
    """A heading, at once."""
    (sys.stderr if as_json else sys.stdout).write(f"\n== {headline}\n")
    sys.stdout.flush()


def run(*words: str, quiet: bool = False) -> None:
    """One benchmark in a process of its own, so that none warms another up."""
    subprocess.run([sys.executable, "-m", *words], check=True, stdout=subprocess.DEVNULL if quiet else None)


def unpacked(archive: Path, folder: Path) -> Path:
    """The folder, with the archive's NDJSON files side by side in it."""
    folder.mkdir()
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile() and member.name.endswith(".ndjson") and (content := packed.extractfile(member)):
                with (folder / Path(member.name).name).open("wb") as file:
                    shutil.copyfileobj(content, file)
    return folder


def main() -> None:
    """A small hospital, the engine on it, and the cost of a governed call. `--json`: a line of JSON for each table."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--json", action="store_true", help="ingest, features, engines and one card only, one JSON object a line"
    )
    parser.add_argument("--patients", default="2000")
    parser.add_argument(
        "--peer", type=Path, default=Path("var/peer"), help="environment that HealthChain is installed into, once"
    )
    asked = parser.parse_args()
    form = ["--json"] if asked.json else []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "hospital"
        say(f"a demo hospital of {asked.patients} patients", as_json=asked.json)
        run("services.command", "demo", "hospital", "--patients", asked.patients, "--seed", "7", "--out", str(out),
            quiet=asked.json)  # fmt: skip
        say("the demo hospital's NDJSON to the event store", as_json=asked.json)
        run("tests.load.speed_of_ingest", str(out / "fhir"), *form)
        if SUPPORT2.is_file():
            say("SUPPORT2's NDJSON to the event store", as_json=asked.json)
            run("tests.load.speed_of_ingest", str(unpacked(SUPPORT2, Path(folder) / "support2")), *form)
        say("features of the shipped guidance, many rows and one", as_json=asked.json)
        run("tests.load.cost_of_features", str(out / "fhir"), *form)
        say("the same work in one process, in two, and by Spark", as_json=asked.json)
        run("tests.load.speed_of_engines", str(out / "fhir"), *form)
    if not asked.json:
        say("four times the patients; by hand up to a million: python -m tests.load.cost_of_scale", as_json=False)
        run("tests.load.cost_of_scale", "--patients", "10000", "40000")
        say("a retraining of the demo hospital", as_json=False)
        run("tests.load.speed_of_training")
    say("one card, once its risk is known", as_json=asked.json)
    run("tests.load.cost_of_a_card", *form)
    if asked.json:
        return
    say("what history costs a call", as_json=False)
    run("tests.load.cost_of_history", "--past", "100000")
    say("a governed call beside its floors and its peer", as_json=False)
    run("tests.load.cost_of_a_call", *(["--peer", str(asked.peer)] if asked.peer is not None else []))


if __name__ == "__main__":
    main()
