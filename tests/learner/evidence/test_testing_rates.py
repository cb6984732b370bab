"""Testing rates: every group is there, none is hidden, and the shares are those counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.learner.evidence.testing_rates import rates_of_testing


def test_all_rows_first_then_every_group() -> None:
    """Shares by counting; who is not recorded is a group of its own; intervals hold the share."""
    tested = np.array([True, False, True, True, False, False])
    groups = {"sex": ["female", "male", "female", "male", None, "male"]}
    found = rates_of_testing(tested, np.arange(6), groups)
    assert [(one.attribute, one.value, one.rows) for one in found] == [
        ("all", "all", 6), ("sex", "female", 2), ("sex", "male", 3), ("sex", "unknown", 1),
    ]  # fmt: skip
    assert [one.share.value for one in found] == pytest.approx([0.5, 1.0, 1 / 3, 0.0])
    assert all(one.share.ci[0] <= one.share.value <= one.share.ci[1] for one in found)


def test_rows_of_one_patient_are_not_counted_as_many_people() -> None:
    """The same hundred rows of ten people leave a wider interval than of a hundred."""
    tested = np.repeat(np.arange(10) % 2 == 0, 10)
    few, many = (rates_of_testing(tested, patients, {})[0].share for patients in (np.arange(100) // 10, np.arange(100)))
    assert few.value == many.value == 0.5
    assert few.ci[1] - few.ci[0] > many.ci[1] - many.ci[0]
