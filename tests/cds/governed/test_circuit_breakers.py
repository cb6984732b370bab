"""An open breaker is told once an hour and at every place where someone looks; it closes by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from services.cds.governed.circuit_breakers import CircuitBreakers

BEGIN = datetime(2026, 3, 1, 12, 40, tzinfo=UTC)


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        """The time it shows."""
        return self.now


def test_it_is_loud_once_and_closes_with_the_hour() -> None:
    """One error line and one hurried report for an hour; readiness names it until the hour is over, then no more."""
    clock, hurried = Clock(), []
    breakers = CircuitBreakers(clock=clock, on_open=lambda: hurried.append(clock.now))
    assert breakers.readiness() == {}
    with structlog.testing.capture_logs() as lines:
        ends = {
            breakers.met("tea-time", reason="cap: 3 cards were shown in this hour", policy="sha256:1") for _ in "abc"
        }
    assert ends == {BEGIN.replace(hour=13, minute=0)}
    assert [line["log_level"] for line in lines] == ["error"]
    assert hurried == [BEGIN]
    assert breakers.readiness() == {"tea-time circuit breaker": "OPEN until 2026-03-01T13:00:00+00:00"}
    clock.now += timedelta(minutes=20)
    assert breakers.readiness() == {}
    breakers.met("tea-time", reason="cap: 3 cards were shown in this hour", policy="sha256:1")
    assert len(hurried) == 2
