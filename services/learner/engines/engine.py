"""What an engine is: something that applies a function to many items, in order. Three are known, and one is chosen by name.

They differ in nothing but where the work is done: the same functions, the same order, the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, Protocol, TypeVar

from services.learner.workers import worker_pool
from services.timeline.errors import BadInput

A = TypeVar("A")
R = TypeVar("R")

EngineName = Literal["embedded", "processes", "spark"]
ENGINES: Final[tuple[EngineName, ...]] = ("embedded", "processes", "spark")
HERE: Final = "local[*]"
"""The Spark master that is this very machine, every core."""


class Engine(Protocol):
    """Applies functions of one argument to many items."""

    def map_in_order(self, function: Callable[[A], R], items: Iterable[A], /) -> Iterator[R]:
        """Each item's result, in the order of the items, with few tasks under way."""


@contextmanager
def open_engine(name: EngineName, *, workers: int | None = None, master: str = HERE) -> Iterator[Engine]:
    """The engine of that name: `workers` are those of a process pool, `master` is that of Spark."""
    if name == "spark":
        from services.learner.engines.spark_engine import SparkEngine
        from services.plumbing.spark import spark_cluster

        with spark_cluster(master or HERE) as cluster:
            yield SparkEngine(cluster)
        return
    if name not in ENGINES:
        raise BadInput(f"no engine `{name}`", place="--engine", remedy=f"Choose one of {', '.join(ENGINES)}")
    with worker_pool(1 if name == "embedded" else workers or len(os.sched_getaffinity(0))) as pool:
        yield pool
