"""Nobody goes faster than people and services do; who does is told when to come back."""

from __future__ import annotations

import pytest

from services.guidance.errors import NotFound, TooMany
from services.registry.people.limits import MOST_KEPT, SIGN_INS, RateLimits
from services.registry.settings import RegistrySettings
from tests.registry.conftest import Clock, House, running

pytestmark = pytest.mark.anyio


class Seconds:
    """A clock in seconds."""

    now = 0.0

    def __call__(self) -> float:
        """The time it shows."""
        return self.now


def test_a_minutes_worth_at_once_then_evenly() -> None:
    """And each subject has its own."""
    clock = Seconds()
    limits = RateLimits(writes=60, clock=clock)
    for _ in range(60):
        limits.take("write", "Ann")
    with pytest.raises(TooMany) as many:
        limits.take("write", "Ann")
    assert many.value.seconds == 1
    limits.take("write", "Ben")
    clock.now = 1.0
    limits.take("write", "Ann")
    with pytest.raises(TooMany):
        limits.take("write", "Ann")


def test_it_holds_so_many_and_no_more() -> None:
    """A million addresses do not fill the memory."""
    limits = RateLimits(writes=60, clock=Seconds())
    for number in range(MOST_KEPT + 100):
        limits.take("token", f"{number}")
    assert len(limits._buckets) == MOST_KEPT


async def test_writes_are_limited_by_identity_and_reads_are_not(house: House, clock: Clock) -> None:
    """429 as a problem, with Retry-After; a stop is never held up."""
    settings = RegistrySettings(var=house.settings.var / "slow", writes_per_minute=10)
    async with running(settings, clock) as slow:
        cds = {"Authorization": f"Bearer {slow.tokens['cds']}"}
        answers = [await slow.http.post("/reports", headers=cds, content=b'{"aggregates":[]}') for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert answers[-1].headers["content-type"] == "application/problem+json"
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await slow.http.get("/manifests", headers=cds)).status_code == 200
        for _ in range(12):
            with pytest.raises(NotFound):  # there is nothing to stop, but it was not turned away
                await slow.as_("Ann Clinical").suspend("small")


async def test_sign_in_and_tokens_are_limited_by_address(house: House) -> None:
    """Before any password or key is looked at."""
    answers = [await house.http.post("/token", data={"grant_type": "x"}) for _ in range(61)]
    assert answers[59].status_code == 400
    assert answers[60].status_code == 429
    for _ in range(SIGN_INS):
        house.app.state.limits.take("sign-in", "192.0.2.1")
    with pytest.raises(TooMany):
        house.app.state.limits.take("sign-in", "192.0.2.1")
