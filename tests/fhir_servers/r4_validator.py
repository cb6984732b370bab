"""HAPI's instance validator over FHIR R4 (4.0.1), in a process of its own: the judge of what we call R4.

It needs Maven and a JDK, as the server beside it does; what it is made of (about 150 MB) is kept in the same place.
`python -m tests.fhir_servers.r4_validator` installs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.fhir_servers.hapi_server import NotHere, assembled

PROJECT: Final = Path(__file__).parent / "validator"
SOURCE: Final = PROJECT / "src/main/java/validator/Validate.java"


@dataclass(frozen=True)
class Message:
    """One thing that the validator says about a resource."""

    resource: str
    severity: str
    place: str
    text: str


def judged(resources: Iterable[dict[str, Any]]) -> list[Message]:
    """What the validator says about each resource; NotHere if this machine cannot run it."""
    made = assembled(PROJECT, SOURCE)
    asked = list(resources)
    command = [
        "java",
        "-Xmx1g",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{made / 'classes'}:{made / 'lib'}/*",
        "validator.Validate",
    ]
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    done = subprocess.run(command, input=lines.encode(), capture_output=True, check=False, timeout=240)
    answers = done.stdout.decode().split("done\n")
    if done.returncode or len(answers) != len(asked) + 1:
        raise NotHere(f"the validator failed: {done.stderr[-500:].decode(errors='replace')}")
    return [
        Message(f"{one['resourceType']}/{one.get('id', '')}", *line.split("\t", 2))
        for one, answer in zip(asked, answers, strict=False)
        for line in answer.splitlines()
    ]


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{assembled(PROJECT, SOURCE)}\n")
    except NotHere as fault:
        raise SystemExit(str(fault)) from fault
