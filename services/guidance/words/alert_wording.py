"""The sentences about how many alerts are right: natural frequencies with their interval, of whom, and from which days."""

from __future__ import annotations

from typing import Final

from services.guidance.alert_evidence import Alerts
from services.guidance.definition import Outcome
from services.guidance.evidence import SilentMonth
from services.guidance.words.evidence_wording import SMALLEST_PER_100
from services.guidance.words.rounding import count_of, denominator, with_interval

NOT_KNOWN: Final = "not known"


def alerts_right(alerts: Alerts | None) -> str:
    """`28 (25 to 31)` of 100; of fewer than 100 the real count, `12 of 40 (17 to 46 of 100)`; of fewer than ten patients no rate."""
    if alerts is None or not alerts.stays:
        return NOT_KNOWN
    if alerts.ppv is None or alerts.right is None:
        return "not shown"
    if alerts.stays < SMALLEST_PER_100:
        low, high = (count_of(bound, 100) for bound in alerts.ppv.ci)
        return f"{alerts.right:,} of {alerts.stays:,} ({low:,} to {high:,} of 100)"
    of = denominator(alerts.ppv.value)
    shown = with_interval(alerts.ppv.value, alerts.ppv.ci, of)
    return shown if of == 100 else f"{shown} of {of:,}"


def alerts_right_from(outcome: Outcome, month: SilentMonth) -> str:
    """What `right` means, in how many stays, and the days of the silent period; or why nothing is known."""
    days = f"silent period {month.since[:10]} to {month.until[:10]}"
    alerts = month.alerts
    if alerts is None:
        return f"{days}: no outcome is known, or it was not counted"
    if not alerts.stays:
        return f"{days}: no stay with a known outcome would have had a card"
    if alerts.right is None:
        return f"{days}: fewer than ten patients with a known outcome would have had a card"
    happened = outcome.happened or f"had the outcome ({outcome.name})"
    return f"{happened}: {alerts.right:,} of {alerts.stays:,} stays with a card that nobody saw; {days}"


def alerts_right_sentence(outcome: Outcome, month: SilentMonth) -> str:
    """One sentence for a page; empty where nothing is known."""
    alerts = month.alerts
    if alerts is None or alerts.right is None or alerts.ppv is None:
        return ""
    happened = outcome.happened or f"had the outcome ({outcome.name})"
    counted = f"{alerts.right:,} of {alerts.stays:,} stays with a known outcome"
    if alerts.stays < SMALLEST_PER_100:
        return f"Of those with such a card {alerts_right(alerts)} {happened}."
    of = denominator(alerts.ppv.value)
    shown = with_interval(alerts.ppv.value, alerts.ppv.ci, of)
    return f"Of {of:,} with such a card {shown} {happened} ({counted})."
