"""In this process, in two processes, by Apache Spark: the same store and the same matrix, to the byte."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.guidance.check import load_guidance
from services.learner.engines.engine import ENGINES, Engine, EngineName, open_engine
from services.learner.feature_matrix import CohortRows, read_cohort_rows
from services.learner.intake.ingest import IngestReport, ingest
from services.plumbing.event_store import MANIFEST, EventStore
from services.timeline.errors import BadInput
from tests.learner.made_up_ward import ward, write_ndjson

SMALL_CHUNKS = 32 * 1024
"""So that there are many tasks, some of which go through files."""


def _spark_or_why_not() -> str:
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "pyspark is not installed: pip install 'knowdo[spark]'"
    return "" if os.environ.get("JAVA_HOME") or shutil.which("java") else "no Java"


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[EngineName, Engine]]:
    """All three, Spark started once, on two cores of this machine."""
    with open_engine("embedded") as embedded, open_engine("processes", workers=2) as processes:
        found: dict[EngineName, Engine] = {"embedded": embedded, "processes": processes}
        if _spark_or_why_not():
            yield found
            return
        with open_engine("spark", master="local[2]") as spark:
            yield found | {"spark": spark}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ward with a line that is no resource."""
    path = write_ndjson(tmp_path_factory.mktemp("source") / "ward.ndjson", ward(700))
    with path.open("a") as file:
        file.write('{"resourceType":"Observation","status":17}\n')
    return path


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, engines: dict[EngineName, Engine]) -> Engine:
    """One of them."""
    if request.param == "spark" and (why := _spark_or_why_not()):
        pytest.skip(why)
    return engines[request.param]


def read(source: Path, folder: Path, engine: Engine) -> IngestReport:
    """Ingest in little pieces."""
    return ingest(source, folder, buckets=3, chunk_bytes=SMALL_CHUNKS, engine=engine)


@pytest.fixture(scope="module")
def expected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IngestReport]:
    """The store that everybody's must be equal to, made without an engine that was named."""
    folder = tmp_path_factory.mktemp("expected") / "store"
    return folder, ingest(source, folder, buckets=3, chunk_bytes=SMALL_CHUNKS, workers=1)


def test_the_store_is_the_same_to_the_byte(
    source: Path, expected: tuple[Path, IngestReport], engine: Engine, tmp_path: Path
) -> None:
    """Every file and the manifest; and the report names the same faults, at the same places, and the same quality."""
    folder, report = expected
    mine = read(source, tmp_path / "store", engine)
    assert mine.digest == report.digest
    assert contents(tmp_path / "store") == contents(folder)
    for told in ("resources", "events", "skipped", "losses", "assumed_by_field", "quality"):
        assert getattr(mine, told) == getattr(report, told)
    assert not read(source, tmp_path / "store", engine).changed


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a store; nothing else lies there."""
    assert (folder / MANIFEST).is_file()
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def test_the_matrix_is_the_same_to_the_byte(
    expected: tuple[Path, IngestReport], engines: dict[EngineName, Engine], engine: Engine, made_up_guidance: Path
) -> None:
    """Values, states, labels, patients, moments, flow and the proof that nothing came from the future."""
    loaded = load_guidance(made_up_guidance)
    store = EventStore.open(expected[0])
    mine, theirs = read_cohort_rows(store, loaded, engine), read_cohort_rows(store, loaded, engines["embedded"])
    assert len(mine) == 700
    assert as_bytes(mine) == as_bytes(theirs)


def as_bytes(rows: CohortRows) -> tuple[object, ...]:
    """Everything that a training reads of the rows."""
    arrays = (rows.values, rows.states, rows.y, rows.looked_for, rows.patients, rows.at)
    return (
        *((array.dtype.str, array.shape, array.tobytes()) for array in arrays),
        *((name, one.y.tobytes(), one.computed.tobytes(), one.states) for name, one in rows.by_prediction.items()),
        rows.names, rows.outcomes, rows.flow, rows.problems, rows.proof,
    )  # fmt: skip


def test_a_bucket_that_is_damaged_is_said_by_every_engine(
    expected: tuple[Path, IngestReport], engine: Engine, made_up_guidance: Path, tmp_path: Path
) -> None:
    """The same error, from whatever machine: which file, and what to do."""
    folder = tmp_path / "store"
    shutil.copytree(expected[0], folder)
    first = sorted(folder.glob("bucket-*"))[0]
    first.write_bytes(b"PAR1 no more")
    with pytest.raises(BadInput, match="missing or damaged") as caught:
        read_cohort_rows(EventStore.open(folder), load_guidance(made_up_guidance), engine, data_end=0)
    assert caught.value.place == str(first)


def test_no_module_but_the_door_loads_spark() -> None:
    """Whoever does not ask for Spark does not wait for it."""
    import subprocess

    code = "import sys, services.learner.commands, services.learner.engines.engine; print('pyspark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
