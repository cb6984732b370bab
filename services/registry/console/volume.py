"""How many cards a deployment would show, from what the release decided in silence: by site where it was reported so.

Nothing is guessed. A place of which nothing was reported is named, and where nothing at all is known, that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from services.guidance.definition import Guidance
from services.guidance.lifecycle import SPEAKING
from services.guidance.manifest import EVERYWHERE
from services.guidance.words import console_wording as words
from services.registry.decisions import proposals, trials
from services.registry.decisions.reports import read_silent
from services.registry.deployed.deployments import ALL, Deployment
from services.registry.tables import instant_text, reports

DAYS: Final = 28
"""Four weeks, so that every day of the week counts alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What one release decided in its silent stage at some sites: calls, cards that were due, and days with reports."""

    calls: int
    due: int
    days: int
    unheard: tuple[str, ...]
    """Sites that were asked for and of which nothing was reported."""


def volume_of(connection: Connection, planned: Deployment, guidance: Guidance, now: datetime) -> list[str]:
    """The effect of a deployment on the number of cards, as sentences, the most certain first."""
    if planned.stage not in SPEAKING:
        return ["It stays silent there: it computes, and nobody sees a card."]
    found = reported_silence(connection, planned.release, planned.sites, now)
    share = planned.share / ALL
    trial = trials.filed_last(connection, planned.proposal)
    shown = 1.0 if trial is None else sum(trial.probability_of(arm) for arm in trial.arms if arm.shows)
    where = "at all sites" if EVERYWHERE in planned.sites else f"at {', '.join(planned.sites)}"
    said = []
    if found is not None:
        said.append(words.silent_days(where, calls=found.calls, due=found.due, days=found.days))
        said.append(words.cards_to_come(found.due / found.days, share=share, shown=shown))
        if found.unheard:
            said.append(f"Of {', '.join(found.unheard)} nothing was reported; how many cards it adds is not known.")
        rate = found.due / found.calls if found.calls else None
    elif (pack := proposals.latest_packs(connection, planned.release).get("silent")) is not None:
        month = read_silent(pack)
        days = max((datetime.fromisoformat(month.until) - datetime.fromisoformat(month.since)).days, 1)
        rate = month.alert_rate.value
        said.append(words.silent_month(month.alert_rate, decisions=month.decisions, days=days))
        said.append(words.cards_to_come(rate * month.decisions / days, share=share, shown=shown))
        if EVERYWHERE not in planned.sites:
            said.append(f"The silent month is not told by site, so the part of it that falls {where} is not known.")
    else:
        return ["Not known: there is no silent month of this release, and no site has reported silent decisions of it."]
    if rate is not None and rate > guidance.policy.alert_budget:
        said.append("That is more than was agreed.")
    said.append(f"Agreed are at most {guidance.policy.alert_budget * 100:.0f} of 100 calls.")
    return said


def reported_silence(connection: Connection, release: str, sites: Sequence[str], now: datetime) -> Silence | None:
    """The silent days of the last four weeks, from the counts that CDS services sent; None if there are none.

    A day on which anything of it was shown or masked is left out: there it was asked for a part of the patients only.
    """
    first = instant_text(now - timedelta(days=DAYS - 1))[:10]
    asked = select(reports.c.site, reports.c.day, reports.c.counts).where(
        reports.c.release == release, reports.c.day >= first
    )
    calls = due = 0
    days: set[str] = set()
    heard: set[str] = set()
    for site, day, counts in connection.execute(asked):
        wanted = EVERYWHERE in sites or site in sites
        if wanted and counts.get("calls", 0) and not counts.get("shown", 0) and not counts.get("masked", 0):
            calls, due = calls + counts["calls"], due + counts.get("silent", 0)
            days.add(day)
            heard.add(site)
    if not days:
        return None
    unheard = tuple(site for site in sites if site not in heard and site != EVERYWHERE)
    return Silence(calls=calls, due=due, days=len(days), unheard=unheard)
