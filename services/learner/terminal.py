"""What the learner's commands share: their options, how they reach the registry, and how they print JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from services.learner.engines.engine import Engine, EngineName, open_engine
from services.learner.proposal import Registry
from services.learner.settings import LearnerSettings
from services.timeline.errors import BadInput

StoreOption = Annotated[Path | None, typer.Option(help="Folder of the event store (KNOWDO_LEARNER_STORE)")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on standard output")
]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Worker processes; one for each core if left out")]
EngineOption = Annotated[
    EngineName | None,
    typer.Option(
        help="Where the work is done; the result is the same bytes. Default: processes (KNOWDO_LEARNER_ENGINE)"
    ),
]
MasterOption = Annotated[
    str, typer.Option(help="Master of Spark, such as local[2] or spark://HOST:7077 (KNOWDO_LEARNER_SPARK_MASTER)")
]
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
    return Registry(
        url=url or settings.registry_url,
        token=token,
        key_file=settings.key_file if token_file is None else None,
        client=settings.registry_client,
        audience=settings.registry_audience,
    )


def author_of(said: str) -> str:
    """Who proposes: as said, else the user of this machine."""
    author = said or os.environ.get("USER", "")
    if not author:
        raise BadInput("nobody is named as the author", place="--author", remedy="Give --author NAME")
    return author


def print_json(content: Any) -> None:
    """The result, and nothing else, on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n")


@contextmanager
def engine_of(
    settings: LearnerSettings, name: EngineName | None, master: str, workers: int | None
) -> Iterator[Engine | None]:
    """The engine that the options or the settings name; None: worker processes, as many as the work needs.

    A master means Spark; an engine that is named with a master of none is a slip, and said.
    """
    named = name or ("spark" if master else settings.engine)
    if master and named != "spark":
        raise BadInput(f"a master, but the engine is `{named}`", place="--master", remedy="Add --engine spark")
    if named == "processes":
        yield None
        return
    with open_engine(named, workers=workers, master=master or settings.spark_master) as engine:
        yield engine
