"""Worker processes, or none: the same calls run in this process when one worker is asked for.

Workers are started afresh (spawn), so they are safe under threads, servers and tests; what goes to them and comes back
is small or is a file.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from services.guidance.errors import Unavailable

A = TypeVar("A")
R = TypeVar("R")


class Pool:
    """Runs functions of one argument, here or in worker processes."""

    def __init__(self, executor: ProcessPoolExecutor | None, workers: int) -> None:
        self._executor = executor
        self.workers = workers

    def submit(self, function: Callable[[A], R], item: A) -> Future[R]:
        """Begin a task; without workers it is done at once."""
        if self._executor is not None:
            return self._executor.submit(function, item)
        done: Future[R] = Future()
        done.set_result(function(item))
        return done

    def result(self, future: Future[R]) -> R:
        """The result of a task; a worker that died (mostly for want of memory) is said."""
        try:
            return future.result()
        except BrokenProcessPool as fault:
            raise Unavailable(
                "a worker process ended before its work was done, most likely for want of memory",
                remedy="Try again with fewer workers (`--workers 1`); nothing was changed",
            ) from fault

    def map_in_order(self, function: Callable[[A], R], items: Iterable[A]) -> Iterator[R]:
        """Each item's result, in the order of the items, with few tasks under way."""
        waiting: list[Future[R]] = []
        for item in items:
            waiting.append(self.submit(function, item))
            if len(waiting) > 2 * self.workers:
                yield self.result(waiting.pop(0))
        for future in waiting:
            yield self.result(future)


@contextmanager
def worker_pool(workers: int) -> Iterator[Pool]:
    """So many workers; one means this very process."""
    if workers <= 1:
        yield Pool(None, 1)
        return
    # Forking a process with threads (Arrow has some) can hang; spawning cannot.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as executor:
        try:
            yield Pool(executor, workers)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """A worker whose parent was killed ends too; without this it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent,), daemon=True).start()


def _wait_and_exit(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
