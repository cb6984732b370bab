"""When the day of a review passes, the ledger says so once, the overview tells it, and guidance goes on."""

from __future__ import annotations

import pytest

from services.plumbing.database import reading, writing
from services.registry.decisions import reviews
from tests.registry.conftest import House

pytestmark = pytest.mark.anyio


async def test_an_overdue_review_is_entered_once_and_stops_nothing(house: House) -> None:
    """Not on its day; on the day after, by whichever process looks first, and never again."""
    await house.climb(await house.propose(), "silent")
    (shown,) = (await house.as_("Kim Auditor").guidance())[0]["releases"]
    desk = house.app.state.desk
    house.clock.pass_time(days=365)
    assert f"{house.clock():%Y-%m-%d}" <= shown["review_by"]
    with reading(desk.engine) as connection:
        assert not reviews.any_to_enter(connection, house.clock())
    house.clock.pass_time(days=366)
    with writing(desk.engine) as connection:
        assert reviews.enter_overdue(connection, now=house.clock()) == 1
    with writing(desk.engine) as connection:
        assert reviews.enter_overdue(connection, now=house.clock()) == 0
    (shown,) = (await house.as_("Kim Auditor").guidance())[0]["releases"]
    assert (shown["state"], shown["review_overdue"]) == ("silent", True)
    last = (await house.as_("Kim Auditor").ledger())["entries"][-1]
    assert (last["action"], last["detail"]["review_by"]) == ("review overdue", shown["review_by"])
