"""The learner's work done by Apache Spark: wave after wave of tasks, two waves under way, results in order.

Each task is a message in Arrow, and so is each result. What is too large to go through the JVM lies on the storage that all
machines share, where the store is: a task that brings much with it names its folder (`staging`), and is removed from it once
its result is here. Memory is bounded by the waves.
"""

from __future__ import annotations

import importlib
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec
import pyarrow as pa

from services.guidance.errors import Refused, Unavailable
from services.learner.engines.exchange import opened, said, takes_and_gives, understood
from services.timeline.errors import BadInput, KnowdoError

A = TypeVar("A")
R = TypeVar("R")

TASKS_A_CORE: Final = 4
"""So many tasks of a wave for each core: fewer, and starting jobs is what takes the time."""
UNDER_WAY: Final = 2
"""Waves: while the end of one leaves cores idle, the next one takes them."""
SMALL: Final = 2**18
"""A message larger than this lies in a file, if its task says where."""
RAISED: Final = {kind.__name__: kind for kind in (KnowdoError, BadInput, Refused, Unavailable)}


class Applies(Protocol):
    """What a Spark cluster can do (`plumbing.spark.Cluster`)."""

    cores: int

    def map(self, function: Callable[[bytes], bytes | memoryview], messages: list[bytes], /) -> list[bytes]:
        """The answer to each message."""

    def cancel(self) -> None:
        """End what is under way."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker raised for a person to act on."""

    kind: str
    message: str
    place: str
    remedy: str


class SparkEngine:
    """Applies functions of this project to items, on a cluster."""

    def __init__(self, cluster: Applies) -> None:
        self._cluster = cluster

    def map_in_order(self, function: Callable[[A], R], items: Iterable[A], /) -> Iterator[R]:
        """Each item's result, in the order of the items."""
        _, gives = takes_and_gives(function)
        waiting: deque[tuple[list[Message], Future[list[bytes]]]] = deque()
        coming = iter(items)
        with ThreadPoolExecutor(UNDER_WAY) as threads:
            try:
                while wave := [Message.of(function, one) for one in islice(coming, TASKS_A_CORE * self._cluster.cores)]:
                    waiting.append((wave, threads.submit(self._cluster.map, work, [one.content for one in wave])))
                    if len(waiting) > UNDER_WAY:
                        yield from _results(*waiting.popleft(), gives)
                while waiting:
                    yield from _results(*waiting.popleft(), gives)
            except BaseException:
                self._cluster.cancel()
                raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A task on its way, and the file that holds it, if one does."""

    content: bytes
    file: Path | None = None

    @classmethod
    def of(cls, function: Callable[[Any], Any], item: Any) -> Message:
        """Say a task: in itself if it is small, else in a file of the folder that it names."""
        name = f"{function.__module__}:{function.__qualname__}"
        content, staging = said(item, function=name), getattr(item, "staging", "")
        if content.size <= SMALL or not staging:
            return cls(content=content.to_pybytes())
        file = Path(staging) / f"task-{secrets.token_hex(8)}.arrow"
        with file.open("wb") as out:
            out.write(content)
        return cls(content=said(file, function=name, lies="in a file").to_pybytes(), file=file)


def work(message: bytes) -> memoryview:
    """Do one task. Runs in the executors."""
    batch, notes = opened(message)
    if "lies" in notes:
        batch, _ = opened(pa.memory_map(str(understood(batch, Path))).read_buffer())
    module, _, name = notes["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    takes, _ = takes_and_gives(function)
    try:
        return memoryview(said(function(understood(batch, takes)), packed=True))
    except KnowdoError as fault:
        kind = next(kind.__name__ for kind in type(fault).__mro__ if kind.__name__ in RAISED)
        failure = Failure(kind=kind, message=fault.message, place=fault.place, remedy=fault.remedy)
        return memoryview(said(failure, failed="yes"))


def _results(wave: list[Message], answers: Future[list[bytes]], gives: Any) -> Iterator[Any]:
    """The results of a wave, once all are there; what held its tasks is removed."""
    try:
        contents = answers.result()
    finally:
        for message in wave:
            if message.file is not None:
                message.file.unlink(missing_ok=True)
    for content in contents:
        batch, notes = opened(content)
        if "failed" in notes:
            failure = understood(batch, Failure)
            raise RAISED[failure.kind](failure.message, place=failure.place, remedy=failure.remedy)
        yield understood(batch, gives)
