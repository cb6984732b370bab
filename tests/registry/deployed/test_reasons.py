"""A stop waits for no words; they are due within a day, and what is due is shown until it is given."""

from __future__ import annotations

import pytest

from services.guidance.errors import NotPermitted, Refused
from services.timeline.errors import BadInput
from tests.registry.conftest import House

pytestmark = pytest.mark.anyio


async def test_a_stop_without_a_reason_owes_one(house: House) -> None:
    """Due in 24 hours, late afterwards, kept in the ledger when it is given, and then no longer due."""
    await house.climb(await house.propose(), "silent")
    reader, safety = house.as_("Kim Auditor"), house.as_("Ida Safety")
    await safety.suspend("small")
    (owed,) = await reader.reasons_due()
    assert (owed["by"], owed["due_at"], owed["late"]) == ("Ida Safety", "2026-11-23T14:02:07.000000Z", False)
    house.clock.pass_time(hours=25)
    assert (await reader.reasons_due())[0]["late"]
    for who, said, fault in (("Kim Auditor", "x", NotPermitted), ("Ida Safety", "  ", BadInput)):
        with pytest.raises(fault):
            await house.as_(who).give_reason("small", said)
    await house.as_("Ann Clinical").give_reason("small", "units wrong")
    assert await reader.reasons_due() == []
    told = (await reader.ledger())["entries"][-1]
    assert (told["action"], told["detail"]["reason"], told["detail"]["late"]) == ("reason given", "units wrong", True)
    with pytest.raises(Refused, match="owes a reason"):
        await safety.give_reason("small", "again")


async def test_a_stop_with_a_reason_owes_nothing(house: House) -> None:
    """Nor does a release that another has replaced."""
    await house.climb(await house.propose(), "silent")
    await house.as_("Ida Safety").suspend("small", reason="drill")
    assert await house.as_("Kim Auditor").reasons_due() == []
