"""What could go wrong, how it would be seen, at which limit, and who stops it: from the guidance and the policy in force.

Each line has the id of its monitor: the report shows it, a control in the risk register names it, and whoever watches
the running guidance reads its limit here. Nothing of it is typed twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.guidance.definition import Guidance
from services.guidance.words.rounding import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """One line of the list."""

    monitor: str
    """The id by which a control names it: `monitor:alert-rate`."""
    what: str
    seen_by: str
    limit: str


def hazards_of(guidance: Guidance) -> tuple[Hazard, ...]:
    """The same limits that the gates and the services enforce: read from there, not typed again."""
    return tuple(_hazards(guidance))


def monitors_of(guidance: Guidance) -> dict[str, Hazard]:
    """What is watched of this guidance, by the id of the monitor."""
    return {hazard.monitor: hazard for hazard in _hazards(guidance)}


def _hazards(guidance: Guidance) -> Iterator[Hazard]:
    policy, about = guidance.policy, guidance.about
    low, high = guidance.evidence.observed_expected
    yield Hazard(
        monitor="observed-expected",
        what="The risks no longer hold: other patients, other care, another code",
        seen_by="events observed against those expected, in the silent month and after",
        limit=f"observed ÷ expected {low:g} to {high:g}",
    )
    yield Hazard(
        monitor="alert-rate",
        what=f"Alarms for nothing. {about.harm_of_false_positive}",
        seen_by="the share of calls with a card, and how often cards are declined and why",
        limit=f"at most {percent(policy.alert_budget)} of calls",
    )
    yield Hazard(
        monitor="missed-events",
        what=f"Missed patients. {about.harm_of_false_negative}",
        seen_by="events without a card before them",
        limit="as in section 3; a fall is seen in observed ÷ expected",
    )
    yield Hazard(
        monitor="groups",
        what="It is worse for some than for others",
        seen_by="the groups of section 6, looked at again on later outcomes",
        limit="as in section 6",
    )
    unknown = "answers and says so" if policy.when_unknown == "answer" else "says nothing and keeps why"
    yield Hazard(
        monitor="unknown-inputs",
        what="Data that it needs are not there",
        seen_by="the share of features unknown; required data missing is an error, never silence",
        limit=f"above {percent(policy.max_unknown_share)} unknown it abstains; below, it {unknown}",
    )
    if policy.circuit_breaker is not None:
        yield Hazard(
            monitor="cards-per-hour",
            what="A fault makes it speak all the time",
            seen_by="cards in an hour",
            limit=f"{policy.circuit_breaker.cards_per_hour:g} cards an hour; above, callers get an error",
        )
