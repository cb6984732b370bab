"""How many cases a run has: few enough for every push, and many at night."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

BATCH: Final = 20
"""Cases that are asked at once: they share a commit of the decision log, as calls of a busy hospital do."""


def cases_of(few: int, many: int) -> pytest.MarkDecorator:
    """A test that is run with few cases on every push, and with many at night."""
    at_night = pytest.param(many, marks=[pytest.mark.nightly, pytest.mark.timeout(7200)], id="nightly")
    return pytest.mark.parametrize("cases", [pytest.param(few, id="every-push"), at_night])


def each_batch(of: st.SearchStrategy[Any], cases: int, do: Callable[[list[Any]], None], *, batch: int = BATCH) -> None:
    """Draw so many cases and hand them over, a batch at a time; the same ones in every run of the same length.

    A failure names its case by itself: to make the whole batch smaller first would take minutes.
    """

    @settings(
        max_examples=max(1, cases // batch), derandomize=True, database=None, deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(of, min_size=batch, max_size=batch))
    def one(drawn: list[Any]) -> None:
        do(drawn)

    one()
