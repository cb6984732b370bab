"""What the learner's commands share: their options, how they reach the registry, and how they print JSON."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from services.learner.proposal import Registry
from services.learner.settings import LearnerSettings
from services.timeline.errors import BadInput

StoreOption = Annotated[Path | None, typer.Option(help="Folder of the event store (KNOWDO_LEARNER_STORE)")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output")
]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Worker processes; one for each core if left out")]
UrlOption = Annotated[str, typer.Option(help="Address of the registry (KNOWDO_LEARNER_REGISTRY_URL)")]
TokenOption = Annotated[Path | None, typer.Option(help="File with the token to show (KNOWDO_LEARNER_TOKEN_FILE)")]
AuthorOption = Annotated[str, typer.Option(help="Who proposes; that person cannot vote on it")]


def registry_of(settings: LearnerSettings, url: str, token_file: Path | None) -> Registry:
    """The registry that the options or the settings name."""
    token = settings.token.get_secret_value() if settings.token else None
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except OSError as fault:
            raise BadInput(f"cannot be read ({fault.strerror})", place=str(token_file)) from fault
    return Registry(url=url or settings.registry_url, token=token)


def author_of(said: str) -> str:
    """Who proposes: as said, else the user of this machine."""
    author = said or os.environ.get("USER", "")
    if not author:
        raise BadInput("nobody is named as the author", place="--author", remedy="Give --author NAME")
    return author


def print_json(content: Any) -> None:
    """The result, and nothing else, on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n")
