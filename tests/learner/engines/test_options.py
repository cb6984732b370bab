"""Which engine a command takes: what is said, else what the settings say; a slip is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.learner.settings import LearnerSettings
from services.learner.terminal import engine_of
from services.learner.workers import Pool
from services.timeline.errors import BadInput


def settings(tmp_path: Path, **said: str) -> LearnerSettings:
    """The settings of a learner."""
    return LearnerSettings.model_validate({"var": tmp_path, **said})


def test_processes_are_as_many_as_the_work_needs(tmp_path: Path) -> None:
    """No engine is opened before: a small source starts no worker."""
    with engine_of(settings(tmp_path), None, "", 2) as engine:
        assert engine is None


def test_an_option_goes_before_a_setting(tmp_path: Path) -> None:
    """Spark in the settings, this process on the command line."""
    with engine_of(settings(tmp_path, engine="spark"), "embedded", "", None) as engine:
        assert isinstance(engine, Pool)
        assert engine.workers == 1


def test_a_master_for_another_engine_is_refused(tmp_path: Path) -> None:
    """Nobody waits for a cluster that was never asked."""
    with (
        pytest.raises(BadInput, match="a master, but the engine is `embedded`"),
        engine_of(settings(tmp_path), "embedded", "local[2]", None),
    ):
        pass
