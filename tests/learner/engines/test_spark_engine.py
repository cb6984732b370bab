"""Waves of tasks and their answers, on a cluster that is this very process: order, files, and what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from services.guidance.errors import NotPermitted, Refused, Unavailable
from services.learner.engines.engine import open_engine
from services.learner.engines.spark_engine import SMALL, TASKS_A_CORE, UNDER_WAY, SparkEngine
from services.timeline.errors import BadInput


class InThisProcess:
    """Answers in this process, and remembers what it was asked."""

    cores = 1

    def __init__(self) -> None:
        self.waves: list[list[bytes]] = []
        self.cancelled = threading.Event()

    def map(self, function: Callable[[bytes], bytes | memoryview], messages: list[bytes], /) -> list[bytes]:
        """As Spark would."""
        self.waves.append(messages)
        return [bytes(function(message)) for message in messages]

    def cancel(self) -> None:
        """Remember it."""
        self.cancelled.set()


class Large(msgspec.Struct, frozen=True):
    """A task that brings much with it."""

    staging: str
    data: bytes


def square(number: int) -> int:
    """The work."""
    return number * number


def size(task: Large) -> tuple[int, int]:
    """How much came, and how many files lie where it lay."""
    return len(task.data), len(list(Path(task.staging).iterdir()))


def refuse(number: int) -> int:
    """A rule forbids it."""
    raise NotPermitted(f"not {number}", place="here", remedy="Ask")


def test_results_come_in_order_wave_after_wave() -> None:
    """More items than a wave holds, and a source that is read no further than is needed."""
    cluster, taken = InThisProcess(), []

    def items() -> object:
        for number in range(1_000):
            taken.append(number)
            yield number

    results = SparkEngine(cluster).map_in_order(square, items())  # type: ignore[arg-type]
    assert [next(results) for _ in range(9)] == [n * n for n in range(9)]
    assert len(taken) <= TASKS_A_CORE * (UNDER_WAY + 3)
    assert list(results) == [n * n for n in range(9, 1_000)]
    assert max(map(len, cluster.waves)) == TASKS_A_CORE


def test_what_is_large_lies_in_a_file_until_its_result_is_here(tmp_path: Path) -> None:
    """Only its place goes through the cluster; nothing is left behind."""
    cluster = InThisProcess()
    found = list(SparkEngine(cluster).map_in_order(size, [Large(str(tmp_path), bytes(SMALL + n)) for n in range(3)]))
    assert [length for length, _ in found] == [SMALL, SMALL + 1, SMALL + 2]
    assert found[0][1] == 3
    assert max(len(message) for wave in cluster.waves for message in wave) < 4_096
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_a_person_can_act_on_arrives_as_one() -> None:
    """As the nearest of the kinds that cross, with place and remedy; what is under way is ended."""
    cluster = InThisProcess()
    with pytest.raises(Refused, match="not 1") as caught:
        list(SparkEngine(cluster).map_in_order(refuse, [1]))
    assert (caught.value.place, caught.value.remedy) == ("here", "Ask")
    assert cluster.cancelled.is_set()


def test_an_engine_that_is_not_known_is_refused() -> None:
    """With those that are."""
    with pytest.raises(BadInput, match="embedded, processes, spark"), open_engine("sparc"):  # type: ignore[arg-type]
        pass


def test_without_java_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'knowdo[spark]'")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match="needs Java"), open_engine("spark", master="local[1]"):
        pass
