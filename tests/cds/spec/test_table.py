"""The table of items: every item is in it, and it is what the tests say."""

from __future__ import annotations

import pytest

from services.cds.conformance.requirements import REQUIREMENTS
from tests.cds.spec import table

NUMBERS = [number for number in REQUIREMENTS if not number.startswith("I")]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_item_has_a_named_test(number: str) -> None:
    """A test that bears its number, with a claim in one sentence."""
    tests = table.collected().get(number, [])
    assert tests, f"no test_item_{int(number):02}_… in tests/cds/spec"
    assert all(test.claim.endswith(".") for test in tests)


def test_no_test_bears_a_number_that_there_is_not() -> None:
    """A slip in a name is found."""
    assert set(table.collected()) == set(NUMBERS)


def test_the_page_is_what_the_tests_say() -> None:
    """Items, requirements, tests and checks of the page are those of the code; only results are from when it was written."""
    written = table.PAGE.read_text(encoding="utf-8")
    again = table.page(table.results_of(written))
    assert written == again, "out of date: run `python -m tests.cds.spec.table --write`"
    assert table.results_of(written).keys() == {test.name for tests in table.collected().values() for test in tests}


def test_the_results_are_the_worst_of_each_test() -> None:
    """One parametrised case that fails makes the item's test fail."""
    results = table.Results()
    for case, outcome in (("[a]", "passed"), ("[b]", "failed"), ("[c]", "passed")):
        results.pytest_runtest_logreport(_report(f"x.py::test_item_01_x{case}", outcome))
    assert results.found == {"test_item_01_x": "failed"}
    assert table.results_of("| [`test_item_01_x`](x) Claim. | ✕ failed | |") == results.found


def _report(node: str, outcome: str) -> pytest.TestReport:
    return pytest.TestReport(node, ("x.py", 1, "x"), {}, outcome, None, "call")  # type: ignore[arg-type]
