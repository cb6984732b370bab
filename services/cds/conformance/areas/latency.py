"""Latency: how long a complete call takes, from here."""

from __future__ import annotations

from statistics import median
from typing import Final

from services.cds.conformance.checks import Faults, check
from services.cds.conformance.target import Service, Target

CALLS: Final = 7
MILLISECONDS: Final = 500  # "on the order of 500 ms"


@check(15)
def half_of_the_calls_take_at_most_500_ms(target: Target, service: Service) -> Faults:
    """The median of seven complete calls is at most 500 ms, the network from here included."""
    target.answered(service)
    took = [target.call(service, target.request(service)).milliseconds for _ in range(CALLS)]
    if median(took) > MILLISECONDS:
        yield f"the median is {median(took):.0f} ms (slowest {max(took):.0f} ms)"
