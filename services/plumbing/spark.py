"""The door to Apache Spark: a cluster that applies a function to messages. The only place where PySpark is imported.

Spark carries bytes from here to there and does not look into them. How many run at once, where, and what is done again
when a machine is lost, is its business.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import pyarrow as pa

from services.guidance.errors import Unavailable

Function = Callable[[bytes], bytes | memoryview]
PIECE: Final = 32 * 2**20
"""An answer goes through the JVM in pieces of this size: it copies each a few times, and refuses one of 2 GiB."""
_TASKS: Final = pa.schema([("number", pa.int64()), ("message", pa.binary())])
_ANSWERS: Final = "number bigint, piece int, content binary"
_CONFIGURATION: Final = {
    "spark.ui.enabled": "false",  # it would listen on every address
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.leafNodeDefaultParallelism": "65536",  # each message is a task of its own
    "spark.sql.execution.arrow.localRelationThreshold": "64m",  # nor are small messages put together
    "spark.sql.adaptive.enabled": "false",  # there is nothing to plan
}


class Cluster:
    """A Spark session."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.cores: int = session.sparkContext.defaultParallelism

    def map(self, function: Function, messages: Sequence[bytes]) -> list[bytes]:
        """The answer to each message, in their order; each message is a task. Several threads may call this at once."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        numbers = pa.array(range(len(messages)), pa.int64())
        asked = pa.table([numbers, pa.array(messages, pa.binary())], schema=_TASKS)
        try:
            frame = self._session.createDataFrame(asked).mapInArrow(partial(_answered, function), _ANSWERS)
            answers = frame.toArrow()
        except (PySparkException, Py4JError) as fault:
            # Its text may hold anything that a program says when it fails, and so what is in the data.
            raise Unavailable(
                f"Spark did not finish the work ({type(fault).__name__})",
                remedy="The log of the Spark driver and its executors says why: memory, or a folder that one of them does not see",
            ) from None
        answers = answers.sort_by([("number", "ascending"), ("piece", "ascending")])
        pieces: list[list[bytes]] = [[] for _ in messages]
        for number, content in zip(
            answers.column("number").to_pylist(), answers.column("content").to_pylist(), strict=True
        ):
            pieces[number].append(content)
        return [b"".join(of_one) for of_one in pieces]

    def cancel(self) -> None:
        """End what is under way."""
        self._session.sparkContext.cancelAllJobs()


def _answered(function: Function, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Answer each message of some batches. Runs in the executors."""
    for batch in batches:
        for number, message in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
            answer = memoryview(function(message))
            for piece, begin in enumerate(range(0, max(len(answer), 1), PIECE)):
                yield pa.RecordBatch.from_arrays(
                    [
                        pa.array([number], pa.int64()),
                        pa.array([piece], pa.int32()),
                        pa.array([answer[begin : begin + PIECE]], pa.binary()),
                    ],
                    names=["number", "piece", "content"],
                )


@contextmanager
def spark_cluster(master: str) -> Iterator[Cluster]:
    """A session on this master, ended at the end; one that is there already (a notebook's) is used and left alone."""
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as fault:
        raise Unavailable(
            f"Apache Spark is not installed ({fault.name} is missing)",
            remedy="Install it with `pip install 'knowdo[spark]'`, or leave --engine out",
        ) from fault
    if (running := SparkSession.getActiveSession()) is not None:
        yield Cluster(running)
        return
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise Unavailable(
            "Apache Spark needs Java, and there is none", remedy="Install Java 17 or newer, a JRE is enough"
        )
    here = master.startswith("local")
    builder = SparkSession.builder.master(master).appName("knowdo-learner")
    for name, value in _CONFIGURATION.items():
        builder = builder.config(name, value)
    if here:
        # Nobody else need reach it, and its workers are this very Python.
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        session = builder.getOrCreate()
    except (PySparkException, Py4JError, OSError) as fault:
        raise Unavailable(
            f"no Spark session on {master} ({type(fault).__name__})",
            place="--master",
            remedy="Name a master that runs, such as local[2] or spark://HOST:7077; Spark's log says more",
        ) from None
    try:
        yield Cluster(session)
    finally:
        session.stop()
