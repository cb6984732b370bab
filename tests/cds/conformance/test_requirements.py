"""The list of what binds, and the checks that stand for it: complete, and nothing counted that is not looked at."""

from __future__ import annotations

import pytest

from services.cds.conformance.checks import CHECKS, Faults, check
from services.cds.conformance.requirements import REQUIREMENTS
from services.cds.conformance.run import ORDER
from services.cds.conformance.target import Target


def test_every_numbered_item_is_there() -> None:
    """1 to 59 of CDS Hooks, none left out, and the Inferno items that bind any service."""
    numbers = [number for number in REQUIREMENTS if not number.startswith("I")]
    assert numbers == [str(number) for number in range(1, 60)]
    assert [number for number in REQUIREMENTS if number.startswith("I")] == [
        "I1", "I2", "I3", "I6", "I7", "I8", "I9", "I10", "I14",
    ]  # fmt: skip


@pytest.mark.parametrize("number", REQUIREMENTS)
def test_an_item_is_checked_or_says_why_not(number: str) -> None:
    """An item marked as checked has a check; any other has a reason and none."""
    requirement = REQUIREMENTS[number]
    checks = [one.name for one in CHECKS.values() if number in one.items]
    assert (requirement.marked == "checked") == bool(checks), checks
    assert (requirement.marked == "checked") == (requirement.why == "")


def test_every_check_says_its_claim_in_a_sentence_and_has_a_place() -> None:
    """The docstring is what the report shows."""
    assert [one.name for one in CHECKS.values() if not one.claim.endswith(".")] == []
    assert {one.area for one in CHECKS.values()} == set(ORDER)


def test_a_check_of_an_item_that_there_is_not_is_refused() -> None:
    """A slip in a number is found when the file is read."""
    with pytest.raises(ValueError, match="items that there are not"):

        @check(60)
        def nothing(target: Target) -> Faults:
            """Nothing."""
            yield ""
